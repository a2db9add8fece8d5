//! Kubernetes, from bare metal up, in one program: the command line over the library crates.
//!
//! - [`cli`]: what can be typed; [`commands`]: one file for each.
//! - [`components`]: the parts of the running program, in the order they start.
//! - [`cluster_objects`]: the objects that every cluster has.
//! - [`config`], [`machine`]: what the user decided, and where the program finds itself.

mod access;
mod bootstrap_token;
mod cli;
mod cluster_objects;
mod commands;
mod components;
mod config;
mod connection;
mod encryption_at_rest;
mod failure;
mod health;
mod kubelet_certificates;
mod logging;
mod machine;
mod node_configuration;
mod nodes;
mod progress;
mod service_addresses;
mod token_issuer;

use std::process::ExitCode;

use clap::Parser;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit as u8)
        }
    }
}
