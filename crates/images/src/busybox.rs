//! The base image of the examples: Debian's static busybox and the few files that programs expect.

use std::path::Path;
use std::process::Command;

use crate::{Architecture, Config, Image, Layer, LayerError};

/// Why there is no busybox to pack.
#[derive(Debug, thiserror::Error)]
pub enum BusyboxError {
    #[error("{path} cannot be run ({reason}): apt-get install busybox-static")]
    Missing { path: String, reason: String },
    #[error("{path} is linked dynamically and would not run alone: apt-get install busybox-static")]
    Dynamic { path: String },
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// The name and number of the user that the examples run as.
pub const USER: &str = "1000:1000";

/// An image with a shell and busybox's applets from the static binary at `path`.
pub fn image(path: &Path, architecture: Architecture) -> Result<Image, BusyboxError> {
    let config = Config {
        cmd: vec!["sh".into()],
        env: [("PATH".to_owned(), "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned())].into(),
        ..Config::default()
    };
    Ok(Image { architecture, config, layers: vec![layer(path)?] })
}

/// The lowest layer of everything built on busybox.
pub fn layer(path: &Path) -> Result<Layer, BusyboxError> {
    let missing = |reason: String| BusyboxError::Missing { path: path.display().to_string(), reason };
    let binary = std::fs::read(path).map_err(|error| missing(error.to_string()))?;
    if names_an_interpreter(&binary) {
        return Err(BusyboxError::Dynamic { path: path.display().to_string() });
    }
    let applets = Command::new(path).arg("--list").output().map_err(|error| missing(error.to_string()))?;
    let mut layer = Layer::default();
    layer.file("bin/busybox", 0o755, binary)?;
    for applet in String::from_utf8_lossy(&applets.stdout).lines().filter(|&applet| applet != "busybox") {
        layer.symlink(&format!("bin/{applet}"), "/bin/busybox")?;
    }
    for (path, text) in FILES {
        layer.file(path, 0o644, *text)?;
    }
    for (path, mode) in DIRECTORIES {
        layer.directory(path, *mode)?;
    }
    layer.owned_by("home/app", 1000, 1000)?;
    Ok(layer)
}

const FILES: &[(&str, &str)] = &[
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n\
         nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    ),
    ("etc/group", "root:x:0:\napp:x:1000:\nnogroup:x:65534:\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
];

const DIRECTORIES: &[(&str, u32)] = &[
    ("dev", 0o755),
    ("home/app", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr/bin", 0o755),
    ("usr/local/bin", 0o755),
    ("var/tmp", 0o1777),
];

/// Whether a program asks for a dynamic linker: its path stands near the start of the file.
fn names_an_interpreter(program: &[u8]) -> bool {
    let head = program.get(..4096).unwrap_or(program);
    head.windows(7).any(|window| window == b"/ld-lin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_or_missing_busybox_is_refused_with_the_package_to_install() {
        let check = |path: &str, expected: &str| {
            let error = layer(Path::new(path)).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("busybox-static"), "{error}");
        };
        check("/nonexistent/busybox", "cannot be run");
        let linked = std::env::current_exe().unwrap();
        check(linked.to_str().unwrap(), "linked dynamically");
    }
}
