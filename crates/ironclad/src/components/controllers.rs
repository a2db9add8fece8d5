//! All controllers, each with its own identity.

use std::sync::Arc;

use ironclad_apiserver::InProcess;
use ironclad_auth::authenticate::AUTHENTICATED;
use ironclad_control::{Runner, Running};
use ironclad_controllers::{OF_THE_MANAGER, OF_THE_SERVER, Settings, certificates};
use ironclad_engine::User;
use ironclad_env::BoxFuture;
use ironclad_pki::token::TokenSigner;

use super::{Component, Context};
use crate::failure::Failure;
use crate::kubelet_certificates::Kubelets;
use crate::token_issuer::SecretIssuer;

#[derive(Default)]
pub struct Controllers(Option<Running>);

impl Component for Controllers {
    fn name(&self) -> &'static str {
        "controllers"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        let inside = InProcess::new(context.made.engine().clone());
        let bundle = &context.made.identities().bundle;
        let signer = TokenSigner::new(context.config.token_issuer(), &bundle.service_account.signing);
        let certificates = certificates::Settings {
            authority: context.made.identities().clone(),
            reviewer: Arc::new(Kubelets(context.made.authorizer().clone())),
        };
        let settings = Settings {
            root_ca: bundle.cluster_ca.to_pem(),
            tokens: Arc::new(SecretIssuer::new(signer)),
            certificates: Some(certificates),
        };
        let controllers = ironclad_controllers::all(&settings);
        let count = controllers.len();
        let runner = Runner { env: context.env.clone(), cache: inside.cache() };
        let client_of = |name: &str| match name {
            name if OF_THE_MANAGER.contains(&name) => inside.user(manager(), name),
            name if OF_THE_SERVER.contains(&name) => inside.user(User::server(), name),
            name => inside.service_account("kube-system", name),
        };
        self.0 = Some(runner.start(controllers, &client_of));
        Box::pin(std::future::ready(Ok(count.to_string())))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.0 = None;
        Box::pin(std::future::ready(()))
    }
}

fn manager() -> User {
    let groups = vec![AUTHENTICATED.to_owned()];
    User { name: "system:kube-controller-manager".into(), groups, ..User::default() }
}
