//! What a hub decides.
