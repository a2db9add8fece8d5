//! What the machine lacks, before anything is touched.

use std::path::PathBuf;

use ironclad_lifecycle::instance;
use ironclad_lifecycle::preflight::{self, Needs, Problem};
use jiff::Timestamp;

use super::Role;
use crate::config::Config;
use crate::failure::{Exit, Failure};

/// Everything that is lacking, in one failure.
pub async fn check(config: &Config, role: Role, now: Timestamp) -> Result<(), Failure> {
    // Who runs already has the ports, which would be told as if a stranger had them.
    if let Ok(Some(holder)) = instance::running(&config.run) {
        return Err(already_running(holder.pid));
    }
    let facts = preflight::gather(&needs(config, role), now).await;
    let problems = preflight::problems(&facts);
    if problems.is_empty() { Ok(()) } else { Err(failure(&problems)) }
}

pub fn already_running(pid: i32) -> Failure {
    let what = format!("Ironclad is already running on this machine (process {pid})");
    Failure::new(Exit::Instance, what, "stop it with: ironclad down")
}

fn needs(config: &Config, role: Role) -> Needs {
    let mut listen = Vec::new();
    if role.is_server() {
        listen.push((config.api.listen, "api.listen"));
    }
    if role.is_node() {
        listen.push((config.node.listen, "node.listen"));
    }
    let runtime = config.node.runtime.as_str();
    Needs {
        listen,
        data: config.data.clone(),
        node: role.is_node(),
        runtime_socket: runtime.starts_with('/').then(|| PathBuf::from(runtime)),
        own_runtime: runtime == "own",
    }
}

fn failure(problems: &[Problem]) -> Failure {
    match problems {
        [one] => Failure::new(Exit::Machine, &one.what, one.next.clone()),
        many => {
            let lines: Vec<String> =
                many.iter().map(|problem| format!("- {}\n    {}", problem.what, problem.next)).collect();
            Failure::new(Exit::Machine, "this machine is not ready for Ironclad:", lines.join("\n"))
        }
    }
}
