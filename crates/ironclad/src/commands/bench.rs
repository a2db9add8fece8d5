//! `bench`: the same work against any cluster that a kubeconfig names, so that peers can be compared.

mod cluster;
mod figures;
mod kind;
mod process;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use ironclad_api::Status;
use ironclad_client::{Client, PatchKind, Request, Target};
use ironclad_env::RealEnv;
use serde_json::json;

use super::{many_threads, print};
use crate::cli::Output;
use crate::failure::{Exit, Failure};
use cluster::Cluster;
use figures::{Figures, table};
use kind::Kind;
use process::Servers;
use work::WORK;

/// Measure a cluster: creates, gets, patches, lists, watches, pods
///
/// All objects are made in a namespace of their own, which is deleted at the end.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  ironclad bench --server-pid $(pidof ironclad)
  ironclad bench --kubeconfig peer.yaml --only create,get --clients 64 --output json")]
pub struct Arguments {
    /// The cluster to measure [default: $KUBECONFIG, else this machine's]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig, instead of its current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// What to measure [default: all of them but pods]
    #[arg(long, value_delimiter = ',', value_name = "WORK", value_parser = work_names())]
    only: Vec<String>,
    /// What creates, gets, patches, lists and watches are about
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// Connections that work at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: u16,
    /// Operations of each kind
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    operations: u32,
    /// Objects that a list returns
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    objects: u32,
    /// Watches that see every change
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=5000))]
    watchers: u16,
    /// Pods to create, for the work called pods
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pods: u16,
    /// What those pods run
    #[arg(long, default_value = "ironclad.local/pause:1")]
    image: String,
    /// Processes of the server on this machine: adds its CPU time per operation and its memory
    #[arg(long, value_delimiter = ',', value_name = "PID")]
    server_pid: Vec<u32>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// What a piece of work is given.
pub struct Bench {
    pub env: ironclad_env::Env,
    pub cluster: Cluster,
    pub servers: Servers,
    pub kind: Kind,
    pub operations: usize,
    pub objects: usize,
    pub watchers: usize,
    pub pods: usize,
    pub image: String,
}

impl Bench {
    async fn create(&self, client: usize, name: String) -> Result<(), Status> {
        self.cluster.create(client, self.kind.resource(), self.kind.make(name)).await
    }

    async fn patch(&self, client: usize, name: String, step: usize) -> Result<(), Status> {
        let target = Target::object(self.kind.resource(), &self.cluster.key(name));
        let patch = json!({"metadata": {"annotations": {"step": step.to_string()}}});
        let request = Request::patch(target, PatchKind::Strategic, patch.to_string());
        self.cluster.client(client).call(request).await.map(drop)
    }
}

fn work_names() -> clap::builder::PossibleValuesParser {
    WORK.iter().map(|work| work.name).collect::<Vec<_>>().into()
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let figures = many_threads()?.block_on(measure(arguments))?;
    match arguments.output {
        Output::Json => print(&super::json(&figures)?),
        Output::Table => print(&table(&figures)),
    }
}

async fn measure(arguments: &Arguments) -> Result<Vec<Figures>, Failure> {
    let env = RealEnv::shared();
    let path = kubeconfig(arguments);
    let cluster =
        Cluster::connect(&env, &path, arguments.context.as_deref(), arguments.clients.into()).await?;
    let bench = Arc::new(Bench {
        servers: Servers::new(&arguments.server_pid)?,
        kind: arguments.kind,
        operations: arguments.operations as usize,
        objects: arguments.objects as usize,
        watchers: arguments.watchers.into(),
        pods: arguments.pods.into(),
        image: arguments.image.clone(),
        env,
        cluster,
    });
    let chosen = |work: &&work::Work| match arguments.only.as_slice() {
        [] => work.by_default,
        only => only.iter().any(|name| name == work.name),
    };
    if bench.kind == Kind::Pod {
        bench.cluster.service_account().await.map_err(|status| Failure::failed(status, ""))?;
    }
    let mut all = Vec::new();
    for work in WORK.iter().filter(chosen) {
        eprintln!("{}: {}", work.name, work.about);
        match (work.run)(bench.clone()).await {
            Ok(figures) => all.extend(figures),
            Err(status) => {
                let _ = bench.cluster.clean_up().await;
                return Err(Failure::failed(format!("{} failed: {status}", work.name), ""));
            }
        }
    }
    bench.cluster.clean_up().await.map_err(|status| {
        let next = format!("delete it: kubectl delete namespace {}", bench.cluster.namespace);
        Failure::failed(format!("the namespace of the bench was not deleted: {status}"), next)
    })?;
    Ok(all)
}

fn kubeconfig(arguments: &Arguments) -> PathBuf {
    let named = arguments.kubeconfig.clone();
    named
        .or_else(|| std::env::var_os("KUBECONFIG").map(PathBuf::from))
        .unwrap_or_else(|| crate::config::Config::default().admin_kubeconfig())
}

fn cannot_connect(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, what, "name a kubeconfig with --kubeconfig FILE")
}
