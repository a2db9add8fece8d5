//! End to end: the real binary, real containerd, real nf_tables, stock kubectl. Nothing of Ironclad's code is
//! used here: what is tried is what a user sees.
//!
//! `make e2e` runs it. It needs root and a machine without a cluster, starts one, does the main job on it and
//! takes it down again. The tests of [`tests::ALL`] run in that order, on the one cluster; the name of a test
//! says what must hold. What a failed test leaves for its reader is in `target/e2e/NAME/`.

mod cluster;
mod evidence;
mod harness;
mod http;
mod load;
mod machine;
mod processes;
mod tests;
mod wait;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(about = "Ironclad's end-to-end tests")]
pub struct Arguments {
    /// Run only tests whose names contain one of these, and those that they need
    filters: Vec<String>,
    /// The binary to try
    #[arg(long, default_value = "target/release/ironclad")]
    ironclad: PathBuf,
    /// The images of the examples, as `cargo xtask images` builds them
    #[arg(long, default_value = "target/images")]
    images: PathBuf,
    /// Where what explains a failure is put
    #[arg(long, default_value = "target/e2e")]
    evidence: PathBuf,
    /// Leave the cluster running
    #[arg(long)]
    keep: bool,
    /// Print the names of the tests and end
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        tests::ALL.iter().for_each(|test| println!("{}", test.name));
        return ExitCode::SUCCESS;
    }
    match harness::run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
