//! The built-in kinds: one file each, and the list of them.
//!
//! A kind is data (its [`KindSpec`](ironclad_engine::KindSpec)) and the few functions
//! in which it differs from every other; see `CONTRIBUTING.md` for how to add one.
//! Kinds do not import each other.

mod columns;
mod csi;
mod endpoint_address;
mod fields;
mod go_form;
mod job_spec;
pub mod json_path;
mod json_schema;
mod keyed_list;
mod label_selectors;
mod line_diff;
mod node_labels;
mod resource_lists;
mod resource_names;
mod rollout;
mod spec;
mod status_metadata;
#[cfg(test)]
mod testing;
mod validation_rules;
mod volume_rules;
mod webhook_client;

pub mod admission_registration;
pub mod api_service;
pub mod certificate_signing_request;
pub mod component_status;
pub mod config_map;
pub mod controller_revision;
pub mod cron_job;
pub mod custom_resource;
pub mod custom_resource_definition;
pub mod daemon_set;
pub mod definition;
pub mod deployment;
pub mod dynamic_resources;
pub mod endpoint_slice;
pub mod endpoints;
pub mod event;
pub mod flow_control;
pub mod horizontal_pod_autoscaler;
pub mod job;
pub mod lease;
pub mod limit_range;
pub mod namespace;
pub mod networking;
pub mod node;
pub mod persistent_volume;
pub mod persistent_volume_claim;
pub mod pod;
pub mod pod_disruption_budget;
mod pod_template;
pub mod pod_template_kind;
pub mod priority_class;
pub mod rbac;
pub mod replica_set;
pub mod replication_controller;
pub mod resource_quota;
pub mod review;
pub mod runtime_class;
pub mod secret;
pub mod service;
pub mod service_account;
pub mod stateful_set;
pub mod storage;

use std::sync::Arc;

use ipnet::IpNet;
use ironclad_engine::Strategy;
use ironclad_engine::gate::{Authorizer, RuleResolver, TokenAuthenticator};

use admission_registration::Phase;
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
        Arc::new(admission_registration::Policy::new(Phase::Mutating)),
        Arc::new(admission_registration::Policy::new(Phase::Validating)),
        Arc::new(admission_registration::PolicyBinding::new(Phase::Mutating)),
        Arc::new(admission_registration::PolicyBinding::new(Phase::Validating)),
        Arc::new(admission_registration::WebhookConfiguration::new(Phase::Mutating)),
        Arc::new(admission_registration::WebhookConfiguration::new(Phase::Validating)),
        Arc::new(api_service::ApiService::new()),
        Arc::new(certificate_signing_request::CertificateSigningRequest::new()),
        Arc::new(component_status::ComponentStatus::new()),
        Arc::new(config_map::ConfigMap::new()),
        Arc::new(controller_revision::ControllerRevision::new()),
        Arc::new(cron_job::CronJob::new()),
        Arc::new(custom_resource_definition::CustomResourceDefinition::new()),
        Arc::new(daemon_set::DaemonSet::new()),
        Arc::new(deployment::Deployment::new()),
        Arc::new(dynamic_resources::DeviceClass::new()),
        Arc::new(dynamic_resources::ResourceClaim::new()),
        Arc::new(dynamic_resources::ResourceClaimTemplate::new()),
        Arc::new(dynamic_resources::ResourceSlice::new()),
        Arc::new(endpoint_slice::EndpointSlice::new()),
        Arc::new(endpoints::Endpoints::new()),
        Arc::new(event::Event::new()),
        Arc::new(flow_control::FlowSchema::new()),
        Arc::new(flow_control::PriorityLevelConfiguration::new()),
        Arc::new(horizontal_pod_autoscaler::HorizontalPodAutoscaler::new()),
        Arc::new(job::Job::new()),
        Arc::new(lease::Lease::new()),
        Arc::new(limit_range::LimitRange::new()),
        Arc::new(namespace::Namespace::new()),
        Arc::new(networking::Ingress::new()),
        Arc::new(networking::IngressClass::new()),
        Arc::new(networking::IpAddress::new()),
        Arc::new(networking::NetworkPolicy::new()),
        Arc::new(networking::ServiceCidr::new()),
        Arc::new(node::Node::new(services.pod_network)),
        Arc::new(persistent_volume::PersistentVolume::new()),
        Arc::new(persistent_volume_claim::PersistentVolumeClaim::new()),
        Arc::new(pod::Bindings::new()),
        Arc::new(pod::Pod::new()),
        Arc::new(pod_disruption_budget::PodDisruptionBudget::new()),
        Arc::new(pod_template_kind::PodTemplate::new()),
        Arc::new(priority_class::PriorityClass::new()),
        Arc::new(rbac::ClusterRole::new()),
        Arc::new(rbac::ClusterRoleBinding::new()),
        Arc::new(rbac::Role::new()),
        Arc::new(rbac::RoleBinding::new()),
        Arc::new(replica_set::ReplicaSet::new()),
        Arc::new(replication_controller::ReplicationController::new()),
        Arc::new(resource_quota::ResourceQuota::new()),
        Arc::new(review::access::local_subject(services.authorizer.clone())),
        Arc::new(review::access::self_rules(services.rules.clone())),
        Arc::new(review::access::self_subject(services.authorizer.clone())),
        Arc::new(review::access::subject(services.authorizer.clone())),
        Arc::new(review::identity::self_subject()),
        Arc::new(review::identity::token(services.tokens.clone())),
        Arc::new(runtime_class::RuntimeClass::new()),
        Arc::new(secret::Secret::new()),
        Arc::new(service::Service::new(services.service_network)),
        Arc::new(service_account::ServiceAccount::new(services.issuer.clone())),
        Arc::new(storage::CsiDriver::new()),
        Arc::new(storage::CsiNode::new()),
        Arc::new(storage::CsiStorageCapacity::new()),
        Arc::new(storage::StorageClass::new()),
        Arc::new(storage::VolumeAttachment::new()),
        Arc::new(storage::VolumeAttributesClass::new()),
        Arc::new(stateful_set::StatefulSet::new()),
    ]
}
