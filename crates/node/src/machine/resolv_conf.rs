//! Which file says whom the machine asks for names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ironclad_dns::nameservers;

const USUAL: &str = "/etc/resolv.conf";
/// The servers behind systemd-resolved's own (systemd-resolved.service(8)).
const BEHIND_RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

/// The machine's resolv.conf. Where that names only a server on the machine's loopback, which pods do not reach, the
/// one that systemd-resolved writes of the servers behind it, as kubeadm has kubelet use it.
pub fn resolv_conf() -> PathBuf {
    choose(USUAL.as_ref(), BEHIND_RESOLVED.as_ref()).to_owned()
}

fn choose<'a>(usual: &'a Path, behind: &'a Path) -> &'a Path {
    let servers = |path: &Path| nameservers(&std::fs::read_to_string(path).unwrap_or_default(), &[]);
    let is_local = |server: &SocketAddr| server.ip().is_loopback();
    let (named, real) = (servers(usual), servers(behind));
    let stub = !named.is_empty() && named.iter().all(is_local);
    if stub && real.iter().any(|server| !is_local(server)) { behind } else { usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_the_loopback_stands_for_those_behind_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (usual, behind) = (folder.path().join("usual"), folder.path().join("behind"));
        let check = |named: &str, real: Option<&str>, expected: &Path| {
            std::fs::write(&usual, named).expect("written");
            let _ = std::fs::remove_file(&behind);
            if let Some(real) = real {
                std::fs::write(&behind, real).expect("written");
            }
            assert_eq!(choose(&usual, &behind), expected, "{named:?} {real:?}");
        };
        let (stub, real) = ("nameserver 127.0.0.53\noptions edns0\n", "nameserver 192.0.2.1\n");
        check(stub, Some(real), &behind);
        check("nameserver ::1\n", Some(real), &behind);
        check(stub, None, &usual);
        check(stub, Some(stub), &usual);
        check(stub, Some(""), &usual);
        check("nameserver 192.0.2.9\n", Some(real), &usual);
        check("nameserver 127.0.0.1\nnameserver 192.0.2.9\n", Some(real), &usual);
        check("", Some(real), &usual);
    }
}
