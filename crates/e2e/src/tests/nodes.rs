//! Two nodes on this machine: from nothing to a cluster of two, and back to nothing.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use crate::cluster::{Cluster, SOON, is_ready, name};
use crate::http;
use crate::machine::Snapshot;
use crate::wait::{holds, until};

const NAMESPACE: &str = "two-nodes";

/// Runs where no cluster is: after the others have taken theirs away.
pub fn two(cluster: &Cluster) -> anyhow::Result<()> {
    if cluster.kubeconfig.exists() {
        println!("(left out: the other tests' cluster is kept)");
        return Ok(());
    }
    cluster.ironclad(&["up", "--detach", "--nodes", "2"])?;
    let nodes = both_are_ready(cluster)?;
    let archives: Vec<&str> = cluster.images.iter().filter_map(|path| path.to_str()).collect();
    cluster.ironclad(&[&["image", "import"], archives.as_slice()].concat())?;
    cluster.kubectl(&["create", "namespace", NAMESPACE])?;
    for (number, node) in nodes.iter().enumerate() {
        let (pod, service) = (server(number, node), service(number));
        for object in [pod, service] {
            cluster.kubectl_with(&["apply", "-f", "-"], &object.to_string())?;
        }
    }
    cluster.kubectl(&["wait", "-n", NAMESPACE, "--for=condition=Ready", "pod", "--all", "--timeout=120s"])?;
    for from in 0..nodes.len() {
        streams(cluster, from)?;
        for to in 0..nodes.len() {
            reaches(cluster, from, to)?;
        }
    }
    goes_on(cluster)?;
    cluster.ironclad(&["reset", "--yes"])?;
    cluster.before.compare(&Snapshot::take()?)
}

fn both_are_ready(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let list = cluster.get(&["nodes"])?;
    let nodes = list["items"].as_array().cloned().unwrap_or_default();
    holds(nodes.len() == 2 && nodes.iter().all(is_ready), format_args!("no two Ready nodes: {list}"))?;
    let mut names: Vec<String> = nodes.iter().map(name).collect();
    names.sort();
    holds(names[1] == format!("{}-2", names[0]), format_args!("they are called {names:?}"))?;
    Ok(names)
}

/// A pod of busybox' web server on one node, which serves its number.
fn server(number: usize, node: &str) -> Value {
    let script = format!(
        "mkdir /tmp/www; echo served by {number} >/tmp/www/index.html; echo started {number}; exec httpd -f -p 8080 -h /tmp/www"
    );
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("server-{number}"), "namespace": NAMESPACE, "labels": {"server": number.to_string()}},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "web", "image": "ironclad.local/busybox:1.36", "imagePullPolicy": "Never",
                "command": ["sh", "-c", script],
                "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
            }],
        },
    })
}

fn service(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": format!("web-{number}"), "namespace": NAMESPACE},
        "spec": {
            "type": "NodePort", "sessionAffinity": "ClientIP",
            "selector": {"server": number.to_string()}, "ports": [{"port": 80, "targetPort": 8080}],
        },
    })
}

/// By the pod's address, by the service's address, by the service's name, by every node's address.
fn reaches(cluster: &Cluster, from: usize, to: usize) -> anyhow::Result<()> {
    let to_name = format!("web-{to}");
    let pod = cluster.get(&["pod", "-n", NAMESPACE, &format!("server-{to}")])?;
    let service = cluster.get(&["service", "-n", NAMESPACE, &to_name])?;
    let pod_ip = pod["status"]["podIP"].as_str().context("no podIP")?;
    let service_ip = service["spec"]["clusterIP"].as_str().context("no clusterIP")?;
    let node_port = &service["spec"]["ports"][0]["nodePort"];
    let nodes = cluster.node_addresses()?.into_iter().map(|ip| format!("{ip}:{node_port}"));
    for host in [format!("{pod_ip}:8080"), service_ip.to_owned(), to_name.clone()].into_iter().chain(nodes) {
        let url = format!("http://{host}/");
        let from = format!("server-{from}");
        let ask =
            || cluster.kubectl(&["exec", "-n", NAMESPACE, &from, "--", "timeout", "5", "wget", "-qO-", &url]);
        let answer = until(SOON, &format!("{from} reaches {url}"), ask)?;
        holds(answer.trim() == format!("served by {to}"), format_args!("{url} answered {answer}"))?;
    }
    Ok(())
}

/// kubectl reaches pods of either node.
fn streams(cluster: &Cluster, number: usize) -> anyhow::Result<()> {
    let pod = format!("server-{number}");
    let logs = until(SOON, "its logs are read", || cluster.kubectl(&["logs", "-n", NAMESPACE, &pod]))?;
    holds(logs.trim() == format!("started {number}"), format_args!("its logs are {logs}"))?;
    let mut forward = cluster.kubectl_running(&["port-forward", "-n", NAMESPACE, &pod, ":8080"])?;
    let lines = forward.lines();
    let mut port = None;
    lines.until(SOON, "the line that names the port", |line| {
        let words = line.strip_prefix("Forwarding from 127.0.0.1:").and_then(|rest| rest.split(' ').next());
        port = words.and_then(|number| number.parse::<u16>().ok());
        port.is_some()
    })?;
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], port.unwrap_or_default()));
    let answer = until(SOON, "an answer through port-forward", || http::get(here, "/"))?;
    holds(answer.trim() == format!("served by {number}"), format_args!("it answered {answer}"))
}

/// A stop and a start of everything restarts no pod, on either node.
fn goes_on(cluster: &Cluster) -> anyhow::Result<()> {
    let containers = || -> anyhow::Result<String> {
        let each = "jsonpath={range .items[*]}{.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount} {end}";
        cluster.kubectl(&["get", "pods", "-n", NAMESPACE, "-o", each])
    };
    let before = containers()?;
    cluster.ironclad(&["down"])?;
    cluster.ironclad(&["up", "--detach"])?;
    until(Duration::from_secs(60), "both nodes are ready again", || both_are_ready(cluster))?;
    let after = containers()?;
    holds(before == after, format_args!("containers were {before}, and are {after}"))?;
    reaches(cluster, 0, 1)?;
    reaches(cluster, 1, 0)
}
