//! Overrides, pins, layers and Helm values.
