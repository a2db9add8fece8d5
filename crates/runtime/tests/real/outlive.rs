//! containerd outlives who started it: another process starts one and is killed without warning.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::machine::{Machine, containerd_in};

/// Tells the other process which folder to use.
const FOLDER: &str = "IRONCLAD_TEST_FOLDER";

/// The process number of a containerd whose parent is dead.
pub async fn start_and_die(machine: &Machine) -> i32 {
    let mut parent = Command::new(std::env::current_exe().unwrap());
    parent.args(["--exact", "outlive::parent", "--ignored", "--nocapture", "--quiet"]);
    parent.env(FOLDER, machine.path("")).stdout(Stdio::piped()).kill_on_drop(true);
    let mut parent = parent.spawn().unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let pid = loop {
        let line = lines.next_line().await.unwrap().expect("the other process started none");
        if let Some(pid) = line.strip_prefix("started ") {
            break pid.parse().unwrap();
        }
    };
    parent.kill().await.unwrap();
    pid
}

#[test]
#[ignore = "the other process of the test above"]
fn parent() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let running = runtime.block_on(containerd_in(&PathBuf::from(folder)).ensure_running()).unwrap();
    assert!(running.started);
    println!("\nstarted {}", running.pid);
    runtime.block_on(std::future::pending::<()>());
}
