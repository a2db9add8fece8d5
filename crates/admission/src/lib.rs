//! The admission plugins: one file each, and the ordered list of them.
//!
//! A plugin looks at a write and at cached state; it may alter the object
//! ([`Plugin::mutate`]) and, when everybody has, refuse it ([`Plugin::validate`]).
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/>.

mod plugins;

use std::sync::Arc;

use ironclad_api::Status;
use ironclad_client::Cache;
use ironclad_engine::gate::{Admission, AdmissionRequest};
use ironclad_env::{BoxFuture, Env};

/// One rule about writes. Plain functions of the request and cached state.
pub trait Plugin: Send + Sync + 'static {
    /// Upstream's name.
    fn name(&self) -> &'static str;

    /// Alters the object, or refuses the write.
    fn mutate(&self, _request: &mut AdmissionRequest<'_>, _cluster: &Cluster<'_>) -> Result<(), Status> {
        Ok(())
    }

    /// Refuses the write, or lets it pass. Sees the object as it will be stored.
    fn validate(&self, _request: &AdmissionRequest<'_>, _cluster: &Cluster<'_>) -> Result<(), Status> {
        Ok(())
    }
}

/// What plugins see besides the write itself.
pub struct Cluster<'a> {
    pub cache: &'a dyn Cache,
    pub env: &'a Env,
}

/// Plugins in order.
pub struct Plugins {
    env: Env,
    cache: Arc<dyn Cache>,
    plugins: Vec<Box<dyn Plugin>>,
}

impl Plugins {
    /// Those that every cluster runs, in upstream's order.
    pub fn standard(env: Env, cache: Arc<dyn Cache>) -> Arc<Self> {
        Arc::new(Self { env, cache, plugins: plugins::standard() })
    }

    fn cluster(&self) -> Cluster<'_> {
        Cluster { cache: &*self.cache, env: &self.env }
    }
}

impl Admission for Plugins {
    fn mutate<'a>(&'a self, request: &'a mut AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>> {
        let cluster = self.cluster();
        let result = self.plugins.iter().try_for_each(|plugin| plugin.mutate(request, &cluster));
        Box::pin(std::future::ready(result))
    }

    fn validate<'a>(&'a self, request: &'a AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>> {
        let cluster = self.cluster();
        let result = self.plugins.iter().try_for_each(|plugin| plugin.validate(request, &cluster));
        Box::pin(std::future::ready(result))
    }
}
