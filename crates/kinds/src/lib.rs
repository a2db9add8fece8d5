//! The built-in kinds: one file each, and the list of them.
//!
//! A kind is data (its [`KindSpec`](ironclad_engine::KindSpec)) and the few functions
//! in which it differs from every other; see `CONTRIBUTING.md` for how to add one.
//! Kinds do not import each other.

mod columns;
mod endpoint_address;
mod json_path;
mod json_schema;
mod spec;

pub mod config_map;
pub mod custom_resource;
pub mod custom_resource_definition;
pub mod definition;
pub mod deployment;
pub mod endpoint_slice;
pub mod endpoints;
pub mod event;
pub mod job;
pub mod lease;
pub mod namespace;
pub mod node;
pub mod pod;
mod pod_template;
pub mod priority_class;
pub mod rbac;
pub mod replica_set;
pub mod review;
pub mod secret;
pub mod service;
pub mod service_account;

use std::sync::Arc;

use ipnet::IpNet;
use ironclad_engine::Strategy;
use ironclad_engine::gate::{Authorizer, RuleResolver, TokenAuthenticator};

use service_account::TokenIssuer;

/// What some kinds need of the server around them.
pub struct Services {
    pub authorizer: Arc<dyn Authorizer>,
    pub rules: Arc<dyn RuleResolver>,
    pub tokens: Arc<dyn TokenAuthenticator>,
    pub issuer: Arc<dyn TokenIssuer>,
    /// The cluster's pod network; each node gets a part of it.
    pub pod_network: IpNet,
    /// The network that cluster IPs are taken from.
    pub service_network: IpNet,
}

/// All built-in kinds.
pub fn all(services: &Services) -> Vec<Arc<dyn Strategy>> {
    vec![
        Arc::new(config_map::ConfigMap::new()),
        Arc::new(custom_resource_definition::CustomResourceDefinition::new()),
        Arc::new(deployment::Deployment::new()),
        Arc::new(endpoint_slice::EndpointSlice::new()),
        Arc::new(endpoints::Endpoints::new()),
        Arc::new(event::Event::new()),
        Arc::new(job::Job::new()),
        Arc::new(lease::Lease::new()),
        Arc::new(namespace::Namespace::new()),
        Arc::new(node::Node::new(services.pod_network)),
        Arc::new(pod::Bindings::new()),
        Arc::new(pod::Pod::new()),
        Arc::new(priority_class::PriorityClass::new()),
        Arc::new(rbac::ClusterRole::new()),
        Arc::new(rbac::ClusterRoleBinding::new()),
        Arc::new(rbac::Role::new()),
        Arc::new(rbac::RoleBinding::new()),
        Arc::new(replica_set::ReplicaSet::new()),
        Arc::new(review::access::local_subject(services.authorizer.clone())),
        Arc::new(review::access::self_rules(services.rules.clone())),
        Arc::new(review::access::self_subject(services.authorizer.clone())),
        Arc::new(review::access::subject(services.authorizer.clone())),
        Arc::new(review::identity::self_subject()),
        Arc::new(review::identity::token(services.tokens.clone())),
        Arc::new(secret::Secret::new()),
        Arc::new(service::Service::new(services.service_network)),
        Arc::new(service_account::ServiceAccount::new(services.issuer.clone())),
    ]
}
