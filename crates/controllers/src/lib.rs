//! The built-in controllers: one file each, and the list of them.
//!
//! Every controller is a plain function from cached state to a
//! [`Plan`](ironclad_control::Plan); see `ironclad_control` for what the runner
//! guarantees around it.

pub mod amounts;
pub mod bootstrap_tokens;
pub mod certificates;
pub mod cluster_role_aggregation;
pub mod cron_job;
pub mod daemon_set;
pub mod deployment;
pub mod disruption;
pub mod garbage_collector;
pub mod history;
pub mod job;
pub mod namespace;
pub mod node_lifecycle;
pub mod node_selector;
pub mod ownership;
pub mod pod_gc;
pub mod pods;
pub mod policy_types;
pub mod replicaset;
pub mod resource_quota;
pub mod resources;
pub mod root_ca;
pub mod selectors;
pub mod service_account;
pub mod service_addresses;
pub mod service_cidrs;
pub mod service_endpoints;
pub mod stateful_set;
#[cfg(test)]
mod testing;
pub mod token_secrets;
pub mod ttl_after_finished;
pub mod volumes;

use std::sync::Arc;

use ironclad_control::Controller;

/// Controllers that act as the user `system:kube-controller-manager`, because no role of upstream's
/// gives a service account what they do.
pub const OF_THE_MANAGER: [&str; 1] = ["tokens-controller"];

/// Controllers that upstream has in the API server, and that act as it.
pub const OF_THE_SERVER: [&str; 1] = ["ipallocator-repair-controller"];

/// What some controllers need to know beyond the cluster's state.
pub struct Settings {
    /// PEM of the CA that signs the API server's certificate.
    pub root_ca: String,
    /// Signs the tokens that Secrets hold.
    pub tokens: Arc<dyn token_secrets::SecretTokens>,
    /// `None` where there is no CA to sign certificates with.
    pub certificates: Option<certificates::Settings>,
}

/// All built-in controllers.
pub fn all(settings: &Settings) -> Vec<Arc<dyn Controller>> {
    let mut all = everywhere(settings);
    if let Some(settings) = &settings.certificates {
        all.push(Arc::new(certificates::Certificates::new(settings.clone())));
    }
    all
}

fn everywhere(settings: &Settings) -> Vec<Arc<dyn Controller>> {
    vec![
        Arc::new(bootstrap_tokens::BootstrapSigner),
        Arc::new(bootstrap_tokens::TokenCleaner),
        Arc::new(cluster_role_aggregation::ClusterRoleAggregation),
        Arc::new(cron_job::CronJobController),
        Arc::new(daemon_set::DaemonSetController::default()),
        Arc::new(deployment::DeploymentController),
        Arc::new(disruption::DisruptionController),
        Arc::new(disruption::StaleDisruptions),
        Arc::new(service_endpoints::endpoints::EndpointsController),
        Arc::new(service_endpoints::slices::EndpointSlices),
        Arc::new(service_endpoints::mirroring::EndpointSliceMirroring),
        Arc::new(garbage_collector::GarbageCollector::default()),
        Arc::new(job::JobController::default()),
        Arc::new(namespace::NamespaceLifecycle),
        Arc::new(node_lifecycle::NodeLifecycle::default()),
        Arc::new(node_lifecycle::eviction::TaintEviction),
        Arc::new(pod_gc::PodGc::default()),
        Arc::new(policy_types::PolicyTypes),
        Arc::new(replicaset::PodSets::replica_sets()),
        Arc::new(replicaset::PodSets::replication_controllers()),
        Arc::new(resource_quota::ResourceQuotas),
        Arc::new(root_ca::RootCaPublisher::new(settings.root_ca.clone())),
        Arc::new(service_account::ServiceAccounts),
        Arc::new(service_addresses::ServiceAddresses),
        Arc::new(service_cidrs::ServiceCidrs),
        Arc::new(token_secrets::TokenSecrets::new(&settings.root_ca, settings.tokens.clone())),
        Arc::new(stateful_set::StatefulSetController),
        Arc::new(ttl_after_finished::TtlAfterFinished),
        Arc::new(volumes::binder::PersistentVolumeBinder),
        Arc::new(volumes::ephemeral::EphemeralVolumes),
        Arc::new(volumes::protection::AttributesClassProtection),
        Arc::new(volumes::protection::ClaimProtection),
        Arc::new(volumes::protection::VolumeProtection),
    ]
}
