//! The spoke's shell.
