//! Runs Kubernetes' own conformance tests against a cluster, one process for each, and keeps what came out.
//!
//! The tests are the `e2e.test` of a Kubernetes release (`kubernetes-test-linux-amd64.tar.gz`), which also says
//! which of its tests are the conformance tests. Results are kept between runs, so that a run goes on where
//! the last one ended; `--again` forgets what has passed.

mod list;
mod outcome;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, bail};

use crate::workspace_root;
use list::Test;
use outcome::Outcome;

/// Run Kubernetes' conformance tests, and write the table of results
#[derive(clap::Args)]
#[command(after_help = "Example:
  cargo xtask conformance --e2e-test ./e2e.test --kubeconfig /var/lib/ironclad/admin.kubeconfig --only sig-auth")]
pub struct Arguments {
    /// The test program of a Kubernetes release
    #[arg(long, value_name = "FILE")]
    e2e_test: PathBuf,
    /// The cluster to test
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// Only tests whose names contain this; may be repeated
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// No tests whose names contain this; may be repeated
    #[arg(long, value_name = "TEXT")]
    skip: Vec<String>,
    /// Tests that run at the same time; those marked [Serial] or [Disruptive] run alone, at the end
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    parallel: usize,
    /// Seconds after which a test has failed
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Also those that have passed before
    #[arg(long)]
    again: bool,
    /// Where results and the tests' logs are kept
    #[arg(long, value_name = "FOLDER", default_value = "target/conformance")]
    results: PathBuf,
    /// Where the table goes
    #[arg(long, value_name = "FILE", default_value = "docs/conformance.md")]
    table: PathBuf,
}

/// What is known of tests, by name.
type Results = BTreeMap<String, Outcome>;

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = workspace_root();
    let folder = root.join(&arguments.results);
    fs::create_dir_all(folder.join("logs"))?;
    let tests = list::of(&arguments.e2e_test)?;
    let file = folder.join("results.json");
    let known = read(&file)?;
    let (alone, together): (Vec<&Test>, Vec<&Test>) =
        tests.iter().filter(|test| wanted(arguments, test, &known)).partition(|test| test.runs_alone());
    let run = Run { arguments, folder: &folder, file: &file, results: Mutex::new(known) };
    run.all(together, arguments.parallel.max(1))?;
    run.all(alone, 1)?;
    let results = run.results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    fs::write(root.join(&arguments.table), table::render(&tests, &results))?;
    let failed = tests.iter().filter(|test| results.get(&test.name).is_some_and(|o| !o.passed)).count();
    let passed = tests.iter().filter(|test| results.get(&test.name).is_some_and(|o| o.passed)).count();
    println!("{passed} passed, {failed} failed, {} not run", tests.len() - passed - failed);
    if failed > 0 {
        bail!("{failed} tests failed; their logs are in {}", folder.join("logs").display());
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Results> {
    match fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Results::new()),
        Err(error) => Err(error).with_context(|| file.display().to_string()),
    }
}

fn wanted(arguments: &Arguments, test: &Test, known: &Results) -> bool {
    let named = |texts: &[String]| texts.iter().any(|text| test.name.contains(text));
    let done = known.get(&test.name).is_some_and(|outcome| outcome.passed);
    (arguments.only.is_empty() || named(&arguments.only))
        && !named(&arguments.skip)
        && (arguments.again || !done)
}

struct Run<'a> {
    arguments: &'a Arguments,
    folder: &'a Path,
    file: &'a Path,
    results: Mutex<Results>,
}

impl Run<'_> {
    fn all(&self, tests: Vec<&Test>, threads: usize) -> anyhow::Result<()> {
        let queue = Mutex::new(tests.into_iter());
        let work = || -> anyhow::Result<()> {
            loop {
                let next = queue.lock().ok().and_then(|mut queue| queue.next());
                let Some(test) = next else { return Ok(()) };
                self.one(test)?;
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(result) => result,
                Err(_) => bail!("a thread panicked"),
            })
        })
    }

    fn one(&self, test: &Test) -> anyhow::Result<()> {
        let began = Instant::now();
        let log = self.folder.join("logs").join(format!("{}.log", test.file_name()));
        let report = log.with_extension("json");
        self.start(test, &log, &report)?;
        let mut outcome = outcome::read(&report);
        outcome.seconds = began.elapsed().as_secs();
        // Tens of megabytes each, and told in a few words by now.
        let _ = fs::remove_file(&report);
        println!("{} {:>4} s  {}", outcome.word(), outcome.seconds, test.name);
        if !outcome.passed {
            println!("              {}\n              {}", outcome.why, log.display());
        }
        let Ok(mut results) = self.results.lock() else { bail!("a thread panicked") };
        results.insert(test.name.clone(), outcome);
        fs::write(self.file, serde_json::to_vec_pretty(&*results)?)?;
        Ok(())
    }

    fn start(&self, test: &Test, log: &Path, report: &Path) -> anyhow::Result<()> {
        let output = fs::File::create(log).with_context(|| log.display().to_string())?;
        // Its own time limit leaves it time to clean up.
        let status = Command::new(&self.arguments.e2e_test)
            .arg("--provider=local")
            .arg(format!("--kubeconfig={}", self.arguments.kubeconfig.display()))
            // What it is held against begins with the suite's name and may end with labels.
            .arg(format!("--ginkgo.focus= {}( \\[.*)?$", list::quoted(&test.name)))
            .arg(format!("--ginkgo.json-report={}", report.display()))
            .arg(format!("--ginkgo.timeout={}s", self.arguments.timeout))
            .args(["--ginkgo.no-color", "--ginkgo.v", "--ginkgo.silence-skips", "--disable-log-dump"])
            .args(["--dump-logs-on-failure=false", "--allowed-not-ready-nodes=1"])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .status();
        status.with_context(|| format!("{} cannot be run", self.arguments.e2e_test.display())).map(drop)
    }
}
