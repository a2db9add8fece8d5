//! A containerd of our own: started, watched, stopped.
//!
//! ```text
//!             ensure_running                    dies
//!   Stopped ───────────────────► Running ─────────────────► Stopped
//!      ▲                           │  ▲                        │
//!      │           stop            │  └── keep_running, with ──┘
//!      └───────────────────────────┘      a growing pause
//! ```
//!
//! It is a child only by birth: it has a session of its own, writes its log itself, and a later Ironclad
//! finds it again by its socket and its pid file. Containers depend on neither: each has a shim of its own.

mod launch;
mod log;

use std::path::PathBuf;
use std::time::Duration;

use ironclad_cri::{Cri, CriClient, Deadlines};

use crate::config::{ConfigFacts, Snapshotter, render};
use crate::host::{Host, snapshotter_for};
use crate::process::{Handle, Identity, listener_of};
use crate::{Layout, RuntimeError};

/// What the caller decides.
#[derive(Debug, Clone)]
pub struct Settings {
    pub layout: Layout,
    /// The image of pod sandboxes, such as `ironclad.local/pause:1`; see
    /// [`images::ensure_sandbox_image`](crate::images::ensure_sandbox_image).
    pub sandbox_image: String,
    /// Where the network configuration will be; it may come later, containerd watches the folder.
    pub cni_conf_dir: PathBuf,
    /// Where the CNI plugins are; `None` looks in [`CNI_BIN_DIRS`](crate::CNI_BIN_DIRS).
    pub cni_bin_dir: Option<PathBuf>,
}

/// One containerd with folders of its own.
#[derive(Debug, Clone)]
pub struct Containerd {
    settings: Settings,
}

/// A containerd that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub socket: PathBuf,
    pub pid: i32,
    /// Started by this call; `false`: it ran already.
    pub started: bool,
    pub snapshotter: Snapshotter,
}

/// How containerd is right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Answers CRI.
    Running { pid: i32, version: String },
    /// The process is there and does not answer: starting, or stuck.
    Silent { pid: i32, reason: String },
    /// There is no process.
    Stopped,
}

/// What [`Containerd::keep_running`] reports.
#[derive(Debug)]
pub enum Change {
    /// It answers; `started` says whether it had to be started.
    Up(Running),
    /// It ended or was ended because it was stuck; it is started again at once.
    Down { pid: i32 },
    /// It could not be started; the next attempt comes after `retry_in`.
    Failed { error: RuntimeError, retry_in: Duration },
}

/// How long containerd may take to answer after its start. It loads every container first.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Between SIGTERM and SIGKILL.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// Between two looks while waiting for it to answer.
const POLL: Duration = Duration::from_millis(10);
/// Between two questions to one that runs.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// So many questions without an answer mean that it is stuck.
const MISSES_ALLOWED: u32 = 6;
/// Pauses before another attempt to start it.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

impl Containerd {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    pub fn layout(&self) -> &Layout {
        &self.settings.layout
    }

    /// A client of its socket, whether or not it runs.
    pub fn client(&self) -> CriClient {
        CriClient::new(self.layout().socket(), Deadlines::default())
    }

    /// Returns once containerd answers CRI with the configuration it should have: it is started if there is
    /// none, restarted if its configuration has changed or it is stuck, and left alone otherwise.
    pub async fn ensure_running(&self) -> Result<Running, RuntimeError> {
        let host = Host::look(self.settings.cni_bin_dir.as_deref()).await?;
        launch::make_folders(self.layout())?;
        let _lock = launch::lock(self.layout()).await?;
        let snapshotter = self.chosen_snapshotter();
        let changed = self.write_config(&host, snapshotter)?;
        let running = |identity: Identity, started| Running {
            socket: self.layout().socket(),
            pid: identity.pid,
            started,
            snapshotter,
        };
        if let Some(old) = self.process().await {
            if !changed && self.answers(old).await {
                self.remember(old)?;
                return Ok(running(old, false));
            }
            self.end(old).await?;
        }
        let new = self.start(&host).await?;
        Ok(running(new, true))
    }

    /// How it is right now; changes nothing.
    pub async fn health(&self) -> Health {
        let Some(identity) = self.process().await else { return Health::Stopped };
        match self.client().version().await {
            Ok(version) => Health::Running { pid: identity.pid, version: version.runtime_version },
            Err(error) => Health::Silent { pid: identity.pid, reason: error.to_string() },
        }
    }

    /// Ends it. Containers run on, unsupervised, until it is started again. No error when there is none.
    pub async fn stop(&self) -> Result<(), RuntimeError> {
        if !self.layout().run_dir().exists() {
            return Ok(());
        }
        let _lock = launch::lock(self.layout()).await?;
        if let Some(identity) = self.process().await {
            self.end(identity).await?;
        }
        Ok(())
    }

