//! Benchmarks of whole paths: commit to applied, drift to healed; printed, never gating
