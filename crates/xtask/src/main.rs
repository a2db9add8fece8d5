//! Chores of the project as Rust programs: `cargo xtask CHORE`.
//!
//! A chore is one file and one line in [`Chore`].

mod conformance;
mod images;
mod links;
mod proto;
mod schema;

use std::path::PathBuf;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the project")]
struct Xtask {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(clap::Subcommand)]
enum Chore {
    Conformance(conformance::Arguments),
    Images(images::Arguments),
    Links(links::Arguments),
    Proto(proto::Arguments),
    Schema(schema::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Xtask::parse().chore {
        Chore::Conformance(arguments) => conformance::run(&arguments),
        Chore::Images(arguments) => images::run(&arguments),
        Chore::Links(arguments) => links::run(&arguments),
        Chore::Proto(arguments) => proto::run(&arguments),
        Chore::Schema(arguments) => schema::run(&arguments),
    }
}

/// The root of the checkout this program was built in.
fn workspace_root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
