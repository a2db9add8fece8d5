//! What explains a failure: the cluster's state and the logs, in files.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::cluster::{Cluster, run};

const LOGS: [&str; 3] = [
    "/var/lib/ironclad/log/ironclad.log",
    "/var/lib/ironclad/log/audit.log",
    "/var/lib/ironclad/containerd/containerd.log",
];
/// Lines of events and logs that are shown at once.
const SHOWN: usize = 15;

/// Writes everything into `folder` and shows the end of what tells most.
pub fn collect(cluster: &Cluster, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let asked: [(&str, &[&str]); 4] = [
        ("pods", &["get", "pods", "-A", "-o", "wide"]),
        ("events", &["get", "events", "-A", "--sort-by=.lastTimestamp"]),
        (
            "objects",
            &["get", "nodes,pods,services,endpointslices,deployments,replicasets,jobs", "-A", "-o", "yaml"],
        ),
        ("describe", &["describe", "nodes,pods", "-A"]),
    ];
    for (name, arguments) in asked {
        let timed = [&["--request-timeout=5s"], arguments].concat();
        let text = cluster.kubectl(&timed).unwrap_or_else(|error| format!("{error:#}"));
        fs::write(folder.join(name), &text)?;
        if matches!(name, "pods" | "events") {
            show(name, &text);
        }
    }
    for (name, program) in [("nft", "nft list ruleset"), ("links", "ip addr"), ("processes", "ps axf")] {
        let mut words = program.split(' ');
        let mut command = Command::new(words.next().unwrap_or_default());
        fs::write(
            folder.join(name),
            run(command.args(words), None).unwrap_or_else(|error| format!("{error:#}")),
        )?;
    }
    for log in LOGS.iter().map(Path::new).filter(|log| log.exists()) {
        let text = fs::read(log).unwrap_or_default();
        fs::write(folder.join(log.file_name().unwrap_or_default()), &text)?;
        if log.ends_with("ironclad.log") {
            show("ironclad.log", &String::from_utf8_lossy(&text));
        }
    }
    println!("  everything: {}\n", folder.display());
    Ok(())
}

fn show(name: &str, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    println!("  --- {name}, the end");
    lines.iter().skip(lines.len().saturating_sub(SHOWN)).for_each(|line| println!("  {line}"));
}
