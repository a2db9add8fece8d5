//! The machine at one moment, and the difference between two.

mod facts;

use std::collections::BTreeMap;

use anyhow::ensure;

/// Everything that Ironclad touches, as lines by their subject.
pub struct Snapshot(BTreeMap<&'static str, Vec<String>>);

impl Snapshot {
    pub fn take() -> anyhow::Result<Self> {
        let all = facts::ALL.iter().map(|(subject, take)| Ok((*subject, take()?)));
        all.collect::<anyhow::Result<_>>().map(Self)
    }

    /// An error that says what `later` has more or less.
    pub fn compare(&self, later: &Self) -> anyhow::Result<()> {
        let mut differences = Vec::new();
        for (subject, before) in &self.0 {
            let now = later.0.get(subject).map(Vec::as_slice).unwrap_or_default();
            let more = now.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
            let less = before.iter().filter(|line| !now.contains(line)).map(|line| format!("- {line}"));
            let lines: Vec<String> = more.chain(less).collect();
            if !lines.is_empty() {
                differences.push(format!("{subject}:\n  {}", lines.join("\n  ")));
            }
        }
        ensure!(differences.is_empty(), "the machine is not as it was:\n{}", differences.join("\n"));
        Ok(())
    }
}
