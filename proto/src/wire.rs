//! Generated messages and, with the feature `rpc`, service stubs; nothing else.

#![expect(
    missing_docs,
    reason = "generated code; the .proto files carry the documentation"
)]
#![cfg_attr(
    feature = "rpc",
    expect(
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        reason = "the generator writes them into service stubs"
    )
)]

include!(concat!(env!("OUT_DIR"), "/capstan.v1.rs"));

/// The encoded `FileDescriptorSet` of every `.proto` file, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/capstan.v1.descriptors"));
