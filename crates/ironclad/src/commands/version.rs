use ironclad_apiserver::Version;
use serde::Serialize;

use super::{json, print};
use crate::cli::Output;
use crate::failure::Failure;

/// Print the version of this program and of the Kubernetes API that it serves
#[derive(clap::Args)]
#[command(after_help = "Example:\n  ironclad version --output json")]
pub struct Arguments {
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    version: &'static str,
    commit: &'static str,
    commit_date: &'static str,
    kubernetes: String,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (commit, commit_date) = (env!("IRONCLAD_COMMIT"), env!("IRONCLAD_COMMIT_DATE"));
    let kubernetes = Version::new(commit, commit_date).git_version;
    let answer = Answer { version: env!("CARGO_PKG_VERSION"), commit, commit_date, kubernetes };
    match arguments.output {
        Output::Json => print(&json(&answer)?),
        Output::Table => print(&format!(
            "ironclad {} (commit {}, {})\nKubernetes {}",
            answer.version, answer.commit, answer.commit_date, answer.kubernetes
        )),
    }
}
