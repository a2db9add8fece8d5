//! What comes by itself: conditions, events, deletion.

use serde_json::json;

use crate::cluster::{Cluster, NAMESPACE, SOON};
use crate::wait::{holds, until};

pub fn wait(cluster: &Cluster) -> anyhow::Result<()> {
    let wait = |what: &[&str]| cluster.kubectl(&[&["wait", "-n", NAMESPACE, "--timeout=60s"], what].concat());
    wait(&["--for=condition=Available", "deployment/frontend"])?;
    wait(&["--for=jsonpath={.status.readyReplicas}=3", "deployment/frontend"])?;
    cluster.kubectl(&["create", "configmap", "fleeting", "-n", NAMESPACE])?;
    let gone = cluster.kubectl_running(&[
        "wait",
        "--for=delete",
        "configmap/fleeting",
        "-n",
        NAMESPACE,
        "--timeout=60s",
    ])?;
    cluster.kubectl(&["delete", "configmap", "fleeting", "-n", NAMESPACE])?;
    gone.succeeds(SOON)
}

pub fn unschedulable(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "too-big", "namespace": NAMESPACE},
        "spec": {"containers": [{
            "name": "main",
            "image": "ironclad.local/busybox:1.36",
            "resources": {"requests": {"cpu": "1000"}},
        }]},
    });
    cluster.kubectl_with(&["apply", "-f", "-"], &pod.to_string())?;
    let told = until(SOON, "an event that says why", || {
        let events = cluster.kubectl(&["events", "--for=pod/too-big", "-n", NAMESPACE, "--no-headers"])?;
        holds(
            events.contains("FailedScheduling")
                && events.contains("0/1 nodes are available: 1 Insufficient cpu."),
            format_args!("the events are: {events}"),
        )
    });
    cluster.kubectl(&["delete", "pod/too-big", "-n", NAMESPACE])?;
    told
}

pub fn namespace(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.kubectl(&["create", "namespace", "short-lived"])?;
    cluster.kubectl(&["create", "configmap", "inside", "-n", "short-lived"])?;
    let command = ["--image-pull-policy=IfNotPresent", "-n", "short-lived", "--", "sleep", "1000"];
    cluster.kubectl(&[&["run", "sleeper", "--image=ironclad.local/busybox:1.36"], &command[..]].concat())?;
    cluster.kubectl(&[
        "wait",
        "-n",
        "short-lived",
        "--for=condition=Ready",
        "pod/sleeper",
        "--timeout=60s",
    ])?;
    // Without waiting for the sleeper's grace, which is not what this is about.
    cluster.kubectl(&["delete", "pod", "sleeper", "-n", "short-lived", "--grace-period=1"])?;
    cluster.kubectl(&["delete", "namespace", "short-lived", "--timeout=60s"])?;
    let left = cluster.kubectl(&["get", "configmaps,pods", "-n", "short-lived", "-o", "name"])?;
    holds(left.trim().is_empty(), format_args!("left are {left}"))
}
