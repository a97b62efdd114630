//! Tests of the operators' socket.

use std::os::unix::fs::PermissionsExt as _;

use super::{connect, listen};

#[tokio::test]
async fn a_path_too_long_for_an_address_works_and_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("d".repeat(100)).join("e".repeat(100));
    std::fs::create_dir_all(&deep).unwrap();
    let path = deep.join("hub.sock");
    let listener = listen(&path).unwrap();
    let (dialled, accepted) = tokio::join!(connect(&path), listener.accept());
    assert!(dialled.is_ok() && accepted.is_ok());
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn a_dead_hubs_socket_is_replaced_and_a_live_ones_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hub.sock");
    let live = listen(&path).unwrap();
    assert_eq!(
        listen(&path).unwrap_err().kind(),
        std::io::ErrorKind::AddrInUse
    );
    drop(live);
    let live = listen(&path).unwrap();
    let (dialled, accepted) = tokio::join!(connect(&path), live.accept());
    assert!(dialled.is_ok() && accepted.is_ok());
    // Nothing of its making stays.
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}
