//! The cluster's DNS on this node: a process of its own, so that names are answered whatever happens to the agent.
//!
//! ```text
//! agent: services, slices ──► zone.json ──► internal dns: records ──► pods
//! ```
//!
//! The agent writes what is known to a file, and keeps one process running that follows the file. A process from
//! before is adopted, and replaced, without a moment of silence, when this program is another one than it was.

mod process;
mod serve;
mod zone_file;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ironclad_env::Env;
use tokio::sync::Notify;

use crate::api::Api;
use crate::config::AgentConfig;
use crate::services;

pub(crate) use process::stop;
pub use serve::serve_dns;

/// Changes that come within this time are one file.
const GATHER: Duration = Duration::from_millis(50);
/// After a failure to write.
const RETRY: Duration = Duration::from_secs(5);
const PORT: u16 = 53;

/// What the DNS process is told.
#[derive(Clone, Debug)]
pub struct DnsOptions {
    /// The file with the services and endpoint slices.
    pub zone_file: PathBuf,
    /// The addresses to answer on, UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// The machine's resolv.conf: who is asked about everything else.
    pub resolv_conf: PathBuf,
    /// `cluster.local`
    pub domain: String,
}

impl DnsOptions {
    fn of(config: &AgentConfig) -> Self {
        let listen = config.cluster.dns.iter().map(|ip: &IpAddr| SocketAddr::new(*ip, PORT)).collect();
        Self {
            zone_file: config.paths.dns().join("zone.json"),
            listen,
            resolv_conf: config.paths.resolv_conf.clone(),
            domain: config.cluster.domain.clone(),
        }
    }
}

/// Keeps the DNS process running.
pub(crate) async fn keep_process(env: Env, config: Arc<AgentConfig>, program: PathBuf) {
    process::keep(env, config.paths.dns(), program, DnsOptions::of(&config)).await;
}

/// Keeps the file as the objects say. To be called once these have been listed: until then the file from before
/// counts.
pub(crate) async fn keep_zone(env: Env, api: Api, config: Arc<AgentConfig>) {
    let path = DnsOptions::of(&config).zone_file;
    let changed = Arc::new(Notify::new());
    services::observe(&api, &changed);
    loop {
        env.sleep(GATHER).await;
        let begun = env.elapsed();
        let (services, slices) = services::objects(&api);
        let file = path.clone();
        let written = tokio::task::spawn_blocking(move || zone_file::write(&file, &services, &slices)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(path = %path.display(), %error, "the DNS zone is not written");
            env.sleep(RETRY).await;
            continue;
        }
        env.sleep(services::rest(env.elapsed().saturating_sub(begun))).await;
        changed.notified().await;
    }
}
