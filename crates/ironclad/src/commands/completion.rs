use clap::CommandFactory;
use clap_complete::Shell;

use super::print;
use crate::cli::Cli;
use crate::failure::Failure;

/// Print a shell's completion script
#[derive(clap::Args)]
#[command(after_help = "Example:\n  ironclad completion bash > /etc/bash_completion.d/ironclad")]
pub struct Arguments {
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "ironclad", &mut script);
    print(&String::from_utf8_lossy(&script))
}
