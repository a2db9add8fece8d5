//! What is looked at. A fact is a function and a line in [`ALL`].

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cluster::run;
use crate::processes;

type Take = fn() -> anyhow::Result<Vec<String>>;

pub const ALL: &[(&str, Take)] = &[
    ("interfaces", interfaces),
    ("addresses", addresses),
    ("routes", routes),
    ("firewall", firewall),
    ("mounts", mounts),
    ("cgroups", cgroups),
    ("processes", processes),
    ("kernel settings", kernel_settings),
    ("files", files),
];

fn interfaces() -> anyhow::Result<Vec<String>> {
    // Before the colon stand the number and the name; flags come and go with the carrier.
    let lines = lines("ip", &["-o", "link"])?;
    Ok(lines.iter().filter_map(|line| line.split(": ").nth(1).map(str::to_owned)).collect())
}

fn addresses() -> anyhow::Result<Vec<String>> {
    let lines = lines("ip", &["-o", "addr"])?;
    Ok(lines
        .iter()
        .map(|line| line.split_whitespace().skip(1).take(3).collect::<Vec<_>>().join(" "))
        .collect())
}

fn routes() -> anyhow::Result<Vec<String>> {
    let mut all = lines("ip", &["-4", "route", "show", "table", "all"])?;
    all.extend(lines("ip", &["-4", "rule"])?);
    Ok(all)
}

/// nf_tables, which is also where iptables' rules are on today's systems.
fn firewall() -> anyhow::Result<Vec<String>> {
    lines("nft", &["--stateless", "list", "ruleset"])
}

fn mounts() -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(text.lines().filter_map(|line| line.split(' ').nth(4).map(str::to_owned)).collect())
}

/// The folders of the cgroup file systems, a few levels deep; without those beside this process's own, where
/// whoever started it makes groups for others.
fn cgroups() -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    folders(Path::new("/sys/fs/cgroup"), 3, &mut found);
    let others: Vec<String> =
        fs::read_to_string("/proc/self/cgroup")?.lines().filter_map(neighbourhood).collect();
    found.retain(|folder| !others.iter().any(|other| folder.contains(other)));
    Ok(found)
}

/// `4:memory:/launcher/one` to `/launcher/`; nothing for a group that stands at the root.
fn neighbourhood(line: &str) -> Option<String> {
    let group = line.splitn(3, ':').nth(2)?;
    let (above, _) = group.rsplit_once('/')?;
    (!above.is_empty()).then(|| format!("{above}/"))
}

fn folders(folder: &Path, levels: u32, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path().display().to_string());
            if levels > 0 {
                folders(&entry.path(), levels - 1, found);
            }
        }
    }
}

/// Those that have to do with a cluster: others come and go on any machine.
fn processes() -> anyhow::Result<Vec<String>> {
    let ours = processes::all().into_iter().filter(is_of_a_cluster);
    Ok(ours.map(|process| format!("{} {}", process.pid, process.command)).collect())
}

fn is_of_a_cluster(process: &processes::Process) -> bool {
    let program = process.command.split(' ').next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let programs = ["ironclad", "containerd", "containerd-shim-runc-v2", "runc", "pause"];
    programs.contains(&name) || process.cgroups.contains("kubepods")
}

const SETTINGS: [&str; 6] = [
    "/proc/sys/net/ipv4/conf/all",
    "/proc/sys/net/ipv4/conf/default",
    "/proc/sys/net/ipv6/conf/all",
    "/proc/sys/net/bridge",
    "/proc/sys/vm",
    "/proc/sys/kernel",
];
/// Counters rather than settings.
const VOLATILE: [&str; 6] =
    ["ns_last_pid", "random", "pty", "perf_event_max_sample_rate", "stat_refresh", "usermodehelper"];

fn kernel_settings() -> anyhow::Result<Vec<String>> {
    let mut found = vec![setting(Path::new("/proc/sys/net/ipv4/ip_forward"))];
    for folder in SETTINGS {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let volatile = VOLATILE.iter().any(|name| entry.file_name() == *name);
            if !volatile && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                found.push(setting(&entry.path()));
            }
        }
    }
    Ok(found)
}

fn setting(path: &Path) -> String {
    let value = fs::read_to_string(path).unwrap_or_else(|_| "(unreadable)".into());
    format!("{} = {}", path.display(), value.trim())
}

/// Folders that only a cluster writes into are looked at whole, shared ones by their names.
fn files() -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in ["/etc", "/opt", "/run", "/var/lib", "/var/log", "/run/netns", "/etc/cni", "/opt/cni"] {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path().display().to_string()));
    }
    let clusters =
        ["/var/lib/ironclad", "/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd", "/run/ironclad"];
    for folder in clusters.into_iter().chain(["/run/containerd", "/var/log/pods", "/var/log/containers"]) {
        folders(Path::new(folder), 2, &mut found);
    }
    found.sort();
    Ok(found)
}

fn lines(program: &str, arguments: &[&str]) -> anyhow::Result<Vec<String>> {
    let text = run(Command::new(program).args(arguments), None)?;
    Ok(text.lines().map(|line| line.trim_end().to_owned()).collect())
}
