//! How many replicas each set gets: pure arithmetic.

use k8s_openapi::api::apps::v1::DeploymentSpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::sets::{MAX_REPLICAS, Set, Sets};

/// The numbers that bound a rollout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    replicas: i32,
    surge: i32,
    unavailable: i32,
    rolling: bool,
}

pub(super) struct Resize {
    pub(super) set: Set,
    pub(super) size: i32,
    /// Bring its annotations up to date even if the size stays.
    pub(super) always: bool,
}

impl Limits {
    pub(super) fn of(spec: &DeploymentSpec, rolling: bool) -> Self {
        let replicas = spec.replicas.unwrap_or(1);
        let update = spec.strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
        let quarter = IntOrString::String("25%".into());
        let scaled = |value: Option<&IntOrString>, up| scale(value.unwrap_or(&quarter), replicas, up);
        let surge = scaled(update.and_then(|update| update.max_surge.as_ref()), true);
        let mut unavailable = scaled(update.and_then(|update| update.max_unavailable.as_ref()), false);
        if surge == 0 && unavailable == 0 {
            // Both may round to nothing, and then nothing could ever move.
            unavailable = 1;
        }
        match rolling {
            true => Self { replicas, surge, unavailable: unavailable.min(replicas), rolling },
            false => Self { replicas, surge: 0, unavailable: 0, rolling },
        }
    }

    /// The most pods that there may be.
    pub(super) fn max(&self) -> i32 {
        self.replicas.saturating_add(self.surge)
    }

    pub(super) fn max_unavailable(&self) -> i32 {
        self.unavailable
    }

    /// The size of a set that is about to be made.
    pub(super) fn initial_size(&self, sets: &Sets) -> i32 {
        if !self.rolling {
            return self.replicas;
        }
        let existing: i32 = sets.all().map(Set::replicas).sum();
        (self.max() - existing).clamp(0, self.replicas)
    }

    /// The size that the new set may grow to.
    pub(super) fn new_set_size(&self, sets: &Sets, new: &Set) -> i32 {
        if !self.rolling {
            return self.replicas;
        }
        let existing: i32 = sets.all().map(Set::replicas).sum();
        let room = (self.max() - existing).max(0);
        new.replicas() + room.min(self.replicas - new.replicas())
    }

    /// Old sets that may shrink, with their new sizes: first by what is not available anyway,
    /// then by what can be spared.
    pub(super) fn shrink_old_sets(&self, sets: &Sets, new: &Set) -> Vec<(Set, i32)> {
        let mut sizes: Vec<i32> = sets.old.iter().map(Set::replicas).collect();
        let total: i32 = sizes.iter().sum::<i32>() + new.replicas();
        let min_available = self.replicas - self.unavailable;
        let new_unavailable = new.replicas() - new.available();
        let mut budget = total - min_available - new_unavailable;
        if budget <= 0 {
            return Vec::new();
        }
        for (set, size) in sets.old.iter().zip(&mut sizes) {
            let cut = (*size - set.available()).clamp(0, budget);
            *size -= cut;
            budget -= cut;
        }
        let available: i32 = sets.all().map(Set::available).sum();
        let mut spare = (available - min_available).max(0);
        for size in &mut sizes {
            let cut = (*size).clamp(0, spare);
            *size -= cut;
            spare -= cut;
        }
        let changed = sets.old.iter().cloned().zip(sizes);
        changed.filter(|(set, size)| set.replicas() != *size).collect()
    }

    /// The sizes after `spec.replicas` changed, or while the deployment is paused: spread over the
    /// active sets in proportion, so that no version gains by it. `status_replicas` stands in for
    /// the former maximum where a set does not tell it.
    pub(super) fn proportional(&self, sets: &Sets, status_replicas: i32) -> Vec<Resize> {
        let active: Vec<&Set> = sets.active().collect();
        if active.len() <= 1 {
            let newest = sets.new.as_ref().or(sets.old.last());
            let only = active.first().copied().or(newest);
            let resized = only.filter(|set| set.replicas() != self.replicas);
            return resized
                .map(|set| Resize { set: set.clone(), size: self.replicas, always: false })
                .into_iter()
                .collect();
        }
        if sets.new.as_ref().is_some_and(|new| self.is_saturated(new)) {
            let old = sets.old.iter().filter(|set| set.replicas() > 0);
            return old.map(|set| Resize { set: set.clone(), size: 0, always: false }).collect();
        }
        if self.rolling { self.spread(active, status_replicas) } else { Vec::new() }
    }

    fn is_saturated(&self, new: &Set) -> bool {
        let noted = new.number(super::sets::DESIRED_REPLICAS);
        new.replicas() == self.replicas && noted == Some(self.replicas) && new.available() == self.replicas
    }

