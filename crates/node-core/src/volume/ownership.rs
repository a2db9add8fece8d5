//! Who may read a volume: what `fsGroup` changes.

use k8s_openapi::api::core::v1::Pod;

use crate::spec;

/// The set-group-id bit, so that new files inherit the group.
const SETGID: u32 = 0o2000;

/// The group that owns a volume's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    pub gid: i64,
    /// Whether only the top directory is looked at, and the rest skipped if that fits
    /// (`fsGroupChangePolicy: OnRootMismatch`).
    pub on_root_mismatch: bool,
}

/// What the pod asks for; `None` leaves volumes as they are.
pub fn of_pod(pod: &Pod) -> Option<Ownership> {
    let spec = spec::of(pod);
    let context = spec.security_context.as_ref()?;
    let on_root_mismatch = context.fs_group_change_policy.as_deref() == Some("OnRootMismatch");
    context.fs_group.map(|gid| Ownership { gid, on_root_mismatch })
}

/// The mode of a file or directory that its group is to use.
pub fn mode(mode: u32, is_dir: bool, read_only: bool) -> u32 {
    let group = if read_only { 0o440 } else { 0o660 };
    let dir = if is_dir { SETGID | 0o110 } else { 0 };
    mode | group | dir
}

/// The user that all containers of the pod run as, if they state one and the same: it owns tokens.
pub fn common_user(pod: &Pod) -> Option<i64> {
    let spec = spec::of(pod);
    let shared = spec.security_context.as_ref().and_then(|c| c.run_as_user);
    let mut users = spec::containers(&spec).map(|c| {
        let own = c.container.security_context.as_ref().and_then(|context| context.run_as_user);
        own.or(shared)
    });
    let first = users.next()??;
    users.all(|user| user == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_group_gets_what_the_owner_has() {
        for (before, is_dir, read_only, expected) in [
            (0o644, false, true, 0o644),
            (0o600, false, true, 0o640),
            (0o600, false, false, 0o660),
            (0o755, true, false, 0o2775),
            (0o700, true, true, 0o2750 | 0o700),
        ] {
            assert_eq!(mode(before, is_dir, read_only), expected, "{before:o} {is_dir} {read_only}");
        }
    }

    #[test]
    fn a_token_belongs_to_the_user_that_all_share() {
        let check = |spec: Value, expected: Option<i64>| {
            let pod: Pod = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
            assert_eq!(common_user(&pod), expected, "{spec}");
        };
        let own = |uid: i64| json!({"name": "a", "securityContext": {"runAsUser": uid}});
        check(json!({"containers": [{"name": "a"}]}), None);
        check(json!({"containers": [own(1), own(1)]}), Some(1));
        check(json!({"containers": [own(1), own(2)]}), None);
        check(json!({"containers": [own(1), {"name": "b"}]}), None);
        check(json!({"containers": [own(1), {"name": "b"}], "securityContext": {"runAsUser": 1}}), Some(1));
    }
}
