//! The message that a container leaves when it ends.

/// At most this much is read from the end of a termination message file, bytes.
pub const MAX_FILE: usize = 4096;
/// At most this much is taken from the end of the log, bytes...
pub const MAX_LOG: usize = 2048;
/// ...and this many lines.
pub const MAX_LOG_LINES: usize = 80;

/// What became of reading the termination message file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// The container has none, or it is gone.
    Absent,
    /// Its last [`MAX_FILE`] bytes.
    Text(Vec<u8>),
    /// It could not be read: its path and the error.
    Unreadable { path: String, error: String },
}

/// Whether the end of the log is to stand in: the policy asks for it, the container failed, was able to run
/// at all, and left nothing in its file.
pub fn falls_back_to_log(policy: &str, exit_code: i32, reason: &str, file: &File) -> bool {
    let empty = match file {
        File::Absent => true,
        File::Text(bytes) => bytes.is_empty(),
        File::Unreadable { .. } => false,
    };
    policy == "FallbackToLogsOnError" && exit_code != 0 && reason != "ContainerCannotRun" && empty
}

/// The message of the status: the runtime's own, then the container's.
pub fn message(runtime: &str, file: &File, log_tail: Option<&[u8]>) -> String {
    let own = match (log_tail, file) {
        (Some(log), _) => String::from_utf8_lossy(last(log, MAX_LOG)).into_owned(),
        (None, File::Absent) => String::new(),
        (None, File::Text(bytes)) => String::from_utf8_lossy(last(bytes, MAX_FILE)).into_owned(),
        (None, File::Unreadable { path, error }) => {
            format!("Error on reading termination log {path}: {error}")
        }
    };
    match (runtime.is_empty(), own.is_empty()) {
        (false, false) => format!("{runtime}: {own}"),
        (false, true) => runtime.to_owned(),
        (true, _) => own,
    }
}

fn last(bytes: &[u8], limit: usize) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(limit)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_stands_in_only_for_a_failure_that_left_no_message() {
        let check = |expected, policy, code, reason, file: File| {
            assert_eq!(
                falls_back_to_log(policy, code, reason, &file),
                expected,
                "{policy} {code} {reason} {file:?}"
            );
        };
        let fallback = "FallbackToLogsOnError";
        check(true, fallback, 1, "Error", File::Absent);
        check(true, fallback, 1, "Error", File::Text(vec![]));
        check(false, fallback, 1, "Error", File::Text(b"x".to_vec()));
        check(false, fallback, 0, "Completed", File::Absent);
        check(false, fallback, 128, "ContainerCannotRun", File::Absent);
        check(false, "File", 1, "Error", File::Absent);
    }

    #[test]
    fn a_message_joins_what_the_runtime_and_the_container_say() {
        let check = |expected: &str, runtime, file: File, log: Option<&[u8]>| {
            assert_eq!(message(runtime, &file, log), expected);
        };
        check("", "", File::Absent, None);
        check("DONE", "", File::Text(b"DONE".to_vec()), None);
        check("oom: DONE", "oom", File::Text(b"DONE".to_vec()), None);
        check("tail", "", File::Absent, Some(b"tail"));
        check(
            "Error on reading termination log /x: denied",
            "",
            File::Unreadable { path: "/x".into(), error: "denied".into() },
            None,
        );
        let long = vec![b'a'; 5000];
        assert_eq!(message("", &File::Text(long.clone()), None).len(), MAX_FILE);
        assert_eq!(message("", &File::Absent, Some(&long)).len(), MAX_LOG);
    }
}
