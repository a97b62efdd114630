//! Which process holds a Lease, and when another one may know that it has ended.
//!
//! A process that was killed leaves its Lease behind, and whoever follows waits for its end, unless it *knows* that
//! the holder does not run any more. Two live agents must never both act, so that only these count as knowing:
//!
//! 1. **Same kernel, same process table.** The boot id and the namespaces of PIDs and of time (which shifts the
//!    times of starts) are the holder's, and its number is free in `/proc`, or taken by a process that started at
//!    another time. The number of a namespace may be used again only after the namespace is gone, and it goes with
//!    its last process: an equal number means the same namespace, or that the holder is gone anyway. `/proc` must be
//!    that of our own namespace (it shows us under our own number) and show processes of others (it shows number 1),
//!    otherwise nothing is known. A holder that is a zombie counts as alive: its other threads may run.
//! 2. **Same pod.** The pod's UID, the boot id and the network namespace are the holder's, both of us are number 1 of
//!    a container, and both serve health at the same address, which we have bound. A container is started again only
//!    after its number 1 has ended. Another container of the pod shares its network, where an address has one owner:
//!    were the holder alive, it would not have been ours to bind. A node that forgot its containers may give the same
//!    pod a new network while the old container runs on: that is another namespace, and nothing is known. A process
//!    that somebody started in the container by `exec` is not number 1, and neither waits less nor is waited for less.
//!
//! Everything else (another host, an older agent, anything that cannot be read) waits. What the API server still
//! carries out of a dead process is waited for as after a lost Lease, see [`super::SETTLE`].

use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Environment variable with the UID of our pod, which the Deployment sets.
pub const POD_UID: &str = "CAPSTAN_POD_UID";

/// One process of one boot of one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    boot: String,
    /// The namespaces of PIDs and of time, as the kernel names them.
    table: String,
    pid: u32,
    /// In ticks since the boot.
    started: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pod: Option<Pod>,
}

/// The pod that a process runs in, and the address that it has bound there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pod {
    uid: String,
    address: SocketAddr,
    /// The namespace of the network that the address is in, as the kernel names it; empty in the trace of an older
    /// agent, which equals none of ours.
    #[serde(default)]
    network: String,
}

impl Process {
    /// This process, which has bound `address`; `None` where the system does not tell.
    #[must_use]
    pub fn this(address: Option<SocketAddr>) -> Option<Self> {
        let uid = std::env::var(POD_UID).ok().filter(|uid| !uid.is_empty());
        // Port 0 is any port: whoever has bound one holds nothing against others.
        let pod = uid.zip(address.filter(|address| address.port() != 0));
        Self::read(Path::new("/proc"), pod)
    }

    fn read(proc: &Path, pod: Option<(String, SocketAddr)>) -> Option<Self> {
        let text = |path: &str| std::fs::read_to_string(proc.join(path)).ok();
        let link = |path: &str| std::fs::read_link(proc.join(path)).ok();
        let pid = std::process::id();
        let shown_as = link("self")?;
        if shown_as.to_str() != Some(&pid.to_string()) || !proc.join("1").exists() {
            return None;
        }
        let pod = pod.zip(link("self/ns/net"));
        Some(Self {
            boot: text("sys/kernel/random/boot_id")?.trim().to_owned(),
            table: format!(
                "{} {}",
                link("self/ns/pid")?.display(),
                // Older kernels have none.
                link("self/ns/time").unwrap_or_default().display()
            ),
            pid,
            started: started(&text("self/stat")?)?,
            pod: pod.map(|((uid, address), network)| Pod {
                uid,
                address,
                network: network.display().to_string(),
            }),
        })
    }

    /// Reads what [`Self::to_text`] wrote; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// One line.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("it has only strings and numbers")
    }

    /// Whether `holder` does certainly not run any more; asked by a process that runs.
    #[must_use]
    pub fn knows_ended(&self, holder: &Self) -> bool {
        self.knows(holder, Path::new("/proc"))
    }

    fn knows(&self, holder: &Self, proc: &Path) -> bool {
        if self.boot != holder.boot {
            return false;
        }
        let same_pod = self.pod.is_some() && self.pod == holder.pod;
        if same_pod && self.pid == 1 && holder.pid == 1 {
            return (&self.table, self.started) != (&holder.table, holder.started);
        }
        self.table == holder.table && is_gone(proc, holder)
    }
}

/// Whether no process of this number, or one that started at another time, is in the table.
fn is_gone(proc: &Path, holder: &Process) -> bool {
    match std::fs::read_to_string(proc.join(holder.pid.to_string()).join("stat")) {
        Ok(stat) => started(&stat).is_some_and(|started| started != holder.started),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// The 22nd field of `/proc/PID/stat`. The second is a name in brackets, which may contain anything.
fn started(stat: &str) -> Option<u64> {
    let (_, after) = stat.rsplit_once(") ")?;
    after.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests;
