use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ironclad_lifecycle::instance::{self, Holder, Instance};
use ironclad_lifecycle::reset::{self, Step, Traces};
use ironclad_node::reset::Reset;
use ironclad_node::{Paths, segment};

use super::{one_thread, print};
use crate::cli::Settings;
use crate::components::agent;
use crate::config::Config;
use crate::failure::{Exit, Failure, chain};
use crate::nodes;

/// How long Ironclad may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(20);

/// Take the cluster away: pods, network, data. The machine is as it was before `up`
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  ironclad reset --dry-run    what would be done\n  ironclad reset --yes")]
pub struct Arguments {
    /// Do it. All data of the cluster is lost
    #[arg(long)]
    yes: bool,
    /// Print what would be done
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    settings: Settings,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.settings.load()?;
    let running = instance::running(&config.run)
        .map_err(|error| Failure::of("it cannot be told whether Ironclad runs", &error, "are you root?"))?;
    let steps = reset::plan(&reset::look(&traces(&config), running.as_ref().map(|holder| holder.pid)));
    if steps.is_empty() {
        eprintln!("There is no cluster on this machine.");
        return Ok(());
    }
    if arguments.yes {
        return one_thread()?.block_on(carry_out(&config, running, &steps));
    }
    steps.iter().try_for_each(|step| print(&step.to_string()))?;
    if arguments.dry_run {
        return Ok(());
    }
    let what = "nothing was done: all data of the cluster would be lost";
    Err(Failure::new(Exit::Usage, what, "if that is meant: ironclad reset --yes"))
}

/// Where this configuration leaves traces.
fn traces(config: &Config) -> Traces {
    let (paths, names) = (agent::paths(config), agent::names(config));
    Traces {
        folders: vec![config.data.clone(), config.run.clone()],
        node_folders: node_folders(&paths),
        links: vec![names.bridge, names.dns_link, nodes::segment(config).bridge],
        table: "ironclad".into(),
        cgroup: names.cgroup,
        containerd: [config.data.join("containerd"), config.run.join("containerd")],
        settings: config.run.join("sysctls.json"),
        nodes: nodes::known(config).iter().map(|number| format!("number {number}")).collect(),
    }
}

fn node_folders(paths: &Paths) -> Vec<PathBuf> {
    vec![paths.root.clone(), paths.pod_logs.clone(), paths.container_logs.clone()]
}

/// Goes on after a failure: what can be taken away is, and a second run has less to do.
async fn carry_out(config: &Config, running: Option<Holder>, steps: &[Step]) -> Result<(), Failure> {
    let mut failed = Vec::new();
    if let Some(holder) = running {
        holder
            .end(GRACE)
            .await
            .map_err(|error| Failure::of("Ironclad cannot be stopped", &error, "are you root?"))?;
        done(&format!("ended Ironclad (process {})", holder.pid));
    }
    // Nobody is to start it while it is being taken away.
    let claimed = Instance::claim(&config.run);
    let _instance = claimed.map_err(|error| Failure::new(Exit::Instance, chain(&error), "then try again"))?;
    failed.extend(remove_nodes(config).await);
    if steps.iter().any(Step::is_the_nodes) {
        let report = node_reset(config).run().await;
        report.done.iter().for_each(|line| done(line));
        failed.extend(report.failed);
    }
    for step in steps {
        if let Step::RemoveFolder { path } = step {
            match reset::remove_folder(path) {
                Ok(()) => done(&format!("removed {}", path.display())),
                Err(error) => failed.push(format!("removing {}: {error}", path.display())),
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(
        format!("some of it could not be taken away:\n  {}", failed.join("\n  ")),
        "try again: ironclad reset --yes",
    ))
}

/// Each by a reset of its own, in its own network. Returns what failed.
async fn remove_nodes(config: &Config) -> Vec<String> {
    let mut failed = Vec::new();
    for place in nodes::places(config, "node") {
        let name = format!("the further node number {}", place.number);
        match remove_node(&place).await {
            Ok(()) => done(&format!("took {name} away")),
            Err(error) => failed.push(format!("taking {name} away: {error}")),
        }
    }
    match segment::remove_segment(&nodes::segment(config)).await {
        Ok(true) => done("removed the bridge of the nodes"),
        Ok(false) => {}
        Err(error) => failed.push(format!("removing the bridge of the nodes: {error}")),
    }
    failed
}

async fn remove_node(place: &nodes::Place) -> Result<(), String> {
    // After a reboot there is nothing of it but folders.
    if let Ok(namespace) = place.namespace.open() {
        let command = nodes::in_namespace(namespace).map(|mut command| {
            command.args(["reset", "--yes", "--config"]).arg(&place.file).stdin(Stdio::null());
            command
        });
        let output = command.map_err(|error| error.to_string())?.output().await;
        let output = output.map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
    }
    for folder in [&place.config.data, &place.config.run] {
        reset::remove_folder(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    segment::remove_namespace(&place.namespace).await.map_err(|error| error.to_string())?;
    std::fs::remove_file(&place.file).map_err(|error| format!("{}: {error}", place.file.display()))
}

fn node_reset(config: &Config) -> Reset {
    Reset {
        paths: agent::paths(config),
        names: agent::names(config),
        runtime: agent::runtime(config),
        sandbox_image: agent::SANDBOX_IMAGE.into(),
    }
}

fn done(line: &str) {
    eprintln!("✓ {line}");
}
