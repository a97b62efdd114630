//! Tests of `protobuf`.
