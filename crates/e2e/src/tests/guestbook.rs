//! The main job: a three-tier application.

use crate::cluster::{Cluster, NAMESPACE, SOON};
use crate::http;
use crate::wait::{holds, until};

pub fn becomes_ready(cluster: &Cluster) -> anyhow::Result<()> {
    let example = cluster.example.display().to_string();
    cluster.kubectl(&["apply", "-f", &example])?;
    let wait =
        |what: &[&str]| cluster.kubectl(&[&["wait", "-n", NAMESPACE, "--timeout=120s"], what].concat());
    wait(&["--for=condition=Available", "deployment", "--all"])?;
    wait(&["--for=condition=Complete", "job/migrate"])?;
    wait(&["--for=condition=Ready", "pod", "-l", "app"])?;
    // Applying what is there already rolls nothing out. (kubectl says `configured` all the same, here as
    // elsewhere: a Secret's stringData and a strategy without its type always make a patch.)
    let before = generations(cluster)?;
    cluster.kubectl(&["apply", "-f", &example])?;
    let after = generations(cluster)?;
    holds(before == after, format_args!("a second apply changed the deployments from {before} to {after}"))
}

fn generations(cluster: &Cluster) -> anyhow::Result<String> {
    let each = "jsonpath={range .items[*]}{.metadata.name} {.metadata.generation} {end}";
    cluster.kubectl(&["get", "deployments", "-n", NAMESPACE, "-o", each])
}

/// Node port, front end, service address, name, backend, store, volume, and back.
pub fn stores_what_is_sent(cluster: &Cluster) -> anyhow::Result<()> {
    let door = cluster.front_door()?;
    until(SOON, "the page is served", || http::get(door, "/"))?;
    http::post(door, "/cgi-bin/sign", "message=written+by+the+end-to-end+tests")?;
    let page = http::get(door, "/")?;
    holds(
        page.contains("<li>written by the end-to-end tests</li>"),
        format_args!("the page does not show what was sent:\n{page}"),
    )
}
