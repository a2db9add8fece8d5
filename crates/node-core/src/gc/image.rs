//! Images that nothing uses, removed when the disk that holds them fills up or when they are old.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// When images are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImagePolicy {
    /// Removal begins when this much of the disk is used...
    pub high_percent: u64,
    /// ...and goes on until this much is.
    pub low_percent: u64,
    /// An image is left alone for this long after it was first seen.
    pub min_age: Duration,
    /// An image that was not used for this long is removed; `None`: never for its age.
    pub max_age: Option<Duration>,
}

impl Default for ImagePolicy {
    fn default() -> Self {
        Self { high_percent: 85, low_percent: 80, min_age: Duration::from_secs(120), max_age: None }
    }
}

/// An image on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageOnNode {
    pub id: String,
    pub size_bytes: u64,
    /// The runtime wants it kept (the sandbox image).
    pub pinned: bool,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    first_seen: Duration,
    last_used: Option<Duration>,
}

/// What is remembered of images; moments are on the monotonic clock. As many records as images on the node.
#[derive(Clone, Debug, Default)]
pub struct ImageGc {
    records: BTreeMap<String, Record>,
    images: Vec<ImageOnNode>,
    in_use: BTreeSet<String>,
    since: Option<Duration>,
}

/// What to remove, least recently used first; stop once `free_bytes` have been freed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImagePlan {
    /// Removed whatever they free.
    pub too_old: Vec<String>,
    /// Candidates, in order.
    pub candidates: Vec<ImageOnNode>,
    /// 0: the disk is not too full.
    pub free_bytes: u64,
    /// How full the disk is, percent.
    pub used_percent: u64,
}

impl ImageGc {
    /// Takes in the images on the node and the ids of those that containers use.
    pub fn observe(&mut self, now: Duration, images: Vec<ImageOnNode>, in_use: BTreeSet<String>) {
        self.since.get_or_insert(now);
        self.records.retain(|id, _| images.iter().any(|image| image.id == *id));
        for image in &images {
            let record =
                self.records.entry(image.id.clone()).or_insert(Record { first_seen: now, last_used: None });
            if in_use.contains(&image.id) {
                record.last_used = Some(now);
            }
        }
        (self.images, self.in_use) = (images, in_use);
    }

    /// Plans for a disk of that size with that much left, bytes.
    pub fn plan(&self, now: Duration, policy: &ImagePolicy, capacity: u64, available: u64) -> ImagePlan {
        let mut unused = self.unused();
        let mut plan = ImagePlan { too_old: self.too_old(now, policy, &unused), ..Default::default() };
        unused.retain(|image| !plan.too_old.contains(&image.id));
        if capacity == 0 {
            return plan;
        }
        let available = available.min(capacity);
        plan.used_percent = 100 - percent(available, capacity);
        if plan.used_percent < policy.high_percent {
            return plan;
        }
        let target = share(capacity, 100 - policy.low_percent.min(100));
        plan.free_bytes = target.saturating_sub(available);
        plan.candidates = self.old_enough(now, policy, unused);
        plan
    }

    /// Everything unused: what disk pressure asks for before any pod is evicted.
    pub fn all_unused(&self, now: Duration, policy: &ImagePolicy) -> Vec<ImageOnNode> {
        self.old_enough(now, policy, self.unused())
    }

    /// Least recently used first, then first seen.
    fn unused(&self) -> Vec<ImageOnNode> {
        let free = |image: &&ImageOnNode| !image.pinned && !self.in_use.contains(&image.id);
        let mut unused: Vec<_> = self.images.iter().filter(free).cloned().collect();
        unused.sort_by_key(|image| {
            let record = self.records.get(&image.id);
            (record.and_then(|r| r.last_used), record.map(|r| r.first_seen), image.id.clone())
        });
        unused
    }

    fn old_enough(
        &self,
        now: Duration,
        policy: &ImagePolicy,
        mut images: Vec<ImageOnNode>,
    ) -> Vec<ImageOnNode> {
        let age = |image: &ImageOnNode| {
            self.records.get(&image.id).map_or(Duration::ZERO, |r| now.saturating_sub(r.first_seen))
        };
        images.retain(|image| age(image) >= policy.min_age);
        images
    }

    /// Nothing is too old before this agent has watched for as long.
    fn too_old(&self, now: Duration, policy: &ImagePolicy, unused: &[ImageOnNode]) -> Vec<String> {
        let Some(max_age) = policy.max_age else { return Vec::new() };
        if self.since.is_none_or(|since| now.saturating_sub(since) <= max_age) {
            return Vec::new();
        }
        let idle = |image: &&ImageOnNode| {
            let used = self.records.get(&image.id).map(|r| r.last_used.unwrap_or(r.first_seen));
            used.is_some_and(|used| now.saturating_sub(used) > max_age)
        };
        unused.iter().filter(idle).map(|image| image.id.clone()).collect()
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 100 / u128::from(whole.max(1))) as u64
}

fn share(whole: u64, percent: u64) -> u64 {
    (u128::from(whole) * u128::from(percent) / 100) as u64
}

/// The event for a disk that stays too full: `FreeDiskSpaceFailed`. `capacity` is printed as given.
pub fn still_full(used_percent: u64, capacity: &str, freed_bytes: u64) -> String {
    format!(
        "Insufficient free disk space on the node's image filesystem ({used_percent}% of {capacity} used). Failed \
         to free sufficient space by deleting unused images (freed {freed_bytes} bytes). Investigate disk usage, as \
         it could be used by active images, logs, volumes, or other data."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn gc() -> ImageGc {
        let image = |id: &str, pinned| ImageOnNode { id: id.into(), size_bytes: 10, pinned };
        let images = || vec![image("a", false), image("b", false), image("c", false), image("pause", true)];
        let mut gc = ImageGc::default();
        gc.observe(Duration::ZERO, images(), ["a".to_owned()].into());
        gc.observe(S * 100, images(), ["b".to_owned()].into());
        gc.observe(S * 200, images(), BTreeSet::new());
        gc
    }

    fn ids(images: &[ImageOnNode]) -> Vec<&str> {
        images.iter().map(|i| i.id.as_str()).collect()
    }

    #[test]
    fn a_full_disk_is_freed_down_to_the_low_mark() {
        let check = |at: u32, available: u64, free: u64, candidates: &[&str]| {
            let plan = gc().plan(S * at, &ImagePolicy::default(), 1000, available);
            assert_eq!(
                (plan.free_bytes, ids(&plan.candidates)),
                (free, candidates.to_vec()),
                "{available} left"
            );
        };
        check(200, 500, 0, &[]);
        check(200, 160, 0, &[]);
        check(200, 150, 50, &["c", "a", "b"]);
        check(200, 0, 200, &["c", "a", "b"]);
        check(119, 0, 200, &[]);
    }

    #[test]
    fn images_in_use_or_pinned_stay() {
        let mut gc = gc();
        let images = gc.images.clone();
        gc.observe(S * 300, images, ["a".to_owned(), "c".to_owned()].into());
        assert_eq!(ids(&gc.all_unused(S * 300, &ImagePolicy::default())), ["b"]);
    }

    #[test]
    fn images_that_were_long_unused_go_whatever_the_disk() {
        let policy = ImagePolicy { max_age: Some(S * 150), ..Default::default() };
        assert_eq!(gc().plan(S * 140, &policy, 1000, 900).too_old, Vec::<String>::new());
        assert_eq!(gc().plan(S * 240, &policy, 1000, 900).too_old, ["c", "a"]);
    }
}
