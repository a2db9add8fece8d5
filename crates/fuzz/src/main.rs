//! Fuzzes a target for as long as it may, or feeds it files.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use ironclad_env::{Env, EnvironmentExt, RealEnv};
use ironclad_fuzz::drive::{self, Failure, Fed, Until};
use ironclad_fuzz::targets::{self, Target};

/// An input that took longer is worth a look.
const SLOW: Duration = Duration::from_secs(1);

/// Feeds a decoder inputs that it did not expect.
#[derive(Parser)]
struct Arguments {
    /// Which one; none lists them, `all` takes turns
    target: Option<String>,
    /// For how long, each
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where chance starts; another one each time if it is not given
    #[arg(long)]
    seed: Option<u64>,
    /// Feeds these files instead, as they are
    files: Vec<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = RealEnv::shared();
    let chosen: Vec<&Target> = match arguments.target.as_deref() {
        None => {
            targets::ALL.iter().for_each(|target| println!("{:12} {}", target.name, target.promise));
            return Ok(());
        }
        Some("all") => targets::ALL.iter().collect(),
        Some(name) => vec![targets::ALL.iter().find(|target| target.name == name).context("no such target")?],
    };
    let mut failed = 0;
    for target in chosen {
        let fed = match arguments.files.is_empty() {
            true => {
                let seed = arguments.seed.unwrap_or_else(|| env.random_u64());
                drive::run(&env, target, seed, Until::Elapsed(Duration::from_secs(arguments.seconds)))
            }
            false => feed_files(&env, target, &arguments.files)?,
        };
        match fed {
            Ok(fed) => {
                println!("{:12} {} inputs, the slowest took {:?}", target.name, fed.inputs, fed.slowest);
                if fed.slowest > SLOW {
                    println!("  that one is in {}", keep(target, &fed.slowest_input)?);
                }
            }
            Err(failure) => {
                failed += 1;
                println!(
                    "{:12} FAILED: {}\n  the input is in {}",
                    target.name,
                    failure.why,
                    keep(target, &failure.input)?
                );
            }
        }
    }
    if failed > 0 {
        bail!("{failed} targets failed");
    }
    Ok(())
}

fn feed_files(env: &Env, target: &Target, files: &[PathBuf]) -> anyhow::Result<Result<Fed, Failure>> {
    let mut fed = Fed::default();
    for file in files {
        let input = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        if let Err(failure) = drive::feed(env, target, &input, &mut fed) {
            return Ok(Err(failure));
        }
    }
    Ok(Ok(fed))
}

/// Writes the input where it is not in the way; the mended bug's belongs into the corpus.
fn keep(target: &Target, input: &[u8]) -> anyhow::Result<String> {
    let path = std::env::temp_dir().join(format!("ironclad-fuzz-{}", target.name));
    fs::write(&path, input)?;
    Ok(path.display().to_string())
}
