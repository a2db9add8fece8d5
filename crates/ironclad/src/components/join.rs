//! This machine as a node of a cluster whose API is elsewhere: joined at the first start, a member from then on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{GroupVersionResource, ObjectKey};
use ironclad_client::{Client, Request, Target};
use ironclad_env::{BoxFuture, Env, EnvironmentExt, Task};
use ironclad_node::ApiAccess;
use ironclad_node::identity::{self, Credential, IdentityError, Invitation, Member};
use ironclad_pki::certificate::Certificate;
use ironclad_pki::kubeconfig::{self, Connection, ServerTrust};
use ironclad_pki::private_file;
use ironclad_pki::tls::CertificateSlot;
use ironclad_pki::verify::CaPool;
use tokio::sync::watch;

use super::agent::Membership;
use super::{Component, Context};
use crate::failure::{Exit, Failure};
use crate::node_configuration::NodeConfiguration;

/// How long the API may take to tell of the cluster, when there is what it has told before.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the cluster told last.
const REMEMBERED: &str = "node.json";

/// The cluster to join, as the command line names it.
#[derive(clap::Args, Clone, Default)]
pub struct Given {
    /// The API server's URL, as `ironclad token create` prints it
    #[arg(long, value_name = "https://ADDRESS:6443", requires_all = ["token", "ca_hash"])]
    pub server: Option<String>,
    /// A bootstrap token; needed once
    #[arg(long, value_name = "ID.SECRET", requires = "server")]
    pub token: Option<String>,
    /// What tells the cluster from any other: the SHA-256 of its CA's public key
    #[arg(long, value_name = "sha256:HEX", requires = "server")]
    pub ca_hash: Option<String>,
    /// A kubeconfig with a user who may request a node's certificate, instead of these three
    #[arg(long, value_name = "FILE", conflicts_with_all = ["server", "token", "ca_hash"])]
    pub kubeconfig: Option<PathBuf>,
}

pub struct Join {
    given: Given,
    tasks: Vec<Task>,
}

impl Join {
    pub fn new(given: Given) -> Self {
        Self { given, tasks: Vec::new() }
    }
}

impl Component for Join {
    fn name(&self) -> &'static str {
        "membership"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(self.become_member(context))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.tasks.drain(..).for_each(|task| task.abort());
        Box::pin(std::future::ready(()))
    }
}

impl Join {
    async fn become_member(&mut self, context: &mut Context) -> Result<String, Failure> {
        let (env, node) = (context.env.clone(), context.machine.node_name.clone());
        let folder = context.config.identity();
        let (member, is_new) = match identity::open(&folder, &node, &env).map_err(cannot_join)? {
            Some(member) => (self.same_cluster(member)?, false),
            None => {
                let invitation = self.given.invitation().await?;
                let joined = identity::join(&env, &invitation, &node, &folder).await;
                (joined.map_err(cannot_join)?, true)
            }
        };
        let api =
            ApiAccess { url: member.url.clone(), trust: member.trust(), identity: member.client.clone() };
        let client = identity::client(&api.url, &api.trust, Some(api.identity.clone()), None);
        let client: Arc<dyn Client> = client.map_err(cannot_join)?;
        let configuration = configuration(&env, &*client, &folder.join(REMEMBERED)).await?;
        let client_ca = CaPool::new(&member.ca)
            .map_err(|error| Failure::of("the cluster's CA cannot be used", &error, "join again"))?;
        let serving = identity::provisional(&env).map_err(cannot_join)?;
        let served = self.keep(&env, &client, &member, &serving, &node);
        context.made.client = Some(client);
        context.made.membership = Some(Membership {
            api,
            serving,
            client_ca,
            cluster: configuration.to_network(),
            served: Some(served),
        });
        Ok(if is_new { format!("joined {}", member.url) } else { member.url })
    }

    /// A command line that names another cluster is a mistake, not a wish to change sides.
    fn same_cluster(&self, member: Member) -> Result<Member, Failure> {
        match &self.given.server {
            Some(server) if server.trim_end_matches('/') != member.url => Err(Failure::new(
                Exit::Usage,
                format!("this machine is a node of {} already", member.url),
                "to start it again: ironclad agent\nto make it a node of another cluster, first: ironclad reset",
            )),
            _ => Ok(member),
        }
    }

