//! Generated messages and, with the feature `rpc`, service stubs; nothing else.

#![expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code; the .proto files carry the documentation"
)]

include!(concat!(env!("OUT_DIR"), "/capstan.v1.rs"));

/// The encoded `FileDescriptorSet` of every `.proto` file, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/capstan.v1.descriptors"));
