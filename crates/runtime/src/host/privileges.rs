//! What this process is allowed to do.

/// Whether OOM scores may be lowered: capability CAP_SYS_RESOURCE (capabilities(7)).
pub(super) fn may_lower_oom_score() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    effective(&status).is_some_and(|capabilities| capabilities & 1 << CAP_SYS_RESOURCE != 0)
}

const CAP_SYS_RESOURCE: u32 = 24;

/// The effective capabilities in a /proc/PID/status.
fn effective(status: &str) -> Option<u64> {
    let field = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(field.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effective_capabilities_are_read_from_proc() {
        let check =
            |status: &str, expected: Option<u64>| assert_eq!(effective(status), expected, "{status:?}");
        check("Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t000001fffeffffff\n", Some(0x1ff_feff_ffff));
        check("CapEff:\t000001ffffffffff", Some(0x1ff_ffff_ffff));
        check("CapEff:\tnonsense", None);
        check("", None);
    }
}
