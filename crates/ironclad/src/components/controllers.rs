//! All controllers, each with its own identity.

use ironclad_apiserver::InProcess;
use ironclad_control::{Runner, Running};
use ironclad_controllers::Settings;
use ironclad_env::BoxFuture;

use super::{Component, Context};
use crate::failure::Failure;

#[derive(Default)]
pub struct Controllers(Option<Running>);

impl Component for Controllers {
    fn name(&self) -> &'static str {
        "controllers"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        let inside = InProcess::new(context.made.engine().clone());
        let settings = Settings { root_ca: context.made.identities().bundle.cluster_ca.to_pem() };
        let controllers = ironclad_controllers::all(&settings);
        let count = controllers.len();
        let runner = Runner { env: context.env.clone(), cache: inside.cache() };
        self.0 = Some(runner.start(controllers, &|name| inside.service_account("kube-system", name)));
        Box::pin(std::future::ready(Ok(count.to_string())))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.0 = None;
        Box::pin(std::future::ready(()))
    }
}
