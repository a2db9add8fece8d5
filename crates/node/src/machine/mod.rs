//! Facts about the machine: what it has and what it runs.

mod addresses;
mod memory;
mod resolv_conf;

use std::path::Path;

use jiff::Timestamp;

pub(crate) use memory::Memory;

pub use addresses::primary_addresses;
pub use resolv_conf::resolv_conf;

/// What the Node object tells of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    pub cpus: u32,
    pub memory_bytes: i64,
    /// The identity that /etc/machine-id gives.
    pub machine_id: String,
    /// The identity that the firmware gives.
    pub system_uuid: String,
    pub boot_id: String,
    pub kernel: String,
    pub os_image: String,
    /// As Kubernetes spells it: `amd64`, `arm64`.
    pub architecture: &'static str,
    pub booted_at: Option<Timestamp>,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let memory_bytes = Memory::read().total_bytes as i64;
        let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let machine_id = line_of("/etc/machine-id");
        let system_uuid = [line_of("/sys/class/dmi/id/product_uuid"), machine_id.clone()];
        Self {
            cpus,
            memory_bytes,
            system_uuid: system_uuid.into_iter().find(|id| !id.is_empty()).unwrap_or_default(),
            machine_id,
            boot_id: line_of("/proc/sys/kernel/random/boot_id"),
            kernel: line_of("/proc/sys/kernel/osrelease"),
            os_image: os_image(&std::fs::read_to_string("/etc/os-release").unwrap_or_default()),
            architecture: architecture(),
            booted_at: booted_at(&std::fs::read_to_string("/proc/stat").unwrap_or_default()),
        }
    }
}

/// Size and use of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Disk {
    pub capacity_bytes: u64,
    /// Free, also what is kept for others.
    pub free_bytes: u64,
    /// Free for this process.
    pub available_bytes: u64,
    pub inodes: u64,
    pub inodes_free: u64,
}

impl Disk {
    /// The file system that holds a path; zeros if it cannot be asked.
    pub(crate) fn of(path: &Path) -> Self {
        let Ok(stat) = rustix::fs::statvfs(path) else { return Self::default() };
        Self {
            capacity_bytes: stat.f_blocks * stat.f_frsize,
            free_bytes: stat.f_bfree * stat.f_frsize,
            available_bytes: stat.f_bavail * stat.f_frsize,
            inodes: stat.f_files,
            inodes_free: stat.f_ffree,
        }
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.capacity_bytes.saturating_sub(self.free_bytes)
    }

    /// What this process could have at most: without what is kept for root or cut off by a quota, as `df` counts.
    pub(crate) fn usable_bytes(&self) -> u64 {
        self.used_bytes() + self.available_bytes
    }
}

fn line_of(path: &str) -> String {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// `PRETTY_NAME` (os-release(5)).
fn os_image(os_release: &str) -> String {
    let line = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    line.map(|name| name.trim().trim_matches(['"', '\'']).to_owned()).unwrap_or_else(|| "Linux".to_owned())
}

fn booted_at(stat: &str) -> Option<Timestamp> {
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Timestamp::from_second(seconds.trim().parse().ok()?).ok()
}

/// As Go names processors.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_name_is_read_without_its_quotes() {
        let check = |text: &str, expected: &str| assert_eq!(os_image(text), expected);
        check("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n", "Debian GNU/Linux 12 (bookworm)");
        check("PRETTY_NAME=Alpine\n", "Alpine");
        check("", "Linux");
    }

    #[test]
    fn this_machine_has_something() {
        let machine = Machine::look();
        assert!(machine.cpus > 0 && machine.memory_bytes > 0 && !machine.kernel.is_empty());
        assert!(Disk::of(Path::new("/")).capacity_bytes > 0);
    }
}
