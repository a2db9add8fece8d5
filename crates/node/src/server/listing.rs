//! `/pods`, `/runningpods/` and `/configz`.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use serde_json::{Value, json};

use super::Shared;
use super::reply::{self, Reply};

/// This node's pods with the statuses that the agent knows of.
pub(super) fn pods(shared: &Shared) -> Reply {
    let pages = shared.book.pages();
    let pods = pages.iter().map(|page| {
        let mut pod = (*page.pod).clone();
        pod.status = Some(page.status.clone());
        pod
    });
    list(pods.collect())
}

/// What the runtime runs, in as much of a pod as that fills.
pub(super) fn running_pods(shared: &Shared) -> Reply {
    let pages = shared.book.pages();
    let running = pages.iter().filter_map(|page| {
        let containers: Vec<Container> = page
            .facts
            .containers
            .iter()
            .filter(|fact| fact.running())
            .map(|fact| Container {
                name: fact.name.clone(),
                image: Some(fact.image.clone()),
                ..Default::default()
            })
            .collect();
        let mut pod = Pod::default();
        pod.metadata.name = page.pod.metadata.name.clone();
        pod.metadata.namespace = page.pod.metadata.namespace.clone();
        pod.metadata.uid = page.pod.metadata.uid.clone();
        (!containers.is_empty()).then(|| {
            pod.spec = Some(PodSpec { containers, ..Default::default() });
            pod
        })
    });
    list(running.collect())
}

fn list(pods: Vec<Pod>) -> Reply {
    let items: Vec<Value> = pods.iter().filter_map(|pod| serde_json::to_value(pod).ok()).collect();
    reply::json(&json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}))
}

/// The configuration, in the words of kubelet's own (`kubelet.config.k8s.io/v1beta1`).
pub(super) fn configz(shared: &Shared) -> Reply {
    let settings = &shared.settings;
    reply::json(&json!({"kubeletconfig": {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "enableServer": true,
        "clusterDomain": settings.cluster_domain,
        "clusterDNS": settings.cluster_dns,
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": true,
        "cgroupRoot": "/",
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 5,
        "nodeStatusUpdateFrequency": "10s",
        "nodeStatusReportFrequency": "5m0s",
        "nodeLeaseDurationSeconds": 40,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "10%",
            "nodefs.inodesFree": "5%",
            "imagefs.available": "15%",
            "imagefs.inodesFree": "5%",
        },
    }}))
}
