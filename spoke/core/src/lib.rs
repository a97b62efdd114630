//! What a spoke judges.
