//! Kernel settings, with what they were before kept for `reset`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::NetworkError;

/// Settings without which pods reach nobody.
const IPV4: [(&str, &str); 2] = [("net/ipv4/ip_forward", "1"), ("net/bridge/bridge-nf-call-iptables", "1")];
const IPV6: [(&str, &str); 2] =
    [("net/ipv6/conf/all/forwarding", "1"), ("net/bridge/bridge-nf-call-ip6tables", "1")];
/// The kernel module that brings the bridge's.
const BRIDGE: &str = "/proc/sys/net/bridge";

/// Where the values from before are kept.
pub(crate) fn memory(run: &Path) -> PathBuf {
    run.join("sysctls.json")
}

/// Sets what is needed. Settings that this kernel does not have are passed over.
pub(super) fn set_up(run: &Path, ipv6: bool) -> Result<(), NetworkError> {
    if !Path::new(BRIDGE).exists() {
        load_bridge_filter();
    }
    let mut before: BTreeMap<String, String> = read_memory(run);
    let wanted = IPV4.iter().chain(IPV6.iter().filter(|_| ipv6));
    for (name, value) in wanted {
        let path = Path::new("/proc/sys").join(name);
        let Ok(current) = std::fs::read_to_string(&path) else { continue };
        if current.trim() != *value {
            before.entry((*name).to_owned()).or_insert(current.trim().to_owned());
            // Remembered first: a kill in between must not make the change permanent.
            write_memory(run, &before)?;
            std::fs::write(&path, value).map_err(|source| NetworkError::File { path, source })?;
        }
    }
    Ok(())
}

/// Puts the settings back to what they were, and says which.
pub(crate) fn restore(run: &Path) -> Vec<String> {
    let mut done = Vec::new();
    for (name, value) in read_memory(run) {
        if std::fs::write(Path::new("/proc/sys").join(&name), &value).is_ok() {
            done.push(format!("{} = {value}", name.replace('/', ".")));
        }
    }
    let _ = std::fs::remove_file(memory(run));
    done
}

fn read_memory(run: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(memory(run)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn write_memory(run: &Path, before: &BTreeMap<String, String>) -> Result<(), NetworkError> {
    let path = memory(run);
    let failed = |source| NetworkError::File { path: path.clone(), source };
    std::fs::create_dir_all(run).map_err(failed)?;
    let text = serde_json::to_string(before).unwrap_or_default();
    std::fs::write(&path, text).map_err(failed)
}

/// Best effort: where the module cannot be had, services are masqueraded instead.
fn load_bridge_filter() {
    for program in ["/usr/sbin/modprobe", "/sbin/modprobe"] {
        let loaded = std::process::Command::new(program).arg("br_netfilter").output();
        if loaded.is_ok_and(|output| output.status.success()) {
            return;
        }
    }
    tracing::info!("the kernel has no br_netfilter");
}
