//! `up --detach`: a child does the work and outlives this process, which passes its reports on.

use std::io::BufReader;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use ironclad_lifecycle::instance;

use super::Role;
use crate::cli::Settings;
use crate::failure::Failure;
use crate::progress::relay;

/// What this process was started with that the child must not be.
const OURS: [&str; 2] = ["--detach", "-d"];

pub fn run(settings: &Settings, role: Role) -> Result<(), Failure> {
    let config = settings.load()?;
    if let Ok(Some(holder)) = instance::running(&config.run) {
        eprintln!("Ironclad is already running (process {}).", holder.pid);
        if role.is_server() {
            eprintln!("\n  export KUBECONFIG={}\n  kubectl get nodes", config.admin_kubeconfig().display());
        }
        return Ok(());
    }
    let mut child = spawn()?;
    let log = config.log().join("ironclad.log");
    let Some(reports) = child.stdout.take() else { return Ok(()) };
    match relay(BufReader::new(reports)) {
        Some(outcome) => outcome,
        None => {
            let ended = child.wait().map(|status| status.to_string()).unwrap_or_default();
            Err(Failure::failed(
                format!("Ironclad ended while starting ({ended})"),
                format!("its log is {}", log.display()),
            ))
        }
    }
}

/// The same program in a session of its own, so that closing this terminal does not end it.
fn spawn() -> Result<Child, Failure> {
    let failed =
        |error: std::io::Error| Failure::failed(format!("cannot start the background process: {error}"), "");
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    let arguments = std::env::args_os().skip(1);
    command.args(arguments.filter(|argument| !OURS.iter().any(|ours| argument == ours))).arg("--report");
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // SAFETY: setsid is async-signal-safe and touches no memory.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            Ok(())
        });
    }
    command.spawn().map_err(failed)
}
