//! What is killed comes back, and what was not killed does not notice.

use std::time::Duration;

use anyhow::Context;

use crate::cluster::{Cluster, NAMESPACE, SOON, is_ready, name};
use crate::load::Load;
use crate::processes;
use crate::wait::{holds, until};

/// So long the load goes on without a control plane.
const ABSENCE: Duration = Duration::from_secs(10);

pub fn kill_container(cluster: &Cluster) -> anyhow::Result<()> {
    let pods = cluster.front_ends()?;
    let pod = pods.iter().find(|pod| is_ready(pod)).context("no front end is ready")?;
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    let main = processes::find("the pod's main process", |process| {
        process.cgroups.contains(uid) && process.command.contains("/serve")
    })?;
    let restarts = |pod: &serde_json::Value| pod["status"]["containerStatuses"][0]["restartCount"].as_i64();
    let before = restarts(pod).unwrap_or_default();
    processes::kill(&main)?;
    until(SOON, "the container is restarted", || {
        let pod = cluster.get(&["pod", &name(pod), "-n", NAMESPACE])?;
        let status = &pod["status"]["containerStatuses"][0];
        let again = restarts(&pod) == Some(before + 1) && is_ready(&pod);
        holds(again && status["lastState"]["terminated"]["exitCode"] == 137, status)
    })
}

pub fn kill_ironclad(cluster: &Cluster) -> anyhow::Result<()> {
    let note = format!("--from-literal=written=before-the-kill-{}", std::process::id());
    cluster.kubectl(&["create", "configmap", "survivor", "-n", NAMESPACE, &note])?;
    let killed = ironclad()?;
    absent(cluster, || processes::kill(&killed))?;
    let survivor =
        cluster.kubectl(&["get", "configmap/survivor", "-n", NAMESPACE, "-o", "jsonpath={.data.written}"])?;
    cluster.kubectl(&["delete", "configmap/survivor", "-n", NAMESPACE])?;
    holds(note.ends_with(&survivor) && !survivor.is_empty(), "what was acknowledged is lost")
}

pub fn down_and_up(cluster: &Cluster) -> anyhow::Result<()> {
    absent(cluster, || cluster.ironclad(&["down"]).map(drop))
}

/// Ends Ironclad while pages are asked for without end: each goes through a service's address, the cluster's
/// DNS and two tiers. Starts it again; nothing may have failed or been restarted.
fn absent(cluster: &Cluster, end: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    settled(cluster)?;
    let before = cluster.containers()?;
    let load = Load::start(cluster.front_door()?, "/", "<h1>Guestbook</h1>");
    until(SOON, "load", || holds(load.answered() > 20, "there is none"))?;
    end()?;
    std::thread::sleep(ABSENCE);
    holds(ironclad().is_err(), "Ironclad is still there")?;
    cluster.ironclad(&["up", "--detach"])?;
    cluster.node_ready()?;
    // Time for a wrong decision of the new one to show.
    std::thread::sleep(ABSENCE);
    load.stop()?;
    let after = cluster.containers()?;
    holds(before == after, format_args!("containers changed from {before:#?} to {after:#?}"))
}

/// Waits until no pod of earlier tests is on its way out.
fn settled(cluster: &Cluster) -> anyhow::Result<()> {
    until(SOON, "all pods are to stay", || {
        let list = cluster.get(&["pods", "-n", NAMESPACE])?;
        let pods = list["items"].as_array().cloned().unwrap_or_default();
        let leaving: Vec<String> =
            pods.iter().filter(|pod| !pod["metadata"]["deletionTimestamp"].is_null()).map(name).collect();
        holds(leaving.is_empty(), format_args!("{leaving:?} are leaving"))
    })
}

fn ironclad() -> anyhow::Result<processes::Process> {
    processes::find("Ironclad", |process| process.command.contains("ironclad up "))
}

pub fn kill_containerd(cluster: &Cluster) -> anyhow::Result<()> {
    settled(cluster)?;
    let before = cluster.containers()?;
    let load = Load::start(cluster.front_door()?, "/", "<h1>Guestbook</h1>");
    let killed = processes::find("containerd", |process| {
        process.command.contains("containerd --") && !process.command.contains("shim")
    })?;
    processes::kill(&killed)?;
    until(SOON, "containerd is started again", || {
        let found = processes::find("containerd", |process| {
            process.command.contains("containerd --") && !process.command.contains("shim")
        })?;
        holds(found.pid != killed.pid, "the killed one is still there")
    })?;
    cluster.node_ready()?;
    let pod = cluster.a_front_end()?;
    until(SOON, "exec works again", || cluster.kubectl(&["exec", &pod, "-n", NAMESPACE, "--", "true"]))?;
    load.stop()?;
    let after = cluster.containers()?;
    holds(before == after, format_args!("containers changed from {before:#?} to {after:#?}"))?;
    // And it takes new work.
    crate::tests::changing::delete_pod(cluster)
}
