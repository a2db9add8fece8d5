//! What must hold at every moment of every run.

use std::collections::BTreeSet;

use ironclad_node_core::ContainerState;

use crate::cluster::Cluster;

/// All of them.
pub fn check(cluster: &Cluster) {
    no_container_runs_twice(cluster);
    no_two_objects_share_a_uid(cluster);
    no_two_services_share_an_address(cluster);
}

/// Of one container of one pod at most one attempt is alive.
pub fn no_container_runs_twice(cluster: &Cluster) {
    for uid in cluster.runtime.pod_uids() {
        let mut alive = BTreeSet::new();
        for container in cluster.runtime.facts(&uid).containers {
            let runs = container.state == ContainerState::Running;
            assert!(
                !runs || alive.insert(container.name.clone()),
                "{} of pod {uid} runs twice",
                container.name
            );
        }
    }
}

/// A uid is given once.
pub fn no_two_objects_share_a_uid(cluster: &Cluster) {
    let mut seen = BTreeSet::new();
    for (group, resource) in
        [("", "pods"), ("apps", "replicasets"), ("apps", "deployments"), ("", "services")]
    {
        for object in cluster.list(group, resource) {
            assert!(seen.insert(object.uid().to_owned()), "{} {} has another's uid", resource, object.key());
        }
    }
}

/// A service address is one service's.
pub fn no_two_services_share_an_address(cluster: &Cluster) {
    let mut seen = BTreeSet::new();
    for service in cluster.list("", "services") {
        let ip = service.str_at(&["spec", "clusterIP"]).to_owned();
        let shared = ip.is_empty() || ip == "None" || seen.insert(ip.clone());
        assert!(shared, "{} has the address {ip} of another service", service.key());
    }
}