    /// Keeps it running for ever: starts it again when it dies or is stuck, and tells `on_change`.
    /// Stop by dropping the future; containerd runs on.
    pub async fn keep_running(&self, on_change: &(dyn Fn(Change) + Send + Sync)) {
        let mut pause = FIRST_RETRY;
        loop {
            match self.ensure_running().await {
                Ok(running) => {
                    let pid = running.pid;
                    on_change(Change::Up(running));
                    // One that dies within a check's time counts as a failed start, or a containerd that
                    // crashes late in its start would be restarted without any pause.
                    let lasted = self.until_down(pid).await;
                    on_change(Change::Down { pid });
                    if lasted {
                        pause = FIRST_RETRY;
                        continue;
                    }
                }
                Err(error) => on_change(Change::Failed { error, retry_in: pause }),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    /// Returns when the process has ended or no longer answers, with whether it lasted for a while.
    async fn until_down(&self, pid: i32) -> bool {
        let handle = Identity::of(pid).map(Handle::open);
        let Some(Ok(Some(handle))) = handle else { return false };
        let client = self.client();
        let mut misses = 0;
        let mut lasted = false;
        while misses < MISSES_ALLOWED {
            tokio::select! {
                () = handle.ended() => return lasted,
                () = tokio::time::sleep(CHECK_EVERY) => {}
            }
            lasted = true;
            log::bound(self.layout());
            misses = if client.version().await.is_ok() { 0 } else { misses + 1 };
        }
        tracing::warn!(pid, "containerd does not answer and is started anew");
        true
    }

    /// The living process, by its socket or its pid file.
    async fn process(&self) -> Option<Identity> {
        if let Some(listener) = listener_of(&self.layout().socket()).await {
            return Some(listener);
        }
        let text = std::fs::read_to_string(self.layout().pid_file()).ok()?;
        Identity::from_file(&text).filter(Identity::is_alive)
    }

    /// Whether the process answers CRI, given the time that a start may take.
    async fn answers(&self, process: Identity) -> bool {
        self.wait_until_ready(process).await.is_ok()
    }

    async fn start(&self, host: &Host) -> Result<Identity, RuntimeError> {
        log::bound(self.layout());
        let _ = std::fs::remove_file(self.layout().socket());
        let identity = launch::spawn(host, self.layout())?;
        self.remember(identity)?;
        self.wait_until_ready(identity).await?;
        Ok(identity)
    }

    async fn wait_until_ready(&self, process: Identity) -> Result<(), RuntimeError> {
        let client = self.client();
        let ready = async {
            loop {
                // Asking before there is a socket would only slow the start down.
                if self.layout().socket().exists() && client.version().await.is_ok() {
                    return Ok(());
                }
                if !process.is_alive() {
                    let log = self.layout().log();
                    return Err(RuntimeError::DiedStarting { tail: log::tail(&log), log });
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let late = || RuntimeError::NotReady { waited: START_LIMIT, log: self.layout().log() };
        tokio::time::timeout(START_LIMIT, ready).await.unwrap_or_else(|_| Err(late()))
    }

    async fn end(&self, identity: Identity) -> Result<(), RuntimeError> {
        if let Some(handle) = Handle::open(identity)? {
            tracing::info!(pid = handle.pid(), "ending containerd");
            handle.end(STOP_GRACE).await?;
        }
        let _ = std::fs::remove_file(self.layout().pid_file());
        let _ = std::fs::remove_file(self.layout().socket());
        Ok(())
    }

    fn remember(&self, identity: Identity) -> Result<(), RuntimeError> {
        let path = self.layout().pid_file();
        std::fs::write(&path, identity.to_file()).map_err(RuntimeError::write(&path))
    }

    /// The snapshotter in use, or the best one if images have never been kept here.
    fn chosen_snapshotter(&self) -> Snapshotter {
        let config = std::fs::read_to_string(self.layout().config()).unwrap_or_default();
        Snapshotter::of_config(&config).unwrap_or_else(|| snapshotter_for(&self.layout().root()))
    }

    /// Writes the configuration and returns whether it differs from the one before.
    fn write_config(&self, host: &Host, snapshotter: Snapshotter) -> Result<bool, RuntimeError> {
        let text = render(&ConfigFacts {
            version: host.version,
            layout: self.layout().clone(),
            sandbox_image: self.settings.sandbox_image.clone(),
            snapshotter,
            runc: host.runc.clone(),
            cni_bin_dir: host.cni_bin_dir.clone(),
            cni_conf_dir: self.settings.cni_conf_dir.clone(),
            may_lower_oom_score: host.may_lower_oom_score,
        });
        let path = self.layout().config();
        let changed = std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str());
        if changed {
            std::fs::write(&path, text).map_err(RuntimeError::write(&path))?;
        }
        Ok(changed)
    }
}
