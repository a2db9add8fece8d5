//! How much memory there is and how much is in use.

/// Figures of /proc/meminfo (proc(5)), bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub total_bytes: u64,
    /// What can be had without swapping.
    pub available_bytes: u64,
}

impl Memory {
    pub(crate) fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u64 = line.trim_start_matches(':').split_whitespace().next()?.parse().ok()?;
            Some(kib * 1024)
        };
        Self {
            total_bytes: field("MemTotal").unwrap_or_default(),
            available_bytes: field("MemAvailable").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_counts_in_kibibytes() {
        let text = "MemTotal:       2 kB\nMemFree:  1 kB\nMemAvailable:   1 kB\n";
        assert_eq!(Memory::parse(text), Memory { total_bytes: 2048, available_bytes: 1024 });
        assert_eq!(Memory::parse("nonsense"), Memory::default());
    }
}
