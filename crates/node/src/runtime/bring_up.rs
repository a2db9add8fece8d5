//! Finding a runtime that is there, or starting a containerd of our own and keeping it running.

use std::path::PathBuf;
use std::sync::Arc;

use ironclad_cri::{Cri, CriClient, CriError, Deadlines};
use ironclad_env::{Env, Task};
use ironclad_runtime::images::{ImportError, Importer};
use ironclad_runtime::{Change, Containerd, Found, Layout, RuntimeError, Settings, USUAL_SOCKETS};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::config::{AgentConfig, Paths, RuntimeChoice};

/// Why there is no runtime to work with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeUpError {
    #[error("no container runtime answers CRI v1 at {}", .0.display())]
    NoAnswer(PathBuf),
    #[error(transparent)]
    Own(#[from] RuntimeError),
    #[error("the sandbox image is not in the runtime: {0}")]
    SandboxImage(#[from] ImportError),
    #[error(transparent)]
    Cri(#[from] CriError),
}

/// A runtime that answers.
pub(crate) struct RuntimeUp {
    pub cri: Arc<dyn Cri>,
    pub name: String,
    pub version: String,
    pub socket: PathBuf,
    /// Where the runtime looks for its network configuration.
    pub cni_conf: PathBuf,
    /// Kept for as long as the agent runs.
    pub runtime: Runtime,
}

/// What watches over a containerd of our own; a foreign runtime is watched over by others.
pub(crate) struct Runtime {
    keeper: Mutex<Option<Task>>,
    /// Counts the times the runtime came up: whoever lists what it has does so again.
    ups: watch::Receiver<u64>,
}

impl Runtime {
    /// How often the runtime has come up so far; changes when it does so again.
    pub(crate) fn ups(&self) -> watch::Receiver<u64> {
        self.ups.clone()
    }

    /// Leaves the runtime alone from now on. It runs on.
    pub(crate) fn let_go(&self) {
        if let Some(keeper) = self.keeper.lock().take() {
            keeper.abort();
        }
    }
}

/// Finds or starts the runtime, and makes sure that it has the sandbox image.
pub(crate) async fn bring_up(config: &AgentConfig, env: &Env) -> Result<RuntimeUp, RuntimeUpError> {
    let found = match &config.runtime {
        RuntimeChoice::Own => None,
        RuntimeChoice::Auto => ironclad_runtime::find(USUAL_SOCKETS).await,
        RuntimeChoice::Socket(socket) => match ironclad_runtime::find([socket]).await {
            Some(found) => Some(found),
            None => return Err(RuntimeUpError::NoAnswer(socket.clone())),
        },
    };
    match found {
        Some(found) => foreign(config, found).await,
        None => own(config, env).await,
    }
}

async fn foreign(config: &AgentConfig, found: Found) -> Result<RuntimeUp, RuntimeUpError> {
    let cri: Arc<dyn Cri> = Arc::new(CriClient::new(&found.socket, Deadlines::default()));
    // What it starts sandboxes from is its own choice; where that is ours to bring, it is brought.
    let image = found.sandbox_image.clone().unwrap_or_else(|| config.sandbox_image.clone());
    if found.name == "containerd" {
        let importer = Importer::new(&found.socket, found.snapshotter.as_deref());
        importer.ensure_sandbox_image(&*cri, &image).await?;
    }
    tracing::info!(socket = %found.socket.display(), name = found.name, version = found.version, "container runtime");
    let (_, ups) = watch::channel(1);
    let default_conf = || PathBuf::from("/etc/cni/net.d");
    Ok(RuntimeUp {
        cri,
        name: found.name,
        version: found.version,
        socket: found.socket,
        cni_conf: found.cni_conf_dir.unwrap_or_else(default_conf),
        runtime: Runtime { keeper: Mutex::new(None), ups },
    })
}

/// The containerd that is the agent's own, whether or not it runs.
pub(crate) fn own_containerd(paths: &Paths, sandbox_image: &str) -> Containerd {
    Containerd::new(Settings {
        layout: Layout::new(paths.data.join("containerd"), paths.run.join("containerd")),
        sandbox_image: sandbox_image.to_owned(),
        cni_conf_dir: paths.cni_conf(),
        cni_bin_dir: paths.cni_bin.clone(),
    })
}

async fn own(config: &AgentConfig, env: &Env) -> Result<RuntimeUp, RuntimeUpError> {
    let containerd = own_containerd(&config.paths, &config.sandbox_image);
    let running = containerd.ensure_running().await?;
    let cri: Arc<dyn Cri> = Arc::new(containerd.client());
    running.importer().ensure_sandbox_image(&*cri, &config.sandbox_image).await?;
    let version = cri.version().await?;
    let (sender, ups) = watch::channel(0);
    let keep = async move {
        let report = move |change: Change| match change {
            Change::Up(running) => {
                tracing::info!(pid = running.pid, started = running.started, "containerd answers");
                sender.send_modify(|ups| *ups += 1);
            }
            Change::Down { pid } => tracing::warn!(pid, "containerd has ended"),
            Change::Failed { error, retry_in } => {
                tracing::error!(%error, ?retry_in, "containerd does not start")
            }
        };
        containerd.keep_running(&report).await;
    };
    let keeper = env.spawn("containerd-keeper", Box::pin(keep));
    Ok(RuntimeUp {
        cri,
        name: version.runtime_name,
        version: version.runtime_version,
        socket: running.socket,
        cni_conf: config.paths.cni_conf(),
        runtime: Runtime { keeper: Mutex::new(Some(keeper)), ups },
    })
}
