//! This machine as a node: pods, services, names.

use std::path::PathBuf;

use ironclad_env::BoxFuture;
use ironclad_node::{Agent, AgentConfig, ApiAccess, ClusterNetwork, Names, Paths, RuntimeChoice};
use ironclad_pki::tls::Trust;

use super::{Component, Context, Identities};
use crate::config::Config;
use crate::failure::{Exit, Failure};

/// Built in; see `ironclad_images::pause`.
pub const SANDBOX_IMAGE: &str = "ironclad.local/pause:1";

#[derive(Default)]
pub struct StartAgent(Option<Agent>);

impl Component for StartAgent {
    fn name(&self) -> &'static str {
        "node agent"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let config = agent_config(context)?;
            let runtime = format!("runtime {}", context.config.node.runtime);
            let agent = Agent::start(config, context.env.clone()).await.map_err(|error| {
                let log = context.config.log().join("ironclad.log");
                Failure::of("the node agent cannot start", &error, format!("its log is {}", log.display()))
            })?;
            self.0 = Some(agent);
            Ok(runtime)
        })
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        if let Some(agent) = self.0.take() {
            agent.shutdown();
        }
        Box::pin(std::future::ready(()))
    }
}

fn agent_config(context: &Context) -> Result<AgentConfig, Failure> {
    let Context { config, machine, .. } = context;
    let Identities { bundle, slots } = &**context.made.identities();
    let roots = bundle.cluster_ca.trusted.iter().map(|ca| ca.der().clone()).collect();
    let client_ca = bundle.cluster_ca.pool().map_err(|error| {
        Failure::of("the cluster's CA cannot be used", &error, "restore pki/ca.crt from a backup")
    })?;
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
        api: ApiAccess {
            url: config.local_url(),
            trust: Trust::Roots(roots),
            identity: slots.node_client.clone(),
        },
        serving: slots.node_serving.clone(),
        client_ca,
        listen: config.node.listen,
        runtime: runtime(config),
        sandbox_image: SANDBOX_IMAGE.into(),
        cluster: ClusterNetwork {
            domain: config.network.domain.clone(),
            dns: vec![config.dns_service().into()],
            pod_cidrs: vec![config.pod_network()],
            service_cidrs: vec![config.service_network()],
        },
        paths: paths(config),
        names: Names::default(),
        dns_program: Some(this_program),
        pod_network: true,
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
        ..Paths::default()
    }
}
