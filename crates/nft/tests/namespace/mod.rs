//! A network namespace for the length of a test.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace that is gone with this value.
pub struct Namespace {
    pub file: File,
}

impl Namespace {
    /// A new one with its loopback up. `None`, and a printed reason, if this
    /// machine does not allow that.
    pub fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: a network namespace needs root");
            return None;
        }
        if Command::new("nft").arg("--version").output().is_err() {
            println!("skipped: nft is not installed");
            return None;
        }
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            run("ip", &["link", "set", "lo", "up"], "");
            File::open("/proc/thread-self/ns/net")
        });
        match made.join().expect("thread ends") {
            Ok(file) => Some(Self { file }),
            Err(error) => {
                println!("skipped: no network namespaces here: {error}");
                None
            }
        }
    }

    /// Runs something inside, on a thread of its own.
    pub fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        let result = std::thread::scope(|scope| {
            let entered = || {
                setns(&self.file, CloneFlags::CLONE_NEWNET).expect("entered the namespace");
                inside()
            };
            scope.spawn(entered).join()
        });
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
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
