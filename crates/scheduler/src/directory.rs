//! Looks things up in the cluster's cache.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ironclad_api::labels::{Labels, Selector};
use ironclad_api::{GroupResource, ObjectKey};
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{ReplicationController, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::selectors;
use crate::world::{Directory, DisruptionBudget};

pub struct CacheDirectory(pub Arc<dyn Cache>);

impl Directory for CacheDirectory {
    fn namespace_labels(&self, namespace: &str) -> Labels {
        let entry = self.0.get(&GroupResource::new("", "namespaces"), &ObjectKey::cluster(namespace));
        entry.map(|entry| entry.labels.clone()).unwrap_or_default()
    }

    fn namespaces_matching(&self, selector: &Selector) -> BTreeSet<String> {
        let namespaces = self.0.list(&GroupResource::new("", "namespaces"), None);
        let matching = namespaces.iter().filter(|entry| selector.matches(&entry.labels));
        matching.map(|entry| entry.key.name.clone()).collect()
    }

    fn service_selectors(&self, namespace: &str) -> Vec<BTreeMap<String, String>> {
        let services = self.0.list_as::<Service>(&GroupResource::new("", "services"), Some(namespace));
        let selectors = services.iter().filter_map(|service| service.spec.as_ref()?.selector.clone());
        selectors.filter(|selector| !selector.is_empty()).collect()
    }

    fn owner_selector(&self, namespace: &str, owner: &OwnerReference) -> Option<Selector> {
        let key = ObjectKey::new(namespace, owner.name.clone());
        match (owner.api_version.as_str(), owner.kind.as_str()) {
            ("apps/v1", "ReplicaSet") => {
                let set = self.0.get_as::<ReplicaSet>(&GroupResource::new("apps", "replicasets"), &key)?;
                Some(selectors::parse(Some(&set.spec.as_ref()?.selector)))
            }
            ("apps/v1", "StatefulSet") => {
                let set = self.0.get_as::<StatefulSet>(&GroupResource::new("apps", "statefulsets"), &key)?;
                Some(selectors::parse(Some(&set.spec.as_ref()?.selector)))
            }
            ("v1", "ReplicationController") => {
                let resource = GroupResource::new("", "replicationcontrollers");
                let controller = self.0.get_as::<ReplicationController>(&resource, &key)?;
                Some(Selector::from_labels(controller.spec.as_ref()?.selector.as_ref()?))
            }
            _ => None,
        }
    }

    fn disruption_budgets(&self) -> Vec<DisruptionBudget> {
        let resource = GroupResource::new("policy", "poddisruptionbudgets");
        let budgets = self.0.list_as::<PodDisruptionBudget>(&resource, None);
        budgets.iter().map(|budget| disruption_budget(budget)).collect()
    }
}

fn disruption_budget(budget: &PodDisruptionBudget) -> DisruptionBudget {
    let status = budget.status.as_ref();
    let disrupted = status.and_then(|status| status.disrupted_pods.as_ref());
    DisruptionBudget {
        namespace: budget.metadata.namespace.clone().unwrap_or_default(),
        selector: selectors::parse(budget.spec.as_ref().and_then(|spec| spec.selector.as_ref())),
        disruptions_allowed: status.and_then(|status| status.disruptions_allowed).unwrap_or(0),
        disrupted: disrupted.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
    }
}
