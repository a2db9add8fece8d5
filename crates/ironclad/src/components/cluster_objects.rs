//! The objects that every cluster has, and the controllers that keep them.

use std::sync::Arc;

use ironclad_client::Client;
use ironclad_control::{Controller, Runner, Running};
use ironclad_engine::{LocalClient, User};
use ironclad_env::BoxFuture;

use super::{Component, Context};
use crate::cluster_objects::{self, FlowSchemas, Keeper, KubernetesService, LocalApiServices};
use crate::failure::Failure;

/// The server towards itself, as upstream calls it.
const USER: &str = "system:apiserver";

#[derive(Default)]
pub struct ClusterObjects(Option<Running>);

impl Component for ClusterObjects {
    fn name(&self) -> &'static str {
        "cluster objects"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(self.bring_about(context))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.0 = None;
        Box::pin(std::future::ready(()))
    }
}

impl ClusterObjects {
    async fn bring_about(&mut self, context: &mut Context) -> Result<String, Failure> {
        let config = &context.config;
        let server = context.machine.api_address(config);
        let url = format!("https://{}", std::net::SocketAddr::new(server, config.api.listen.port()));
        let bundle = &context.made.identities().bundle;
        let wanted = cluster_objects::wanted(config, &url, bundle)
            .map_err(|error| Failure::failed(error, "this is a fault of Ironclad"))?;
        let engine = context.made.engine().clone();
        let user = User { name: USER.into(), groups: vec!["system:masters".into()], ..User::default() };
        let client: Arc<dyn Client> =
            Arc::new(LocalClient::new(engine.clone(), Arc::new(user), "kube-apiserver"));
        let cache = engine.cache();
        let outcome = cluster_objects::start(&wanted, &*cache, &*client).await.map_err(|status| {
            Failure::failed(format!("the cluster's own objects cannot be written: {status}"), "")
        })?;
        let kubernetes = KubernetesService {
            service: config.api_service().into(),
            server,
            port: config.api.listen.port(),
        };
        let registered = LocalApiServices::new(&engine.registry().kinds());
        let kept: Vec<Arc<dyn Controller>> = vec![
            Arc::new(kubernetes),
            Arc::new(Keeper::new(wanted)),
            Arc::new(registered),
            Arc::new(FlowSchemas),
        ];
        let runner = Runner { env: context.env.clone(), cache };
        self.0 = Some(runner.start(kept, &|_| client.clone()));
        Ok(match (outcome.created, outcome.mended) {
            (0, 0) => String::new(),
            (created, 0) => format!("{created} created"),
            (created, mended) => format!("{created} created, {mended} mended"),
        })
    }
}
