//! From nothing to a cluster.

use crate::cluster::Cluster;
use crate::wait::holds;

pub fn up(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.ironclad(&["up", "--detach"])?;
    let nodes = cluster.get(&["nodes"])?;
    let ready = nodes["items"]
        .as_array()
        .is_some_and(|nodes| nodes.len() == 1 && crate::cluster::is_ready(&nodes[0]));
    holds(ready, format_args!("up has ended, but this is no single Ready node: {nodes}"))?;
    let printed = cluster.ironclad(&["kubeconfig"])?;
    let written = std::fs::read_to_string(&cluster.kubeconfig)?;
    holds(printed.trim() == written.trim(), "`ironclad kubeconfig` prints another kubeconfig")?;
    // A second one changes nothing and is no failure.
    cluster.ironclad(&["up", "--detach"]).map(drop)
}

pub fn images(cluster: &Cluster) -> anyhow::Result<()> {
    let archives: Vec<&str> = cluster.images.iter().filter_map(|path| path.to_str()).collect();
    cluster.ironclad(&[&["image", "import"], archives.as_slice()].concat())?;
    let listed = cluster.ironclad(&["image", "list"])?;
    let missing: Vec<&str> = ["frontend:v1", "frontend:v2", "backend:v1", "store:v1", "busybox:1.36"]
        .into_iter()
        .filter(|image| !listed.contains(image))
        .collect();
    holds(missing.is_empty(), format_args!("`ironclad image list` lacks {missing:?}:\n{listed}"))
}
