//! Certificates and keys: made on the first start, renewed on later ones and while the program runs.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ironclad_env::{BoxFuture, Env, Task};
use ironclad_node::ApiAccess;
use ironclad_pki::bundle::{self, Bundle, BundleError, Description, Identity, NodeDescription};
use ironclad_pki::certificate::CertificateError;
use ironclad_pki::tls::{CertificateSlot, TlsError, Trust};

use super::agent::Membership;
use super::{Component, Context};
use crate::config::Config;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::node_configuration::NodeConfiguration;

/// How often certificates are looked at while the program runs. They are renewed weeks before their end.
const RENEW_EVERY: Duration = Duration::from_secs(12 * 3600);

/// Who this process is, in each of its parts.
pub struct Identities {
    pub bundle: Bundle,
    pub slots: Slots,
}

/// The certificates in use; renewed ones take their place.
#[derive(Clone)]
pub struct Slots {
    pub api_server: Arc<CertificateSlot>,
    pub kubelet_client: Arc<CertificateSlot>,
    /// Towards servers that serve a part of the API.
    pub front_proxy_client: Arc<CertificateSlot>,
    pub node_client: Arc<CertificateSlot>,
    pub node_serving: Arc<CertificateSlot>,
}

#[derive(Debug, thiserror::Error)]
enum IdentityError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the bundle lacks the node {0}")]
    Node(String),
}

#[derive(Default)]
pub struct OpenIdentities(Option<Task>);

impl Component for OpenIdentities {
    fn name(&self) -> &'static str {
        "certificates"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        let result = self.open(context);
        Box::pin(std::future::ready(result))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        if let Some(renewal) = self.0.take() {
            renewal.abort();
        }
        Box::pin(std::future::ready(()))
    }
}

impl OpenIdentities {
    fn open(&mut self, context: &mut Context) -> Result<String, Failure> {
        let wanted = description(&context.config, &context.machine);
        let node = context.machine.node_name.clone();
        let next = "restore the file from a backup, or remove what the message names to have it made anew";
        let (bundle, changes) = read(&context.env, &wanted)
            .map_err(|error| Failure::of("the cluster's certificates cannot be used", &error, next))?;
        changes.iter().for_each(|change| tracing::info!("{change}"));
        let slots = Slots::of(&bundle, &node)
            .map_err(|error| Failure::of("the cluster's certificates cannot be used", &error, next))?;
        let renewal = renew(context.env.clone(), wanted, node, slots.clone());
        self.0 = Some(context.env.spawn("certificates", Box::pin(renewal)));
        context.made.membership = Some(membership(&context.config, &bundle, &slots).map_err(|error| {
            Failure::of("the cluster's CA cannot be used", &error, "restore pki/ca.crt from a backup")
        })?);
        context.made.identities = Some(Arc::new(Identities { bundle, slots }));
        Ok(match changes.len() {
            0 => String::new(),
            made => format!("{made} files written"),
        })
    }
}

fn read(env: &Env, wanted: &Description) -> Result<(Bundle, Vec<bundle::Change>), BundleError> {
    let mut serial = || {
        let mut bytes = [0; 16];
        env.fill(&mut bytes);
        bytes
    };
    bundle::open(wanted, env.now(), &mut serial)
}

/// Looks now and then, for as long as the program runs.
async fn renew(env: Env, wanted: Description, node: String, slots: Slots) {
    loop {
        env.sleep(RENEW_EVERY).await;
        let renewed = read(&env, &wanted).map_err(IdentityError::from).and_then(|(bundle, changes)| {
            slots.replace(&bundle, &node)?;
            Ok(changes)
        });
        match renewed {
            Ok(changes) => changes.iter().for_each(|change| tracing::info!("{change}")),
            Err(error) => tracing::error!(%error, "certificates cannot be renewed"),
        }
    }
}

fn description(config: &Config, machine: &Machine) -> Description {
    let mut server_dns = bundle::api_server_names(&config.network.domain);
    let mut server_ips =
        vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(config.api_service()), machine.api_address(config)];
    server_ips.extend(&machine.addresses);
    server_dns.extend([machine.hostname.clone(), machine.node_name.clone()]);
    for name in &config.api.names {
        match name.parse() {
            Ok(ip) => server_ips.push(ip),
            Err(_) => server_dns.push(name.clone()),
        }
    }
    let node = NodeDescription {
        name: machine.node_name.clone(),
        dns: vec![machine.hostname.clone()],
        ips: machine.addresses.clone(),
    };
    Description {
        dir: config.data.clone(),
        cluster_name: config.cluster_name.clone(),
        api_url: config.local_url(),
        server_dns: unique(server_dns),
        server_ips: unique(server_ips),
        nodes: vec![node],
    }
}

/// This machine as a node of its own cluster.
fn membership(config: &Config, bundle: &Bundle, slots: &Slots) -> Result<Membership, CertificateError> {
    let roots = bundle.cluster_ca.trusted.iter().map(|ca| ca.der().clone()).collect();
    Ok(Membership {
        api: ApiAccess {
            url: config.local_url(),
            trust: Trust::Roots(roots),
            identity: slots.node_client.clone(),
        },
        serving: slots.node_serving.clone(),
        client_ca: bundle.cluster_ca.pool()?,
        cluster: NodeConfiguration::of(config).to_network(),
        served: None,
    })
}

fn unique<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut seen = Vec::with_capacity(values.len());
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

impl Slots {
    fn of(bundle: &Bundle, node: &str) -> Result<Self, IdentityError> {
        let slot = |identity: &Identity| {
            let (chain, key) = identity.to_tls();
            CertificateSlot::new(chain, key)
        };
        let node = bundle.nodes.get(node).ok_or_else(|| IdentityError::Node(node.to_owned()))?;
        Ok(Self {
            api_server: slot(&bundle.api_server)?,
            kubelet_client: slot(&bundle.kubelet_client)?,
            front_proxy_client: slot(&bundle.front_proxy_client)?,
            node_client: slot(&node.client)?,
            node_serving: slot(&node.serving)?,
        })
    }

    fn replace(&self, bundle: &Bundle, node: &str) -> Result<(), IdentityError> {
        let replace = |slot: &CertificateSlot, identity: &Identity| {
            let (chain, key) = identity.to_tls();
            slot.replace(chain, key)
        };
        let node = bundle.nodes.get(node).ok_or_else(|| IdentityError::Node(node.to_owned()))?;
        replace(&self.api_server, &bundle.api_server)?;
        replace(&self.kubelet_client, &bundle.kubelet_client)?;
        replace(&self.front_proxy_client, &bundle.front_proxy_client)?;
        replace(&self.node_client, &node.client)?;
        replace(&self.node_serving, &node.serving)?;
        Ok(())
    }
}
