//! Paths of the node as volumes: what must be there first.

/// `hostPath.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostPathKind {
    Unchecked,
    DirectoryOrCreate,
    Directory,
    FileOrCreate,
    File,
    Socket,
    CharDevice,
    BlockDevice,
}

/// What the shell found at the path, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Directory,
    File,
    Socket,
    CharDevice,
    BlockDevice,
    Other,
}

/// What is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Nothing,
    /// Make the directory and its parents, mode 0755.
    MakeDirectory,
    /// Make an empty file, mode 0644; its directory must be there.
    MakeFile,
}

impl HostPathKind {
    pub fn of(name: Option<&str>) -> Result<Self, String> {
        Ok(match name.unwrap_or_default() {
            "" => HostPathKind::Unchecked,
            "DirectoryOrCreate" => HostPathKind::DirectoryOrCreate,
            "Directory" => HostPathKind::Directory,
            "FileOrCreate" => HostPathKind::FileOrCreate,
            "File" => HostPathKind::File,
            "Socket" => HostPathKind::Socket,
            "CharDevice" => HostPathKind::CharDevice,
            "BlockDevice" => HostPathKind::BlockDevice,
            other => return Err(format!("{other} is an invalid volume type")),
        })
    }

    /// Judges what was found. An error's text is upstream's.
    pub fn check(self, path: &str, found: Found) -> Result<Step, String> {
        let (wanted, what) = match self {
            HostPathKind::Unchecked => return Ok(Step::Nothing),
            HostPathKind::DirectoryOrCreate if found == Found::Nothing => return Ok(Step::MakeDirectory),
            HostPathKind::FileOrCreate if found == Found::Nothing => return Ok(Step::MakeFile),
            HostPathKind::DirectoryOrCreate | HostPathKind::Directory => (Found::Directory, "directory"),
            HostPathKind::FileOrCreate | HostPathKind::File => (Found::File, "file"),
            HostPathKind::Socket => (Found::Socket, "socket file"),
            HostPathKind::CharDevice => (Found::CharDevice, "character device"),
            HostPathKind::BlockDevice => (Found::BlockDevice, "block device"),
        };
        match found == wanted {
            true => Ok(Step::Nothing),
            false => Err(format!("hostPath type check failed: {path} is not a {what}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_must_be_what_is_asked_for() {
        let check = |kind: &str, found, expected: Result<Step, &str>| {
            let expected = expected.map_err(|what| format!("hostPath type check failed: /x is not a {what}"));
            assert_eq!(
                HostPathKind::of(Some(kind)).unwrap().check("/x", found),
                expected,
                "{kind} {found:?}"
            );
        };
        check("", Found::Nothing, Ok(Step::Nothing));
        check("DirectoryOrCreate", Found::Nothing, Ok(Step::MakeDirectory));
        check("DirectoryOrCreate", Found::File, Err("directory"));
        check("Directory", Found::Directory, Ok(Step::Nothing));
        check("Directory", Found::Nothing, Err("directory"));
        check("FileOrCreate", Found::Nothing, Ok(Step::MakeFile));
        check("File", Found::Directory, Err("file"));
        check("Socket", Found::File, Err("socket file"));
        check("CharDevice", Found::BlockDevice, Err("character device"));
        check("BlockDevice", Found::Nothing, Err("block device"));
    }
}
