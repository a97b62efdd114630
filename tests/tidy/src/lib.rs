//! What a reviewer would otherwise check by hand: purity, dead files, sizes, first lines
