//! The container runtime that the node uses, as a command finds it from outside.

use std::path::PathBuf;

use ironclad_cri::{CriClient, Deadlines};
use ironclad_runtime::images::Importer;
use ironclad_runtime::{Layout, USUAL_SOCKETS};

use super::no_runtime;
use crate::config::Config;
use crate::failure::Failure;

pub struct Runtime {
    socket: PathBuf,
    snapshotter: Option<String>,
}

impl Runtime {
    pub fn client(&self) -> CriClient {
        CriClient::new(&self.socket, Deadlines::default())
    }

    pub fn importer(&self) -> Importer {
        Importer::new(&self.socket, self.snapshotter.as_deref())
    }
}

/// In the order in which the agent chooses: the configured one, a foreign one that runs, our own.
pub async fn find(config: &Config) -> Result<Runtime, Failure> {
    let own = Layout::new(config.data.join("containerd"), config.run.join("containerd")).socket();
    let sockets: Vec<PathBuf> = match config.node.runtime.as_str() {
        "own" => vec![own],
        "auto" if own.exists() => vec![own],
        "auto" => USUAL_SOCKETS.iter().map(PathBuf::from).chain([own]).collect(),
        socket => vec![socket.into()],
    };
    match ironclad_runtime::find(&sockets).await {
        Some(found) => Ok(Runtime { socket: found.socket, snapshotter: found.snapshotter }),
        None => {
            let tried: Vec<String> = sockets.iter().map(|socket| socket.display().to_string()).collect();
            Err(no_runtime(format!("no container runtime answers at {}", tried.join(" or "))))
        }
    }
}
