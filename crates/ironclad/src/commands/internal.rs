//! What Ironclad starts of itself; not for people.

use std::net::SocketAddr;
use std::path::PathBuf;

use ironclad_env::RealEnv;
use ironclad_node::{DnsOptions, serve_dns};
use tokio_util::sync::CancellationToken;

use super::one_thread;
use crate::failure::{Failure, chain};

/// Parts of Ironclad that are processes of their own
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(clap::Subcommand)]
enum Part {
    /// The DNS server, which outlives the agent that started it
    Dns(Dns),
}

#[derive(clap::Args)]
struct Dns {
    #[arg(long)]
    zone_file: PathBuf,
    #[arg(long, required = true)]
    listen: Vec<SocketAddr>,
    #[arg(long)]
    resolv_conf: PathBuf,
    #[arg(long)]
    domain: String,
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Part::Dns(Dns { zone_file, listen, resolv_conf, domain }) = arguments.part;
    let options = DnsOptions { zone_file, listen, resolv_conf, domain };
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    let cancel = CancellationToken::new();
    one_thread()?.block_on(async {
        let ended = cancel.clone();
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|error| Failure::failed(format!("cannot listen to signals: {error}"), ""))?;
        tokio::spawn(async move {
            terminate.recv().await;
            ended.cancel();
        });
        let served = serve_dns(options, RealEnv::shared(), cancel).await;
        served.map_err(|error| Failure::failed(chain(&error), ""))
    })
}
