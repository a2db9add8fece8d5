//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::*;
use crate::config::{Config, Overrides};
use crate::failure::{EXIT_CODES, Failure};

/// Kubernetes, from bare metal up, in one program
#[derive(Parser)]
#[command(
    name = "ironclad",
    version,
    after_help = EXIT_CODES,
    after_long_help = EXIT_CODES,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Log to the terminal; twice for more
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Up(up::Arguments),
    Down(down::Arguments),
    Reset(reset::Arguments),
    Server(server::Arguments),
    Agent(agent::Arguments),
    Token(token::Arguments),
    Kubeconfig(kubeconfig::Arguments),
    Image(image::Arguments),
    Bench(Box<bench::Arguments>),
    Version(version::Arguments),
    Completion(completion::Arguments),
    #[command(hide = true)]
    Internal(internal::Arguments),
}

/// The configuration, as every command that needs it takes it.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// The configuration file [default: /etc/ironclad/config.yaml, if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
}

impl Settings {
    pub fn load(&self) -> Result<Config, Failure> {
        Config::load(self.config.as_deref(), &self.overrides)
    }
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For scripts.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_command_has_an_example() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        for command in cli.get_subcommands().filter(|command| !command.is_hide_set()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{} has no example in its help", command.get_name());
        }
    }
}
