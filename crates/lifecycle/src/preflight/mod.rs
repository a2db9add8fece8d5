//! Whether this machine can run Ironclad, and if not, why and what to do.

mod facts;
mod ports;

use jiff::Timestamp;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use facts::gather;

/// What Ironclad is about to need of the machine.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Where it will listen, each with the configuration key that says so.
    pub listen: Vec<(SocketAddr, &'static str)>,
    /// The folder that its data grows in.
    pub data: PathBuf,
    /// Whether pods are to run here: a container runtime, CNI plugins and nf_tables are needed then.
    pub node: bool,
    /// A CRI socket to use, instead of what is found or started.
    pub runtime_socket: Option<PathBuf>,
    /// Start a containerd even if some runtime runs already.
    pub own_runtime: bool,
}

/// What the machine is like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub is_root: bool,
    pub kernel: String,
    pub now: Timestamp,
    /// Of the file system that the data goes to.
    pub free_bytes: Option<u64>,
    pub data: PathBuf,
    pub taken: Vec<TakenPort>,
    /// Why no pods could run here.
    pub runtime: Option<Problem>,
    pub nf_tables: Option<String>,
    pub cgroups: bool,
}

/// An address that somebody listens at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenPort {
    pub address: SocketAddr,
    pub key: &'static str,
    /// `nginx (process 812)`, where that can be seen.
    pub owner: Option<String>,
    /// What binding to it said.
    pub error: String,
}

/// What is lacking, and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub what: String,
    pub next: String,
}

impl Problem {
    fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }
}

/// pidfd_open(2), nf_tables maps with concatenated keys in NAT statements, cgroup v2's freezer.
const OLDEST_KERNEL: (u32, u32) = (5, 10);
/// Before this no clock can be right: certificates made under it would be worthless.
const FIRST_YEAR: i16 = 2025;
/// Two files of the store's log, the program's own log, and room to work.
const LEAST_FREE_BYTES: u64 = 256 << 20;

/// Everything that stands in the way, most fundamental first.
pub fn problems(facts: &Facts) -> Vec<Problem> {
    if !facts.is_root {
        // Nothing else can be judged without it.
        return vec![Problem::new(
            "Ironclad needs root: it manages containers and the network",
            "run it with sudo",
        )];
    }
    let mut problems = Vec::new();
    problems.extend(kernel_problem(&facts.kernel));
    problems.extend(clock_problem(facts.now));
    problems.extend(disk_problem(facts));
    problems.extend(facts.taken.iter().map(port_problem));
    problems.extend(facts.runtime.clone());
    if let Some(reason) = &facts.nf_tables {
        let what = format!("the kernel has no nf_tables, which services need: {reason}");
        problems.push(Problem::new(what, "load it: modprobe nf_tables"));
    }
    if !facts.cgroups {
        problems.push(Problem::new(
            "no cgroup file system is mounted at /sys/fs/cgroup",
            "mount it: mount -t cgroup2 none /sys/fs/cgroup",
        ));
    }
    problems
}

fn kernel_problem(release: &str) -> Option<Problem> {
    let (major, minor) = OLDEST_KERNEL;
    let found = kernel_version(release)?;
    (found < OLDEST_KERNEL).then(|| {
        let what = format!("the kernel is too old: {release}, needed is {major}.{minor}");
        Problem::new(what, "upgrade the system, Debian 11 or later has a newer one")
    })
}

/// `6.1.0-18-amd64` as (6, 1).
fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn clock_problem(now: Timestamp) -> Option<Problem> {
    let year = now.to_zoned(jiff::tz::TimeZone::UTC).year();
    (year < FIRST_YEAR).then(|| {
        let what = format!("the clock is not set: it says {now}");
        Problem::new(what, "set it: timedatectl set-ntp true, or date -s 'YYYY-MM-DD HH:MM'")
    })
}

fn disk_problem(facts: &Facts) -> Option<Problem> {
    let free = facts.free_bytes.filter(|free| *free < LEAST_FREE_BYTES)?;
    let (free, least) = (free >> 20, LEAST_FREE_BYTES >> 20);
    let data = facts.data.display();
    Some(Problem::new(
        format!("the disk is full: {data} has {free} MiB left, needed are {least} MiB"),
        "free some space, or put the data elsewhere with --data FOLDER",
    ))
}

fn port_problem(taken: &TakenPort) -> Problem {
    let TakenPort { address, key, owner, error } = taken;
    match owner {
        Some(owner) => Problem::new(
            format!("port {} is taken by {owner}", address.port()),
            format!("stop that, or choose another address with the key {key} of the configuration file"),
        ),
        None => Problem::new(
            format!("cannot listen at {address}: {error}"),
            format!("free it, or choose another address with the key {key} of the configuration file"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Facts {
        Facts {
            is_root: true,
            kernel: "6.1.0-18-amd64".into(),
            now: "2026-05-01T00:00:00Z".parse().expect("a time"),
            free_bytes: Some(1 << 40),
            data: "/var/lib/ironclad".into(),
            cgroups: true,
            ..Facts::default()
        }
    }

    fn check(facts: Facts, expected: &[&str]) {
        let found: Vec<String> = problems(&facts).into_iter().map(|problem| problem.what).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_good_machine_lacks_nothing() {
        check(good(), &[]);
    }

    #[test]
    fn each_lack_is_told_and_all_of_them_at_once() {
        check(
            Facts { is_root: false, kernel: "2.6.32".into(), ..good() },
            &["Ironclad needs root: it manages containers and the network"],
        );
        check(
            Facts { kernel: "5.4.0-150-generic".into(), ..good() },
            &["the kernel is too old: 5.4.0-150-generic, needed is 5.10"],
        );
        check(Facts { kernel: "5.10.0".into(), ..good() }, &[]);
        check(Facts { kernel: "unknown".into(), ..good() }, &[]);
        check(
            Facts { now: Timestamp::UNIX_EPOCH, free_bytes: Some(12 << 20), ..good() },
            &[
                "the clock is not set: it says 1970-01-01T00:00:00Z",
                "the disk is full: /var/lib/ironclad has 12 MiB left, needed are 256 MiB",
            ],
        );
    }

    #[test]
    fn a_taken_port_names_who_has_it_where_that_can_be_seen() {
        let taken = |owner: Option<&str>| TakenPort {
            address: SocketAddr::from(([0, 0, 0, 0], 6443)),
            key: "api.listen",
            owner: owner.map(str::to_owned),
            error: "Address already in use".into(),
        };
        check(
            Facts { taken: vec![taken(Some("nginx (process 812)")), taken(None)], ..good() },
            &[
                "port 6443 is taken by nginx (process 812)",
                "cannot listen at 0.0.0.0:6443: Address already in use",
            ],
        );
    }
}
