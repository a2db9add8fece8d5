//! This machine as a node: pods, services, names.

use std::path::PathBuf;
use std::sync::Arc;

use ironclad_env::BoxFuture;
use ironclad_node::identity::Served;
use ironclad_node::{Agent, AgentConfig, ApiAccess, ClusterNetwork, Names, Paths, RuntimeChoice};
use ironclad_pki::tls::CertificateSlot;
use ironclad_pki::verify::CaPool;

use super::{Component, Context};
use crate::config::Config;
use crate::failure::{Exit, Failure};

/// Built in; see `ironclad_images::pause`.
pub const SANDBOX_IMAGE: &str = "ironclad.local/pause:1";

/// Who the node is in its cluster, by whatever way it came to be.
#[derive(Clone)]
pub struct Membership {
    pub api: ApiAccess,
    /// What the agent's server shows.
    pub serving: Arc<CertificateSlot>,
    /// Who vouches for the clients of that server.
    pub client_ca: CaPool,
    pub cluster: ClusterNetwork,
    /// Whether `serving` is believed yet; `None`: it is from the start.
    pub served: Option<Served>,
}

#[derive(Default)]
pub struct StartAgent {
    agent: Option<Agent>,
    /// Whether further nodes reach the world through this one.
    has_segment: bool,
}

impl StartAgent {
    pub fn with_segment(has_segment: bool) -> Self {
        Self { agent: None, has_segment }
    }
}

impl Component for StartAgent {
    fn name(&self) -> &'static str {
        "node agent"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let mut config = agent_config(context)?;
            if self.has_segment {
                config.segment = Some(context.config.network.nodes.trunc().into());
            }
            let runtime = format!("runtime {}", context.config.node.runtime);
            let agent = Agent::start(config, context.env.clone()).await.map_err(|error| {
                let log = context.config.log().join("ironclad.log");
                Failure::of("the node agent cannot start", &error, format!("its log is {}", log.display()))
            })?;
            self.agent = Some(agent);
            Ok(runtime)
        })
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        if let Some(agent) = self.agent.take() {
            agent.shutdown();
        }
        Box::pin(std::future::ready(()))
    }
}

fn agent_config(context: &Context) -> Result<AgentConfig, Failure> {
    let Context { config, machine, .. } = context;
    let Membership { api, serving, client_ca, cluster, .. } = context.made.membership().clone();
    let this_program = std::env::current_exe().map_err(|error| {
        Failure::new(
            Exit::Machine,
            format!("this program does not find itself: {error}"),
            "is /proc mounted?",
        )
    })?;
    Ok(AgentConfig {
        node_name: machine.node_name.clone(),
        hostname: machine.hostname.clone(),
        addresses: machine.addresses.clone(),
        labels: config.node.labels.clone(),
        max_pods: config.node.max_pods,
        api,
        serving,
        client_ca,
        listen: config.node.listen,
        runtime: runtime(config),
        sandbox_image: SANDBOX_IMAGE.into(),
        cluster,
        paths: paths(config),
        names: names(config),
        dns_program: Some(this_program),
        pod_network: true,
        segment: None,
        service_proxy: true,
    })
}

pub fn runtime(config: &Config) -> RuntimeChoice {
    match config.node.runtime.as_str() {
        "auto" => RuntimeChoice::Auto,
        "own" => RuntimeChoice::Own,
        socket => RuntimeChoice::Socket(PathBuf::from(socket)),
    }
}

pub fn paths(config: &Config) -> Paths {
    Paths {
        root: config.node.root.clone(),
        data: config.data.clone(),
        run: config.run.clone(),
        pod_logs: config.node.logs.join("pods"),
        container_logs: config.node.logs.join("containers"),
        resolv_conf: ironclad_node::resolv_conf(),
        ..Paths::default()
    }
}

pub fn names(config: &Config) -> Names {
    Names { cgroup: config.node.cgroup.clone(), ..Names::default() }
}
