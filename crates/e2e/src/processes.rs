//! Processes of this machine (proc(5)).

use std::fs;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// A process as /proc shows it.
pub struct Process {
    pub pid: i32,
    /// Its command line, blanks between arguments.
    pub command: String,
    /// Its cgroups, as in /proc/PID/cgroup.
    pub cgroups: String,
}

/// All of them, kernel threads left out.
pub fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut all: Vec<Process> = pids.filter_map(read).collect();
    all.sort_by_key(|process| process.pid);
    all
}

fn read(pid: i32) -> Option<Process> {
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).replace('\0', " ").trim().to_owned();
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    (!command.is_empty()).then_some(Process { pid, command, cgroups })
}

/// The one process whose command line passes.
pub fn find(what: &str, passes: impl Fn(&Process) -> bool) -> anyhow::Result<Process> {
    all().into_iter().find(|process| passes(process)).with_context(|| format!("no process is {what}"))
}

/// `kill -9`
pub fn kill(process: &Process) -> anyhow::Result<()> {
    let pid = Pid::from_raw(process.pid).context("a process number")?;
    kill_process(pid, Signal::KILL).with_context(|| format!("killing {} ({})", process.pid, process.command))
}
