//! The program is run for real on the machine's own architecture; the other one is held by its shape.

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::executable;
use crate::Architecture;

/// The program of this machine, in a file of its own.
fn installed() -> Option<(tempfile::TempDir, std::path::PathBuf)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pause");
    std::fs::write(&path, executable(Architecture::host()?)).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    Some((dir, path))
}

/// Waits until the process is the program and sleeps: it does so in one place only.
fn wait_until_waiting(program: &Program) {
    for _ in 0..500 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid())).unwrap_or_default();
        let is = |name: &str, start: &str| {
            let field = status.lines().find_map(|line| line.strip_prefix(name));
            field.is_some_and(|value| value.trim().starts_with(start))
        };
        if is("Name:", "pause") && is("State:", "S") {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the program does not wait for signals");
}

/// A running program, killed when a test fails half-way.
struct Program(Child);

impl Program {
    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn ended_with(mut self) -> Option<i32> {
        for _ in 0..500 {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the program does not end");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn kill(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn it_lives_until_it_is_told_to_end() {
    let Some((_dir, path)) = installed() else { return };
    for signal in ["-TERM", "-INT"] {
        let program = Program(Command::new(&path).spawn().unwrap());
        wait_until_waiting(&program);
        kill("-CHLD", program.pid());
        kill("-WINCH", program.pid());
        wait_until_waiting(&program);
        kill(signal, program.pid());
        assert_eq!(program.ended_with(), Some(0), "{signal}");
    }
}

#[test]
fn it_reaps_children_it_never_had() {
    let Some((_dir, path)) = installed() else { return };
    // The shell becomes the program while two of its children still run: they end as the program's own.
    let script = format!("sleep 0.3 & sleep 0.3 & exec {}", path.display());
    let program = Program(Command::new("sh").args(["-c", &script]).stdout(Stdio::null()).spawn().unwrap());
    wait_until_waiting(&program);
    let pid = program.pid();
    let childless = || {
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        children.unwrap().trim().is_empty()
    };
    assert!(!childless(), "the test's premise");
    let reaped = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        childless()
    });
    assert!(reaped, "zombies are left");
    kill("-TERM", pid);
    assert_eq!(program.ended_with(), Some(0));
}

#[test]
fn both_files_are_whole() {
    let check = |architecture: Architecture, machine: u8, code: usize| {
        let file = executable(architecture);
        assert_eq!(file.len(), 176 + code);
        assert_eq!(file.get(..4), Some(&b"\x7fELF"[..]));
        assert_eq!(file.get(18), Some(&machine));
        assert!(file.ends_with(&0x14002u64.to_le_bytes()), "the signal set is where the code looks for it");
    };
    check(Architecture::Amd64, 62, 0x58);
    check(Architecture::Arm64, 183, 0x78);
}
