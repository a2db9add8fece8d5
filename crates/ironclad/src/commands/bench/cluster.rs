//! The cluster under test: some connections and a namespace.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::params::DeleteOptions;
use ironclad_api::{GroupVersionResource, Object, ObjectKey, Status};
use ironclad_client::{Client, Request, Target};
use ironclad_env::{Env, EnvironmentExt};
use ironclad_remote::RemoteClient;
use serde_json::{Value, json};

use super::cannot_connect;
use crate::connection;
use crate::failure::Failure;

const POLL: Duration = Duration::from_millis(20);

pub struct Cluster {
    /// Each with a connection of its own.
    pub clients: Vec<Arc<RemoteClient>>,
    pub namespace: String,
}

pub fn pods() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "pods")
}

fn service_accounts() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "serviceaccounts")
}

fn namespaces() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "namespaces")
}

impl Cluster {
    pub async fn connect(
        env: &Env,
        path: &Path,
        context: Option<&str>,
        clients: usize,
    ) -> Result<Self, Failure> {
        let connect = || connection::open(path, context, "ironclad-bench").map_err(cannot_connect);
        let clients = (0..clients).map(|_| connect()).collect::<Result<Vec<_>, _>>()?;
        let namespace = format!("ironclad-bench-{:08x}", env.random_u64() as u32);
        let cluster = Self { clients, namespace };
        let object =
            object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}}));
        let created =
            cluster.client(0).call(Request::create(Target::collection(namespaces(), ""), object)).await;
        created.map_err(|status| cannot_connect(format!("{}: {status}", path.display())))?;
        Ok(cluster)
    }

    pub fn client(&self, number: usize) -> &Arc<RemoteClient> {
        // There is at least one: the flag's range says so.
        &self.clients[number % self.clients.len()]
    }

    pub fn key(&self, name: String) -> ObjectKey {
        ObjectKey::new(self.namespace.clone(), name)
    }

    pub fn collection(&self, resource: GroupVersionResource) -> Target {
        Target::collection(resource, self.namespace.clone())
    }

    pub async fn create(
        &self,
        client: usize,
        resource: GroupVersionResource,
        new: Value,
    ) -> Result<(), Status> {
        self.client(client).call(Request::create(self.collection(resource), object(new))).await.map(drop)
    }

    /// Makes the service account that pods need, for servers that run without the controller for it.
    pub async fn service_account(&self) -> Result<(), Status> {
        let new = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        match self.create(0, service_accounts(), new).await {
            Err(status) if status.is_already_exists() => Ok(()),
            other => other,
        }
    }

    /// Returns once the namespace has its service account, without which it takes no pods.
    pub async fn default_service_account(&self, env: &Env) {
        let target = Target::object(service_accounts(), &self.key("default".into()));
        while self.client(0).call(Request::get(target.clone())).await.is_err() {
            env.sleep(POLL).await;
        }
    }

    pub async fn clean_up(&self) -> Result<(), Status> {
        let target = Target::object(namespaces(), &ObjectKey::cluster(self.namespace.clone()));
        self.client(0).call(Request::delete(target, DeleteOptions::default())).await.map(drop)
    }
}

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap_or_default()
}
