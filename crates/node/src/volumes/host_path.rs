//! Paths of the node.

use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use ironclad_node_core::volume::host_path::{Found, HostPathKind, Step};

/// Checks that the path is of its kind, or makes it.
pub(super) fn check(path: &str, kind: HostPathKind) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("hostPath {path}: {error}");
    match kind.check(path, found(Path::new(path)))? {
        Step::Nothing => Ok(()),
        Step::MakeDirectory => {
            std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(failed)
        }
        Step::MakeFile => {
            let file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o644).open(path);
            file.map(drop).map_err(failed)
        }
    }
}

fn found(path: &Path) -> Found {
    let Ok(metadata) = std::fs::metadata(path) else { return Found::Nothing };
    let kind = metadata.file_type();
    if kind.is_dir() {
        Found::Directory
    } else if kind.is_file() {
        Found::File
    } else if kind.is_socket() {
        Found::Socket
    } else if kind.is_char_device() {
        Found::CharDevice
    } else if kind.is_block_device() {
        Found::BlockDevice
    } else {
        Found::Other
    }
}
