//! Compiles the `.proto` files with protox, so that no `protoc` is needed.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script lives on cargo's variables and files"
)]

use std::path::PathBuf;

use prost_types::FileDescriptorSet;

const FILES: [&str; 5] = [
    "capstan/v1/types.proto",
    "capstan/v1/session.proto",
    "capstan/v1/enroll.proto",
    "capstan/v1/content.proto",
    "capstan/v1/query.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("capstan.v1.descriptors"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    let rpc = std::env::var_os("CARGO_FEATURE_RPC").is_some();
    let mut build = tonic_prost_build::configure()
        .btree_map(".")
        .build_client(rpc)
        .build_server(rpc);
    for message in shown(&descriptors) {
        build = build.type_attribute(message, SHOWN);
    }
    build.compile_fds(descriptors)?;
    Ok(())
}

/// What `-o json` prints.
const SHOWN: &str = "#[derive(serde::Serialize)] #[serde(rename_all = \"camelCase\")]";

/// The messages that people see as JSON: all of the operators' API, and what they consist of.
fn shown(descriptors: &FileDescriptorSet) -> Vec<String> {
    let query = descriptors
        .file
        .iter()
        .filter(|file| file.name().ends_with("/query.proto"))
        .flat_map(|file| &file.message_type)
        .map(|message| format!(".capstan.v1.{}", message.name()));
    let shared = ["ObjectKey", "DriftField"].map(|name| format!(".capstan.v1.{name}"));
    query.chain(shared).collect()
}
