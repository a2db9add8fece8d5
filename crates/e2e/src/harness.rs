//! Runs the tests in their order and says what came of them.

use std::time::Instant;

use anyhow::{Context, ensure};

use crate::cluster::Cluster;
use crate::tests::{ALL, Need, Test};
use crate::{Arguments, evidence};

/// Runs what is chosen; whether all of it passed.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    ensure!(rustix::process::geteuid().is_root(), "the end-to-end tests need root");
    let cluster = Cluster::new(arguments)?;
    let chosen: Vec<&Test> = ALL.iter().filter(|test| is_chosen(test, arguments)).collect();
    let (mut passed, mut failed) = (0, Vec::new());
    for test in &chosen {
        print!("test {} ... ", test.name);
        flush();
        let began = Instant::now();
        match (test.run)(&cluster) {
            Ok(()) => {
                passed += 1;
                println!("ok ({:.1} s)", began.elapsed().as_secs_f64());
            }
            Err(error) => {
                println!("FAILED ({:.1} s)\n\n  {}\n", began.elapsed().as_secs_f64(), indented(&error));
                let folder = arguments.evidence.join(test.name);
                evidence::collect(&cluster, &folder).context("collecting evidence")?;
                failed.push(test.name);
                if test.need == Need::Base {
                    println!("nothing else can be tried without it");
                    break;
                }
            }
        }
    }
    let left = chosen.len() - passed - failed.len();
    println!("\nend to end: {passed} passed, {} failed, {left} not run", failed.len());
    failed.iter().for_each(|name| println!("  failed: {name}"));
    Ok(failed.is_empty() && left == 0)
}

fn is_chosen(test: &Test, arguments: &Arguments) -> bool {
    if arguments.keep && test.name == crate::tests::LAST {
        return false;
    }
    let filters = &arguments.filters;
    filters.is_empty()
        || test.need != Need::Nothing
        || filters.iter().any(|filter| test.name.contains(filter.as_str()))
}

fn indented(error: &anyhow::Error) -> String {
    format!("{error:#}").replace('\n', "\n  ")
}

fn flush() {
    use std::io::Write;
    // What cannot be printed is no reason to stop.
    let _ = std::io::stdout().flush();
}
