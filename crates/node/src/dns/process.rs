//! Keeping one DNS process running, whichever agent started it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ironclad_env::Env;
use ironclad_runtime::process::Identity;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::DnsOptions;

/// Between two looks at a process that runs.
const LOOK: Duration = Duration::from_secs(1);
/// Pauses before another attempt to start one that ends.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// A process that ran for so long did not fail at its start.
const LASTED: Duration = Duration::from_secs(30);
/// How long the new process is given to take the addresses before the old one is ended.
const OVERLAP: Duration = Duration::from_millis(500);
const MARK: &str = "dns.json";
const LOG: &str = "dns.log";
/// A longer log is begun anew at the next start.
const MAX_LOG: u64 = 1 << 20;

/// What is known of the process: enough to tell it from a later one with the same number.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
struct Mark {
    #[serde(flatten)]
    process: Identity,
    /// The program it was started from, as the file system tells files apart.
    program: String,
    arguments: Vec<String>,
}

/// Keeps the process running for ever. It runs on when this stops.
pub(super) async fn keep(env: Env, folder: PathBuf, program: PathBuf, options: DnsOptions) {
    let mut pause = FIRST_RETRY;
    loop {
        let begun = env.elapsed();
        match ensure(&env, &folder, &program, &options).await {
            Ok(mark) => {
                while mark.process.is_alive() {
                    env.sleep(LOOK).await;
                }
                tracing::warn!(pid = mark.process.pid, log = %folder.join(LOG).display(), "the DNS process has ended");
            }
            Err(error) => tracing::error!(%error, "the DNS process cannot be started"),
        }
        if env.elapsed().saturating_sub(begun) > LASTED {
            pause = FIRST_RETRY;
        }
        env.sleep(pause).await;
        pause = (pause * 2).min(LAST_RETRY);
    }
}

/// The process that runs, if it is as it should be; else a new one, and the old one is ended.
async fn ensure(env: &Env, folder: &Path, program: &Path, options: &DnsOptions) -> io::Result<Mark> {
    std::fs::create_dir_all(folder)?;
    let old = living(folder);
    let (identity, arguments) = (identity(program), arguments(options));
    if let Some(mark) = old.as_ref().filter(|mark| mark.program == identity && mark.arguments == arguments) {
        return Ok(mark.clone());
    }
    let pid = spawn(folder, program, &arguments)?;
    let process = Identity::of(pid).ok_or_else(|| io::Error::other("it ended at once"))?;
    let mark = Mark { process, program: identity, arguments };
    let text = serde_json::to_vec(&mark)?;
    std::fs::write(folder.join(MARK), text)?;
    tracing::info!(pid, "DNS process started");
    if let Some(old) = old {
        // Both answer for a moment: they share the addresses.
        env.sleep(OVERLAP).await;
        end(&old);
    }
    Ok(mark)
}

/// Ends the process. Says whether there was one.
pub(crate) fn stop(folder: &Path) -> bool {
    let found = living(folder);
    found.iter().for_each(end);
    found.is_some()
}

fn end(mark: &Mark) {
    if let Some(pid) = Pid::from_raw(mark.process.pid).filter(|_| mark.process.is_alive()) {
        let _ = kill_process(pid, Signal::TERM);
    }
}

fn spawn(folder: &Path, program: &Path, arguments: &[String]) -> io::Result<i32> {
    let path = folder.join(LOG);
    let long = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() > MAX_LOG);
    let log = File::options().create(true).append(!long).write(true).truncate(long).open(&path)?;
    let mut command = std::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir("/");
    own_session(&mut command);
    let mut child = command.spawn()?;
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    // Whoever is its parent has to take note of its end, or it stays as a zombie.
    std::thread::spawn(move || child.wait());
    Ok(pid)
}

/// A session of its own: signals to the agent's terminal or group are not for it.
fn own_session(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: setsid(2) is async-signal-safe, and nothing else happens between fork and exec.
    unsafe {
        command.pre_exec(|| rustix::process::setsid().map(drop).map_err(io::Error::from));
    }
}

fn arguments(options: &DnsOptions) -> Vec<String> {
    let mut arguments = vec!["internal".to_owned(), "dns".to_owned()];
    let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    add("--zone-file", options.zone_file.display().to_string());
    add("--resolv-conf", options.resolv_conf.display().to_string());
    add("--domain", options.domain.clone());
    for address in &options.listen {
        add("--listen", address.to_string());
    }
    arguments
}

/// Device, inode, size and time of the file: an upgraded program is another one.
fn identity(program: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    match std::fs::metadata(program) {
        Ok(m) => format!("{}:{}:{}:{}.{}", m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec()),
        Err(_) => String::new(),
    }
}

/// The process that was started last, if it runs.
fn living(folder: &Path) -> Option<Mark> {
    let mark: Mark = serde_json::from_slice(&std::fs::read(folder.join(MARK)).ok()?).ok()?;
    mark.process.is_alive().then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_again_as_long_as_it_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let me = Identity::of(i32::try_from(std::process::id()).expect("a pid")).expect("it runs");
        let mark = Mark { process: me, program: String::new(), arguments: Vec::new() };
        let text = serde_json::to_string(&mark).expect("JSON");
        let check = |text: &str, expected: Option<&Mark>| {
            std::fs::write(folder.path().join(MARK), text).expect("written");
            assert_eq!(living(folder.path()).as_ref(), expected, "{text}");
        };
        check(&text, Some(&mark));
        check(&text.replace("\"started\":", "\"started\":1"), None);
        check("{}", None);
    }

    #[test]
    fn the_process_is_told_all_its_addresses() {
        let options = DnsOptions {
            zone_file: "/z".into(),
            listen: vec![
                "10.96.0.10:53".parse().expect("an address"),
                "[fd00::10]:53".parse().expect("an address"),
            ],
            resolv_conf: "/etc/resolv.conf".into(),
            domain: "cluster.local".into(),
        };
        assert_eq!(
            arguments(&options).join(" "),
            "internal dns --zone-file /z --resolv-conf /etc/resolv.conf --domain cluster.local \
             --listen 10.96.0.10:53 --listen [fd00::10]:53"
        );
    }
}
