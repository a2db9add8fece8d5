use super::up::{Role, serve};
use crate::cli::Settings;
use crate::failure::Failure;

/// Run the control plane alone, without a node on this machine
#[derive(clap::Args)]
#[command(after_help = "Example:\n  ironclad server --data /srv/ironclad --api-listen 10.0.0.5:6443")]
pub struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

pub fn run(arguments: &Arguments, verbose: u8) -> Result<(), Failure> {
    let progress = crate::progress::Progress::detect();
    serve(&arguments.settings, Role::Server, crate::components::server(), progress, verbose)
}
