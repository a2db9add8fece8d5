//! A network namespace for the length of a test.

use std::io::Write;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};

/// Runs `test` on a thread of its own with a network namespace of its own,
/// which is gone with the thread. `None`, and a printed reason, if this machine
/// does not allow that.
pub fn in_namespace<T: Send>(test: impl FnOnce() -> T + Send) -> Option<T> {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: a network namespace needs root");
        return None;
    }
    if Command::new("nft").arg("--version").output().is_err() {
        println!("skipped: nft is not installed");
        return None;
    }
    let result = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
                    println!("skipped: no network namespaces here: {error}");
                    return None;
                }
                run("ip", &["link", "set", "lo", "up"], "");
                Some(test())
            })
            .join()
    });
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// `nft` in the thread's namespace.
pub fn nft(args: &[&str], input: &str) -> String {
    run("nft", args, input)
}

/// A program in the thread's namespace: its output, or a panic with its complaint.
pub fn run(program: &str, args: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("program starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("program ends");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {complaint}\n{input}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
