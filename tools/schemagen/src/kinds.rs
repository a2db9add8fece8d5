//! The kinds of the stable API, by k8s-openapi's path: one line each.

use k8s_openapi::{ListableResource, Resource};
use schemars::{JsonSchema, SchemaGenerator};

/// A kind, its group and version, and the kind of its list where it has one.
pub struct Kind {
    pub definition: String,
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub list_kind: Option<&'static str>,
}

/// Names every kind, and puts its schema and those it refers to into `schemas`.
pub fn all(schemas: &mut SchemaGenerator) -> Vec<Kind> {
    let mut kinds = Vec::new();
    macro_rules! listable {
        ($($path:path)*) => { $( kinds.push(listable::<$path>(schemas)); )* };
    }
    macro_rules! single {
        ($($path:path)*) => { $( kinds.push(single::<$path>(schemas)); )* };
    }
    listable! {
        k8s_openapi::api::admissionregistration::v1::MutatingAdmissionPolicy
        k8s_openapi::api::admissionregistration::v1::MutatingAdmissionPolicyBinding
        k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration
        k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy
        k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding
        k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration
        k8s_openapi::api::apps::v1::ControllerRevision
        k8s_openapi::api::apps::v1::DaemonSet
        k8s_openapi::api::apps::v1::Deployment
        k8s_openapi::api::apps::v1::ReplicaSet
        k8s_openapi::api::apps::v1::StatefulSet
        k8s_openapi::api::autoscaling::v1::HorizontalPodAutoscaler
        k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler
        k8s_openapi::api::batch::v1::CronJob
        k8s_openapi::api::batch::v1::Job
        k8s_openapi::api::certificates::v1::CertificateSigningRequest
        k8s_openapi::api::coordination::v1::Lease
        k8s_openapi::api::core::v1::ComponentStatus
        k8s_openapi::api::core::v1::ConfigMap
        k8s_openapi::api::core::v1::Endpoints
        k8s_openapi::api::core::v1::Event
        k8s_openapi::api::core::v1::LimitRange
        k8s_openapi::api::core::v1::Namespace
        k8s_openapi::api::core::v1::Node
        k8s_openapi::api::core::v1::PersistentVolume
        k8s_openapi::api::core::v1::PersistentVolumeClaim
        k8s_openapi::api::core::v1::Pod
        k8s_openapi::api::core::v1::PodTemplate
        k8s_openapi::api::core::v1::ReplicationController
        k8s_openapi::api::core::v1::ResourceQuota
        k8s_openapi::api::core::v1::Secret
        k8s_openapi::api::core::v1::Service
        k8s_openapi::api::core::v1::ServiceAccount
        k8s_openapi::api::discovery::v1::EndpointSlice
        k8s_openapi::api::events::v1::Event
        k8s_openapi::api::flowcontrol::v1::FlowSchema
        k8s_openapi::api::flowcontrol::v1::PriorityLevelConfiguration
        k8s_openapi::api::networking::v1::Ingress
        k8s_openapi::api::networking::v1::IngressClass
        k8s_openapi::api::networking::v1::IPAddress
        k8s_openapi::api::networking::v1::NetworkPolicy
        k8s_openapi::api::networking::v1::ServiceCIDR
        k8s_openapi::api::node::v1::RuntimeClass
        k8s_openapi::api::policy::v1::PodDisruptionBudget
        k8s_openapi::api::rbac::v1::ClusterRole
        k8s_openapi::api::rbac::v1::ClusterRoleBinding
        k8s_openapi::api::rbac::v1::Role
        k8s_openapi::api::rbac::v1::RoleBinding
        k8s_openapi::api::resource::v1::DeviceClass
        k8s_openapi::api::resource::v1::ResourceClaim
        k8s_openapi::api::resource::v1::ResourceClaimTemplate
        k8s_openapi::api::resource::v1::ResourceSlice
        k8s_openapi::api::scheduling::v1::PriorityClass
        k8s_openapi::api::storage::v1::CSIDriver
        k8s_openapi::api::storage::v1::CSINode
        k8s_openapi::api::storage::v1::CSIStorageCapacity
        k8s_openapi::api::storage::v1::StorageClass
        k8s_openapi::api::storage::v1::VolumeAttachment
        k8s_openapi::api::storage::v1::VolumeAttributesClass
        k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition
        k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService
    }
    single! {
        k8s_openapi::api::authentication::v1::SelfSubjectReview
        k8s_openapi::api::authentication::v1::TokenRequest
        k8s_openapi::api::authentication::v1::TokenReview
        k8s_openapi::api::authorization::v1::LocalSubjectAccessReview
        k8s_openapi::api::authorization::v1::SelfSubjectAccessReview
        k8s_openapi::api::authorization::v1::SelfSubjectRulesReview
        k8s_openapi::api::authorization::v1::SubjectAccessReview
        k8s_openapi::api::autoscaling::v1::Scale
        k8s_openapi::api::core::v1::Binding
        k8s_openapi::api::policy::v1::Eviction
        k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup
        k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroupList
        k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList
        k8s_openapi::apimachinery::pkg::apis::meta::v1::APIVersions
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Status
    }
    kinds
}

/// Puts schemas that no kind refers to, but the published API does, into `schemas`.
pub fn others(schemas: &mut SchemaGenerator) {
    use k8s_openapi::apimachinery::pkg::{apis::meta::v1, version};
    schemas.subschema_for::<v1::DeleteOptions>();
    schemas.subschema_for::<v1::ListMeta>();
    schemas.subschema_for::<v1::Patch>();
    schemas.subschema_for::<v1::WatchEvent<()>>();
    schemas.subschema_for::<version::Info>();
}

fn listable<T: ListableResource + JsonSchema>(schemas: &mut SchemaGenerator) -> Kind {
    Kind { list_kind: Some(T::LIST_KIND), ..single::<T>(schemas) }
}

fn single<T: Resource + JsonSchema>(schemas: &mut SchemaGenerator) -> Kind {
    schemas.subschema_for::<T>();
    Kind {
        definition: T::schema_name().into_owned(),
        group: T::GROUP,
        version: T::VERSION,
        kind: T::KIND,
        list_kind: None,
    }
}