    fn spread(&self, mut active: Vec<&Set>, status_replicas: i32) -> Vec<Resize> {
        let allowed = if self.replicas > 0 { self.max() } else { 0 };
        let to_add = allowed - active.iter().map(|set| set.replicas()).sum::<i32>();
        // The largest first; among equals the newer grow first and the older shrink first.
        active.sort_by_key(|set| set.created());
        if to_add > 0 {
            active.reverse();
        }
        active.sort_by_key(|set| std::cmp::Reverse(set.replicas()));
        let mut added = 0;
        let mut sizes = Vec::new();
        for set in &active {
            let share = if to_add == added { 0 } else { self.share(set, status_replicas) };
            let left = to_add - added;
            let share = if to_add > 0 { share.min(left) } else { share.max(left) };
            added += share;
            sizes.push(set.replicas() + share);
        }
        if let Some(first) = sizes.first_mut() {
            *first = (*first + to_add - added).max(0);
        }
        let resizes = active.into_iter().zip(sizes);
        resizes.map(|(set, size)| Resize { set: set.clone(), size, always: true }).collect()
    }

    /// By how much a set grows or shrinks to keep its proportion.
    fn share(&self, set: &Set, status_replicas: i32) -> i32 {
        if self.replicas == 0 {
            return -set.replicas();
        }
        let before = set.number(MAX_REPLICAS).filter(|max| *max > 0).unwrap_or(status_replicas);
        if before == 0 {
            return 0;
        }
        let size = f64::from(set.replicas()) * f64::from(self.max()) / f64::from(before);
        // The cast saturates.
        size.round() as i32 - set.replicas()
    }
}

/// A number, or a percentage of `total` rounded up or down. What does not parse is 0; validation
/// has refused it already.
fn scale(value: &IntOrString, total: i32, round_up: bool) -> i32 {
    match value {
        IntOrString::Int(number) => *number,
        IntOrString::String(text) => {
            let percent: i64 = text.strip_suffix('%').and_then(|number| number.parse().ok()).unwrap_or(0);
            let hundredths = percent * i64::from(total) + if round_up { 99 } else { 0 };
            i32::try_from(hundredths / 100).unwrap_or(i32::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use k8s_openapi::api::apps::v1::{
        DeploymentStrategy, ReplicaSet, ReplicaSetSpec, ReplicaSetStatus, RollingUpdateDeployment,
    };

    fn set(replicas: i32, available: i32) -> Set {
        Set::from(Arc::new(ReplicaSet {
            spec: Some(ReplicaSetSpec { replicas: Some(replicas), ..Default::default() }),
            status: Some(ReplicaSetStatus {
                replicas,
                available_replicas: Some(available),
                ..Default::default()
            }),
            ..Default::default()
        }))
    }

    fn limits(replicas: i32, surge: &str, unavailable: &str) -> Limits {
        let value = |text: &str| match text.parse() {
            Ok(number) => IntOrString::Int(number),
            Err(_) => IntOrString::String(text.into()),
        };
        let rolling_update = RollingUpdateDeployment {
            max_surge: Some(value(surge)),
            max_unavailable: Some(value(unavailable)),
        };
        let strategy = DeploymentStrategy { rolling_update: Some(rolling_update), type_: None };
        let spec =
            DeploymentSpec { replicas: Some(replicas), strategy: Some(strategy), ..Default::default() };
        Limits::of(&spec, true)
    }

    #[test]
    fn percentages_round_up_for_surge_and_down_for_unavailable() {
        for (replicas, surge, unavailable, max, max_unavailable) in [
            (10, "25%", "25%", 13, 2),
            (1, "25%", "25%", 2, 0),
            (3, "0", "0%", 3, 1),
            (4, "1", "1", 5, 1),
            (2, "0", "5", 2, 2),
        ] {
            let limits = limits(replicas, surge, unavailable);
            assert_eq!(
                (limits.max(), limits.max_unavailable()),
                (max, max_unavailable),
                "{replicas} {surge} {unavailable}"
            );
        }
    }

    #[test]
    fn the_new_set_grows_into_the_surge() {
        for (replicas, old, new, expected) in [(10, 10, 0, 3), (10, 8, 3, 5), (10, 0, 9, 10), (10, 13, 0, 0)]
        {
            let new = set(new, 0);
            let sets = Sets { new: Some(new.clone()), old: vec![set(old, old)] };
            assert_eq!(limits(replicas, "3", "2").new_set_size(&sets, &new), expected, "{old}");
        }
    }

    #[test]
    fn old_sets_shrink_by_what_can_be_spared() {
        // (old replicas, old available, new replicas, new available) -> size of the old set
        for (old, old_available, new, new_available, expected) in
            [(10, 10, 3, 0, 8), (8, 8, 5, 0, 8), (8, 8, 5, 5, 3), (10, 8, 3, 0, 8), (5, 0, 8, 8, 0)]
        {
            let new = set(new, new_available);
            let sets = Sets { new: Some(new.clone()), old: vec![set(old, old_available)] };
            let shrunk = limits(10, "3", "2").shrink_old_sets(&sets, &new);
            let size = shrunk.first().map_or(old, |(_, size)| *size);
            assert_eq!(size, expected, "{old} {old_available} {new_available}");
        }
    }
}
