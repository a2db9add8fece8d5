//! How many files a process may have open (`RLIMIT_NOFILE`).
//!
//! A machine starts services with a soft limit of 1,024, for programs that use select(2), and expects all others to
//! raise it to the hard one (systemd.exec(5)). Containers have the limits of containerd, so that is started with those
//! that we were started with, as the unit of containerd 2 has it: what we need for ourselves is no gift to containers.
//! The unit of containerd 1 sets `LimitNOFILE=infinity`; whoever wants that starts Ironclad so. (A containerd built
//! with Go 1.19, Debian 12's for one, raises the soft limit for its containers by itself.)

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limits that this process was started with, once they are changed.
static GIVEN: OnceLock<Rlimit> = OnceLock::new();

/// Raises this process' soft limit to its hard one.
pub fn raise() -> io::Result<()> {
    let given = *GIVEN.get_or_init(|| getrlimit(Resource::Nofile));
    Ok(setrlimit(Resource::Nofile, Rlimit { current: given.maximum, ..given })?)
}

/// Has a program started with the limits that this process was started with.
pub fn pass_on(command: &mut Command) {
    let Some(given) = GIVEN.get().copied() else { return };
    // SAFETY: setrlimit(2) is async-signal-safe and touches no memory of ours.
    unsafe {
        command.pre_exec(move || Ok(setrlimit(Resource::Nofile, given)?));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(command: &mut Command) -> String {
        let output = command.args(["-c", "ulimit -Sn; ulimit -Hn"]).output().expect("sh runs");
        String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" of ")
    }

    #[test]
    fn the_soft_limit_is_raised_for_this_process_and_not_for_what_it_starts() {
        let hard = getrlimit(Resource::Nofile).maximum;
        let low = Rlimit { current: Some(900), maximum: hard };
        setrlimit(Resource::Nofile, low).expect("lowered");
        raise().expect("raised");
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
        raise().expect("raised again");
        let mut child = Command::new("sh");
        pass_on(&mut child);
        let hard = hard.map_or("unlimited".to_owned(), |hard| hard.to_string());
        assert_eq!(limits(&mut child), format!("900 of {hard}"));
        assert_eq!(limits(&mut Command::new("sh")), format!("{hard} of {hard}"));
    }
}
