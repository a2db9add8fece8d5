//! The resources that controllers read and write, by name.

use ironclad_api::{GroupResource, GroupVersionResource, ObjectKey};
use ironclad_client::Target;

/// A built-in resource in the version that is stored and written.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    group: &'static str,
    version: &'static str,
    plural: &'static str,
}

const fn resource(group: &'static str, version: &'static str, plural: &'static str) -> Resource {
    Resource { group, version, plural }
}

pub const CONFIG_MAPS: Resource = resource("", "v1", "configmaps");
pub const ENDPOINTS: Resource = resource("", "v1", "endpoints");
pub const NAMESPACES: Resource = resource("", "v1", "namespaces");
pub const NODES: Resource = resource("", "v1", "nodes");
pub const PERSISTENT_VOLUME_CLAIMS: Resource = resource("", "v1", "persistentvolumeclaims");
pub const PERSISTENT_VOLUMES: Resource = resource("", "v1", "persistentvolumes");
pub const PODS: Resource = resource("", "v1", "pods");
pub const RESOURCE_QUOTAS: Resource = resource("", "v1", "resourcequotas");
pub const REPLICATION_CONTROLLERS: Resource = resource("", "v1", "replicationcontrollers");
pub const SECRETS: Resource = resource("", "v1", "secrets");
pub const SERVICES: Resource = resource("", "v1", "services");
pub const SERVICE_ACCOUNTS: Resource = resource("", "v1", "serviceaccounts");
pub const CONTROLLER_REVISIONS: Resource = resource("apps", "v1", "controllerrevisions");
pub const DAEMON_SETS: Resource = resource("apps", "v1", "daemonsets");
pub const DEPLOYMENTS: Resource = resource("apps", "v1", "deployments");
pub const REPLICA_SETS: Resource = resource("apps", "v1", "replicasets");
pub const STATEFUL_SETS: Resource = resource("apps", "v1", "statefulsets");
pub const CRON_JOBS: Resource = resource("batch", "v1", "cronjobs");
pub const JOBS: Resource = resource("batch", "v1", "jobs");
pub const CERTIFICATE_SIGNING_REQUESTS: Resource =
    resource("certificates.k8s.io", "v1", "certificatesigningrequests");
pub const LEASES: Resource = resource("coordination.k8s.io", "v1", "leases");
pub const ENDPOINT_SLICES: Resource = resource("discovery.k8s.io", "v1", "endpointslices");
pub const POD_DISRUPTION_BUDGETS: Resource = resource("policy", "v1", "poddisruptionbudgets");
pub const IP_ADDRESSES: Resource = resource("networking.k8s.io", "v1", "ipaddresses");
pub const SERVICE_CIDRS: Resource = resource("networking.k8s.io", "v1", "servicecidrs");
pub const CLUSTER_ROLES: Resource = resource("rbac.authorization.k8s.io", "v1", "clusterroles");
pub const STORAGE_CLASSES: Resource = resource("storage.k8s.io", "v1", "storageclasses");
pub const VALIDATING_ADMISSION_POLICIES: Resource =
    resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies");
pub const CUSTOM_RESOURCE_DEFINITIONS: Resource =
    resource("apiextensions.k8s.io", "v1", "customresourcedefinitions");
pub const VOLUME_ATTRIBUTES_CLASSES: Resource = resource("storage.k8s.io", "v1", "volumeattributesclasses");

impl Resource {
    pub fn group_resource(self) -> GroupResource {
        GroupResource::new(self.group, self.plural)
    }

    fn versioned(self) -> GroupVersionResource {
        GroupVersionResource::new(self.group, self.version, self.plural)
    }

    pub fn collection(self, namespace: &str) -> Target {
        Target::collection(self.versioned(), namespace)
    }

    pub fn object(self, key: &ObjectKey) -> Target {
        Target::object(self.versioned(), key)
    }

    pub fn status(self, key: &ObjectKey) -> Target {
        self.object(key).subresource("status")
    }
}
