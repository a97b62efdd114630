//! Integration tests: real TLS, real store, real Git, simulated clusters
