//! Looking at the machine.

use std::net::TcpListener;
use std::path::Path;

use ironclad_runtime::{Host, USUAL_SOCKETS};
use jiff::Timestamp;

use super::{Facts, Needs, Problem, TakenPort, ports};

/// Gathers what [`problems`](super::problems) judges. Changes nothing on the machine.
pub async fn gather(needs: &Needs, now: Timestamp) -> Facts {
    let (runtime, nf_tables) = match needs.node {
        true => (runtime_problem(needs).await, nf_tables_problem()),
        false => (None, None),
    };
    Facts {
        is_root: rustix::process::geteuid().is_root(),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        now,
        free_bytes: free_bytes(&needs.data),
        data: needs.data.clone(),
        taken: needs.listen.iter().filter_map(|(address, key)| taken(*address, key)).collect(),
        runtime,
        nf_tables,
        cgroups: !needs.node
            || Path::new("/sys/fs/cgroup").read_dir().is_ok_and(|mut dir| dir.next().is_some()),
    }
}

/// Of the nearest folder that exists: the data's own may not yet.
fn free_bytes(folder: &Path) -> Option<u64> {
    let existing = folder.ancestors().find(|folder| folder.exists())?;
    let figures = rustix::fs::statvfs(existing).ok()?;
    Some(figures.f_bavail.saturating_mul(figures.f_frsize))
}

fn taken(address: std::net::SocketAddr, key: &'static str) -> Option<TakenPort> {
    // Binding is the only sure test; the listener is gone at once.
    let error = TcpListener::bind(address).err()?;
    let owner = match error.kind() {
        std::io::ErrorKind::AddrInUse => ports::owner(address.port()),
        _ => None,
    };
    Some(TakenPort { address, key, owner, error: error.to_string() })
}

async fn runtime_problem(needs: &Needs) -> Option<Problem> {
    if let Some(socket) = &needs.runtime_socket {
        let found = ironclad_runtime::find([socket]).await;
        return found.is_none().then(|| {
            Problem::new(
                format!("no container runtime answers CRI v1 at {}", socket.display()),
                "start it, or let Ironclad start a containerd of its own: --runtime own",
            )
        });
    }
    if !needs.own_runtime && ironclad_runtime::find(USUAL_SOCKETS).await.is_some() {
        return None;
    }
    let error = Host::look(None).await.err()?.to_string();
    // These errors carry their next step, after a semicolon, where there is one.
    let (what, next) = error.split_once("; run: ").map_or((error.as_str(), ""), |(what, run)| (what, run));
    let other = "name a running container runtime with --runtime SOCKET";
    let next = if next.is_empty() { other.to_owned() } else { format!("run: {next}") };
    Some(Problem::new(what, next))
}

/// Lists our own tables, which asks the kernel without changing anything.
fn nf_tables_problem() -> Option<String> {
    let listed = ironclad_nft::Netfilter::open().and_then(|mut kernel| kernel.list("ironclad").map(drop));
    listed.err().map(|error| error.to_string())
}
