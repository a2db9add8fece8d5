//! The process of one further node: started, started again when it dies, ended.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ironclad_lifecycle::instance;
use ironclad_node::segment;
use ironclad_runtime::open_files;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::Place;
use crate::failure::Failure;
use crate::progress::Report;

/// Pauses before a process that died is started again.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(15);

/// Watches over the process of one node.
pub struct Process {
    stop: watch::Sender<bool>,
    keeper: JoinHandle<()>,
}

impl Process {
    /// Starts it. `kubeconfig` lets it join, if it has not. The receiver has what came of the first start.
    pub fn start(place: Place, kubeconfig: PathBuf) -> (Self, oneshot::Receiver<Result<(), Failure>>) {
        let (stop, stopping) = watch::channel(false);
        let (sender, started) = oneshot::channel();
        let keeper = tokio::spawn(keep(place, kubeconfig, stopping, sender));
        (Self { stop, keeper }, started)
    }

    /// Ends it in order, and kills it if it does not end. Its pods run on.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.keeper.await;
    }
}

async fn keep(
    place: Place,
    kubeconfig: PathBuf,
    mut stopping: watch::Receiver<bool>,
    first: oneshot::Sender<Result<(), Failure>>,
) {
    let mut first = Some(first);
    let mut pause = FIRST_RETRY;
    loop {
        match start(&place, &kubeconfig).await {
            Ok(mut child) => tokio::select! {
                was_ready = follow(&mut child, &mut first) => if was_ready { pause = FIRST_RETRY },
                () = asked(&mut stopping) => return end(&mut child).await,
            },
            Err(error) => {
                let failure = Failure::failed(
                    format!("the node {} cannot be started: {error}", place.config.node.name),
                    "",
                );
                tell(&mut first, Err(failure));
            }
        }
        tracing::error!(node = place.config.node.name, ?pause, "the agent of a further node has ended");
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LAST_RETRY),
            () = asked(&mut stopping) => return,
        }
    }
}

/// Returns when it is to stop.
async fn asked(stopping: &mut watch::Receiver<bool>) {
    // Whoever would ask is gone: so is the wish that it runs.
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn start(place: &Place, kubeconfig: &Path) -> io::Result<Child> {
    // One that outlived its parent has the run folder.
    if let Some(holder) = instance::running(&place.config.run).map_err(io::Error::other)? {
        holder.end(GRACE).await.map_err(io::Error::other)?;
    }
    let mut command = in_namespace(place.namespace.open()?)?;
    command.args(["agent", "--report", "--config"]).arg(&place.file).arg("--kubeconfig").arg(kubeconfig);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // Interrupting the parent in a terminal is its own affair: it ends this one in its turn.
    command.process_group(0);
    // A start that is given up ends what it has begun; pods do not mind.
    command.kill_on_drop(true);
    command.spawn()
}

/// This program, as it runs in a namespace.
pub fn in_namespace(namespace: File) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    // SAFETY: setns(2) is async-signal-safe and touches no memory of ours.
    unsafe {
        command.pre_exec(move || segment::enter(&namespace));
    }
    open_files::pass_on(command.as_std_mut());
    Ok(command)
}

/// Passes on what the process says first, until it ends. Returns whether it was ready before.
async fn follow(child: &mut Child, first: &mut Option<oneshot::Sender<Result<(), Failure>>>) -> bool {
    let mut was_ready = false;
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(Report::Ready(_)) => {
                    was_ready = true;
                    tell(first, Ok(()));
                }
                Ok(Report::Failed(failure)) => tell(first, Err(failure)),
                _ => {}
            }
        }
    }
    let ended = child.wait().await.map(|status| status.to_string()).unwrap_or_default();
    tell(first, Err(Failure::failed(format!("the agent has ended while starting ({ended})"), "")));
    was_ready
}

fn tell(first: &mut Option<oneshot::Sender<Result<(), Failure>>>, outcome: Result<(), Failure>) {
    if let Some(sender) = first.take() {
        // Whoever asked may be gone.
        let _ = sender.send(outcome);
    }
}

async fn end(child: &mut Child) {
    for signal in [Signal::TERM, Signal::KILL] {
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        if let Some(pid) = pid {
            // It is our child and not waited for, so the number is still its own.
            let _ = kill_process(pid, signal);
        }
        if tokio::time::timeout(GRACE, child.wait()).await.is_ok() {
            return;
        }
    }
}
