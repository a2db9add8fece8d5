//! Rolling updates under constant load.

use crate::cluster::{Cluster, NAMESPACE, SOON};
use crate::http;
use crate::load::Load;
use crate::wait::{holds, until};

pub fn set_image(cluster: &Cluster) -> anyhow::Result<()> {
    let change = ["set", "image", "deployment/frontend", "web=ironclad.local/frontend:v2", "-n", NAMESPACE];
    roll(cluster, &change, "frontend v2")
}

pub fn undo(cluster: &Cluster) -> anyhow::Result<()> {
    let history = cluster.kubectl(&["rollout", "history", "deployment/frontend", "-n", NAMESPACE])?;
    holds(history.lines().filter(|line| line.starts_with(char::is_numeric)).count() >= 2, &history)?;
    roll(cluster, &["rollout", "undo", "deployment/frontend", "-n", NAMESPACE], "frontend v1")
}

/// Changes the front end while requests come in, and waits until only the new one answers.
fn roll(cluster: &Cluster, change: &[&str], new: &str) -> anyhow::Result<()> {
    let door = cluster.front_door()?;
    let load = Load::start(door, "/cgi-bin/version", "frontend v");
    until(SOON, "load", || holds(load.answered() > 20, "there is none"))?;
    cluster.kubectl(change)?;
    cluster.rolled_out("frontend")?;
    let old_ones_gone = until(SOON, "only the new version answers", || {
        let answers: Vec<String> =
            (0..20).map(|_| http::get(door, "/cgi-bin/version")).collect::<Result<_, _>>()?;
        holds(answers.iter().all(|answer| answer.starts_with(new)), format_args!("{answers:?}"))
    });
    load.stop()?;
    old_ones_gone
}
