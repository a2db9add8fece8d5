//! The further nodes of this machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use ironclad_client::Client;
use ironclad_engine::{LocalClient, User};
use ironclad_env::BoxFuture;
use ironclad_node::{NetworkError, segment};
use ironclad_pki::kubeconfig::{self, Credential};
use ironclad_pki::private_file;

use super::{Component, Context};
use crate::bootstrap_token::Token;
use crate::failure::{Exit, Failure};
use crate::nodes::{self, Place, Process};

/// How long their token counts: they join at once, or not at all.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

pub struct FurtherNodes {
    /// Of all nodes, the machine itself included.
    count: u8,
    processes: Vec<Process>,
}

impl FurtherNodes {
    pub fn new(count: u8) -> Self {
        Self { count, processes: Vec::new() }
    }
}

impl Component for FurtherNodes {
    fn name(&self) -> &'static str {
        "further nodes"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let started = self.bring_about(context).await;
            if started.is_err() {
                // What is not started is not stopped by anybody else.
                self.stop().await;
            }
            started
        })
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        let processes = std::mem::take(&mut self.processes);
        Box::pin(async move { drop(join_all(processes.into_iter().map(Process::stop)).await) })
    }
}

impl FurtherNodes {
    async fn bring_about(&mut self, context: &Context) -> Result<String, Failure> {
        let kubeconfig = invitation(context).await?;
        let (config, host) = (&context.config, &context.machine.node_name);
        let segment = nodes::segment(config);
        segment::make_segment(&segment).await.map_err(|error| no_network(&error))?;
        let mut names = Vec::new();
        let mut starting = Vec::new();
        for place in (2..=self.count).map(|number| nodes::place(config, host, number)) {
            write(&place)?;
            segment::make_namespace(&segment, &place.namespace).await.map_err(|error| no_network(&error))?;
            names.push(place.config.node.name.clone());
            let (process, started) = Process::start(place, kubeconfig.clone());
            self.processes.push(process);
            starting.push(started);
        }
        for (started, name) in join_all(starting).await.into_iter().zip(&names) {
            let outcome = started.unwrap_or_else(|_| Err(Failure::failed("it was given up", "")));
            outcome.map_err(|failure| Failure { what: format!("{name}: {}", failure.what), ..failure })?;
        }
        Ok(names.join(", "))
    }
}

fn write(place: &Place) -> Result<(), Failure> {
    place.write().map_err(|error| {
        let what = format!("cannot write {}: {error}", place.file.display());
        Failure::new(Exit::Machine, what, "make room or make the folder writable")
    })
}

fn no_network(error: &NetworkError) -> Failure {
    Failure::of(
        "the network of further nodes cannot be made",
        error,
        "is 10.245.0.0/24 free here? see network.nodes",
    )
}

/// A kubeconfig that lets further nodes join.
async fn invitation(context: &Context) -> Result<PathBuf, Failure> {
    let config = &context.config;
    let server = context.machine.api_address(config);
    if server.is_loopback() {
        return Err(Failure::new(
            Exit::Machine,
            format!("further nodes cannot reach the API at {server}"),
            "let it listen at an address of this machine: --api-listen 0.0.0.0:6443 --advertise-address ADDRESS",
        ));
    }
    let url = format!("https://{}", SocketAddr::new(server, config.api.listen.port()));
    let token = Token::generate(&*context.env);
    let user =
        User { name: "system:apiserver".into(), groups: vec!["system:masters".into()], ..User::default() };
    let client: Arc<dyn Client> =
        Arc::new(LocalClient::new(context.made.engine().clone(), Arc::new(user), "ironclad"));
    let end = context.env.now() + TOKEN_LIFE;
    let published = token.publish(&*client, Some(end), "further nodes of the server's machine").await;
    published.map_err(|status| Failure::failed(format!("no token for further nodes: {status}"), ""))?;
    let ca = context.made.identities().bundle.cluster_ca.to_pem();
    let credential = Credential::Token(token.text());
    let text = kubeconfig::build(&config.cluster_name, &url, &ca, "bootstrap", &credential).to_yaml();
    let path = config.run.join("nodes.kubeconfig");
    let text = text.map_err(|error| Failure::failed(error, "this is a fault of Ironclad"))?;
    private_file::replace(&path, text.as_bytes()).map_err(|error| {
        Failure::new(Exit::Machine, format!("cannot write {}: {error}", path.display()), "make room")
    })?;
    Ok(path)
}
