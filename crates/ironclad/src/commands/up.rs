//! `up`: in the foreground, or by a child that outlives this process.

pub mod detach;
mod preflight;

use std::sync::Arc;
use std::time::Duration;

use ironclad_env::RealEnv;
use ironclad_runtime::open_files;
use tokio::signal::unix::{SignalKind, signal};

use super::many_threads;
use crate::cli::Settings;
use crate::components::{self, Component, Context, Made, Started};
use crate::config::Config;
use crate::failure::Failure;
use crate::logging;
use crate::machine::Machine;
use crate::nodes;
use crate::progress::Progress;

/// Start a cluster on this machine and wait until it is ready
///
/// It runs in the foreground until it is interrupted. What was started before is taken over: no pod restarts.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  ironclad up                        in the foreground
  ironclad up --detach               in the background; stop it with: ironclad down
  ironclad up --nodes 2              two nodes on this machine
  ironclad up --node-name edge-1 --pod-network 10.42.0.0/16")]
pub struct Arguments {
    /// Run in the background, and return when the node is ready
    #[arg(short, long)]
    detach: bool,
    /// Nodes on this machine, each further one in a network namespace with a containerd of its own; for trying
    /// things out [default: as many as there were, at first 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(nodes::MOST)))]
    nodes: Option<u8>,
    /// Tell progress to the process that started this one
    #[arg(long, hide = true, conflicts_with = "detach")]
    report: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Which parts of Ironclad run in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Up,
    Agent,
}

impl Role {
    /// Whether pods run on this machine.
    pub fn is_node(self) -> bool {
        matches!(self, Self::Up | Self::Agent)
    }

    fn is_server(self) -> bool {
        matches!(self, Self::Up | Self::Server)
    }
}

/// How long the further nodes may take to stop when their start is given up.
const GRACE: Duration = Duration::from_secs(10);

/// The parts of a role.
pub type Parts = Vec<Box<dyn Component>>;

pub fn run(arguments: &Arguments, verbose: u8) -> Result<(), Failure> {
    if arguments.detach {
        return detach::run(&arguments.settings, Role::Up);
    }
    let progress = if arguments.report { Progress::Parent } else { Progress::detect() };
    let nodes = nodes::count(&arguments.settings.load()?, arguments.nodes);
    serve(&arguments.settings, Role::Up, components::up(nodes), progress, verbose)
}

/// Runs a role until it is told to stop.
pub fn serve(
    settings: &Settings,
    role: Role,
    parts: Parts,
    progress: Progress,
    verbose: u8,
) -> Result<(), Failure> {
    let result = settings.load().and_then(|config| {
        let runtime = many_threads()?;
        let served = runtime.block_on(serve_config(config, role, parts, &progress, verbose));
        // What still runs is cut off: everything that must end in order has.
        runtime.shutdown_background();
        served
    });
    if let Err(failure) = &result {
        progress.failed(failure);
    }
    result
}

async fn serve_config(
    config: Config,
    role: Role,
    parts: Parts,
    progress: &Progress,
    verbose: u8,
) -> Result<(), Failure> {
    let env = RealEnv::shared();
    let step = progress.begin("this machine");
    preflight::check(&config, role, env.now()).await?;
    let machine = match role {
        Role::Agent => Machine::look(&config)?.under_its_name(),
        Role::Server | Role::Up => Machine::look(&config)?,
    };
    step.done(&machine.node_name);
    logging::start(&config.log(), verbose)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), commit = env!("IRONCLAD_COMMIT"), ?role, "starting");
    if let Err(error) = open_files::raise() {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
    let began = env.elapsed();
    let mut stop = Stop::listen()?;
    let mut context = Context { env, config: Arc::new(config), machine, made: Made::default() };
    let started = tokio::select! {
        started = Started::start(parts, &mut context, progress) => started?,
        () = stop.asked() => {
            // What has begun ends with this process, but for further nodes, which are processes of their own.
            if let Err(error) = nodes::end_left(&context.config, GRACE).await {
                tracing::warn!(%error, "a further node runs on");
            }
            return Ok(());
        }
    };
    let took = context.env.elapsed().saturating_sub(began);
    tracing::info!(?took, "ready");
    progress.ready(&next_steps(&context.config, role, took));
    stop.asked().await;
    let step = progress.begin("stopping");
    tokio::select! {
        () = started.stop() => step.done(if role.is_node() { "pods run on" } else { "" }),
        () = stop.asked() => {}
    }
    tracing::info!("stopped");
    Ok(())
}

fn next_steps(config: &Config, role: Role, took: Duration) -> String {
    let kubeconfig = config.admin_kubeconfig();
    let what = match role {
        Role::Up => "The cluster is ready",
        Role::Server => "The control plane is ready",
        Role::Agent => return format!("This machine is a node after {:.1} s.\n", took.as_secs_f64()),
    };
    format!(
        "{what} after {:.1} s. Next:\n\n  export KUBECONFIG={}\n  kubectl get nodes\n",
        took.as_secs_f64(),
        kubeconfig.display()
    )
}

/// Requests to stop: SIGINT (Ctrl-C) and SIGTERM.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> Result<Self, Failure> {
        let failed = |error| Failure::failed(format!("cannot listen to signals: {error}"), "");
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