    /// Keeps both certificates good for as long as the program runs.
    fn keep(
        &mut self,
        env: &Env,
        client: &Arc<dyn Client>,
        member: &Member,
        serving: &Arc<CertificateSlot>,
        node: &str,
    ) -> identity::Served {
        let (sender, served) = watch::channel(false);
        let (slot, file) = (member.client.clone(), member.client_file());
        let renewal = identity::keep_client(env.clone(), client.clone(), slot, file, node.to_owned());
        self.tasks.push(env.spawn("client-certificate", Box::pin(renewal)));
        let (slot, file) = (serving.clone(), member.serving_file());
        let renewal =
            identity::keep_serving(env.clone(), client.clone(), slot, file, node.to_owned(), sender);
        self.tasks.push(env.spawn("serving-certificate", Box::pin(renewal)));
        served
    }
}

impl Given {
    async fn invitation(&self) -> Result<Invitation, Failure> {
        match (self, &self.kubeconfig) {
            (_, Some(path)) => of_kubeconfig(path),
            (Self { server: Some(server), token: Some(token), ca_hash: Some(pin), .. }, None) => {
                let url = server.trim_end_matches('/').to_owned();
                let ca = identity::discover(&url, pin).await.map_err(cannot_join)?;
                Ok(Invitation { url, ca: vec![ca], credential: Credential::Token(token.clone()) })
            }
            _ => Err(Failure::new(
                Exit::Usage,
                "this machine is no node of any cluster yet",
                "on the server: ironclad token create\nprints the command to type here",
            )),
        }
    }
}

fn of_kubeconfig(path: &Path) -> Result<Invitation, Failure> {
    let Connection { server: url, trust, identity, token, .. } = kubeconfig::load(path, None)
        .map_err(|error| Failure::of("the bootstrap kubeconfig cannot be used", &error, ""))?;
    let unusable = |what: &str| {
        Failure::new(Exit::Usage, format!("{}: {what}", path.display()), "see: ironclad agent --help")
    };
    let ServerTrust::Ca(ca) = trust else { return Err(unusable("it names no CA for the server")) };
    let ca: Result<Vec<_>, _> = ca.into_iter().map(Certificate::from_der).collect();
    let ca = ca.map_err(|error| unusable(&error.to_string()))?;
    let credential = match (token, identity) {
        (Some(token), _) => Credential::Token(token),
        (None, Some((chain, key))) => {
            let slot = CertificateSlot::new(chain, key).map_err(|error| unusable(&error.to_string()))?;
            Credential::Certificate(slot)
        }
        (None, None) => return Err(unusable("its user has neither a token nor a certificate")),
    };
    Ok(Invitation { url, ca, credential })
}

/// What the cluster says now, or what it said last when it does not answer.
async fn configuration(env: &Env, client: &dyn Client, file: &Path) -> Result<NodeConfiguration, Failure> {
    let remembered = std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let why = match env.timeout(PATIENCE, published(client)).await {
        Some(Ok(told)) => {
            let text = serde_json::to_vec(&told).unwrap_or_default();
            private_file::replace(file, &text).map_err(|error| {
                let what = format!("cannot write {}: {error}", file.display());
                Failure::new(Exit::Machine, what, "make room or make the folder writable")
            })?;
            return Ok(told);
        }
        Some(Err(why)) => why,
        None => format!("no answer within {PATIENCE:?}"),
    };
    tracing::warn!(why, "the cluster does not say what its networks are: they are as they were");
    remembered.ok_or_else(|| {
        Failure::failed(
            format!("the cluster does not tell what a node has to know of it: {why}"),
            "is its API server an Ironclad that runs?",
        )
    })
}

async fn published(client: &dyn Client) -> Result<NodeConfiguration, String> {
    let maps = GroupVersionResource::new("", "v1", "configmaps");
    let key = ObjectKey::new(NodeConfiguration::NAMESPACE, NodeConfiguration::NAME);
    let map = client.call(Request::get(Target::object(maps, &key))).await;
    let map = map.map_err(|status| status.to_string())?;
    NodeConfiguration::from_data(map.0.get("data"))
        .map_err(|why| format!("the ConfigMap {}/{}: {why}", key.namespace, key.name))
}

fn cannot_join(error: IdentityError) -> Failure {
    let next = match &error {
        IdentityError::Api { status, .. } if status.code == 401 => {
            "the token is not valid (any more); on the server: ironclad token create"
        }
        IdentityError::Api { .. } => "is that the URL of the server, and does the server run?",
        IdentityError::Pin { .. } => "compare with what this prints on the server: ironclad token create",
        IdentityError::OtherNode { .. } => {
            "start it under its name, or take it out of its cluster: ironclad reset"
        }
        _ => "",
    };
    Failure::of("this machine cannot join the cluster", &error, next)
}
