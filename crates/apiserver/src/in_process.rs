//! The cluster from inside this process: the same client and cache that other machines
//! have over HTTPS, without the HTTPS. Calls pass authorization, admission and validation.

use std::sync::Arc;

use ironclad_auth::authenticate::AUTHENTICATED;
use ironclad_client::{Cache, Client};
use ironclad_engine::{Engine, LocalClient, User};

/// Hands out clients that each act as one identity.
#[derive(Clone)]
pub struct InProcess {
    engine: Arc<Engine>,
}

impl InProcess {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// The server's own cache: one copy of the cluster's state for all.
    pub fn cache(&self) -> Arc<dyn Cache> {
        self.engine.cache()
    }

    /// Acts as `system:serviceaccount:NAMESPACE:NAME`; the name is also its field manager.
    pub fn service_account(&self, namespace: &str, name: &str) -> Arc<dyn Client> {
        let mut groups = ironclad_pki::token::groups(namespace);
        groups.push(AUTHENTICATED.to_owned());
        let user = User { name: ironclad_pki::token::username(namespace, name), groups, ..User::default() };
        self.user(user, name)
    }

    /// Acts as a user (`system:kube-scheduler`).
    pub fn user(&self, user: User, field_manager: &str) -> Arc<dyn Client> {
        Arc::new(LocalClient::new(self.engine.clone(), Arc::new(user), field_manager))
    }
}
