//! The commands, one file each: `Arguments` and `run`.

pub mod agent;
pub mod bench;
pub mod completion;
pub mod down;
pub mod image;
pub mod internal;
pub mod kubeconfig;
pub mod reset;
pub mod server;
pub mod token;
pub mod up;
pub mod version;

use std::io::Write;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::logging;

pub fn run(cli: Cli) -> Result<(), Failure> {
    let verbose = cli.verbose;
    match cli.command {
        Command::Up(arguments) => up::run(&arguments, verbose),
        Command::Server(arguments) => server::run(&arguments, verbose),
        Command::Agent(arguments) => agent::run(&arguments, verbose),
        Command::Internal(arguments) => internal::run(arguments),
        other => {
            logging::start_quiet(verbose);
            match other {
                Command::Down(arguments) => down::run(&arguments),
                Command::Kubeconfig(arguments) => kubeconfig::run(&arguments),
                Command::Image(arguments) => image::run(&arguments),
                Command::Reset(arguments) => reset::run(&arguments),
                Command::Version(arguments) => version::run(&arguments),
                Command::Bench(arguments) => bench::run(&arguments),
                Command::Completion(arguments) => completion::run(&arguments),
                Command::Token(arguments) => token::run(&arguments),
                Command::Up(_) | Command::Server(_) | Command::Agent(_) | Command::Internal(_) => Ok(()),
            }
        }
    }
}

/// The answer of a command, on the standard output. A reader that went away wants no more.
fn print(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{}", text.trim_end()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write the answer: {error}"), ""))
        }
        _ => Ok(()),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error, ""))
}

/// A runtime with a thread per core, for the roles.
fn many_threads() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| Failure::failed(format!("cannot start threads: {error}"), ""))
}

/// A runtime on this thread, for commands that ask and go.
fn one_thread() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::failed(format!("cannot start: {error}"), ""))
}
