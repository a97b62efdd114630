//! The settings that libgit2 keeps for the whole process; the only unsafe code of the hub.
//!
//! The machine's own Git configuration is shut out: an `insteadOf` or a credential helper in somebody's `.gitconfig`
//! must not change where a fleet comes from.

use std::ffi::c_int;
use std::sync::OnceLock;

use git2::{ConfigLevel, Error};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT_MS: c_int = 10_000;

/// How long a server may be silent. A large repository is compressed for some seconds before the first byte.
pub(super) const SERVER_TIMEOUT_MS: c_int = 30_000;

/// Objects in one pack: 20,000 files in 100 versions, with their folders and commits.
const PACK_OBJECTS_MAX: usize = 4_000_000;

/// Bytes of one object in a pack, before libgit2 allocates it. Only manifests are read, and those have at most 2 MiB;
/// but a repository may hold other files.
const PACK_OBJECT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Sets them, once; later calls return what the first one did.
pub fn prepare() -> Result<(), Error> {
    static PREPARED: OnceLock<Result<(), (git2::ErrorCode, git2::ErrorClass, String)>> =
        OnceLock::new();
    let kept = PREPARED.get_or_init(|| {
        set().map_err(|error| (error.code(), error.class(), error.message().to_owned()))
    });
    kept.clone()
        .map_err(|(code, class, message)| Error::new(code, class, message))
}

#[expect(
    unsafe_code,
    reason = "libgit2 keeps these in unsynchronised globals; OnceLock lets one thread set them before any repository is opened"
)]
fn set() -> Result<(), Error> {
    // SAFETY: every use of git2 in this crate goes through a `Follower`, whose constructor calls `prepare` first; so
    // no other thread is inside libgit2 while this runs, and it runs once.
    unsafe {
        for level in [
            ConfigLevel::System,
            ConfigLevel::Global,
            ConfigLevel::XDG,
            ConfigLevel::ProgramData,
        ] {
            git2::opts::set_search_path(level, "")?;
        }
        git2::opts::set_server_connect_timeout_in_milliseconds(CONNECT_TIMEOUT_MS)?;
        git2::opts::set_server_timeout_in_milliseconds(SERVER_TIMEOUT_MS)?;
        // A local source may belong to another user. Nothing of it is ever executed, and with the machine's
        // configuration shut out nobody could allow it by `safe.directory`.
        git2::opts::set_verify_owner_validation(false)?;
        limit(
            libgit2_sys::GIT_OPT_SET_PACK_MAX_OBJECTS as c_int,
            PACK_OBJECTS_MAX,
        )?;
        limit(
            libgit2_sys::GIT_OPT_SET_PACK_MAX_OBJECT_SIZE as c_int,
            PACK_OBJECT_BYTES_MAX,
        )?;
    }
    git2::opts::strict_hash_verification(true);
    git2::opts::strict_object_creation(true);
    Ok(())
}

/// Sets an option of type `size_t` for which git2 has no function.
///
/// # Safety
/// The option must be one that takes a single `size_t`, and no other thread may be inside libgit2.
#[expect(
    unsafe_code,
    reason = "libgit2's option function is variadic and only reachable raw"
)]
unsafe fn limit(option: c_int, value: usize) -> Result<(), Error> {
    // SAFETY: the caller promises the option's type and that nobody else uses libgit2.
    let code = unsafe { libgit2_sys::git_libgit2_opts(option, value) };
    if code < 0 {
        Err(Error::last_error(code))
    } else {
        Ok(())
    }
}
