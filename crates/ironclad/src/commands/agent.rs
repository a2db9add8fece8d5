use super::up::{Role, detach, serve};
use crate::cli::Settings;
use crate::components::{self, join::Given};
use crate::failure::Failure;
use crate::progress::Progress;

/// Run this machine as a node of a cluster whose API server is elsewhere
///
/// `ironclad token create` on the server prints the whole command for the first time. Later `ironclad agent`
/// is enough: the machine has a certificate by then, which it renews.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  ironclad agent --server https://10.0.0.5:6443 --token ID.SECRET --ca-hash sha256:HEX
  ironclad agent --kubeconfig bootstrap.kubeconfig --node-name edge-2
  ironclad agent --detach            again, after that")]
pub struct Arguments {
    #[command(flatten)]
    given: Given,
    /// Run in the background, and return when the node is ready
    #[arg(short, long)]
    detach: bool,
    /// Tell progress to the process that started this one
    #[arg(long, hide = true, conflicts_with = "detach")]
    report: bool,
    #[command(flatten)]
    settings: Settings,
}

pub fn run(arguments: &Arguments, verbose: u8) -> Result<(), Failure> {
    if arguments.detach {
        return detach::run(&arguments.settings, Role::Agent);
    }
    let progress = if arguments.report { Progress::Parent } else { Progress::detect() };
    let parts = components::agent_alone(arguments.given.clone());
    serve(&arguments.settings, Role::Agent, parts, progress, verbose)
}
