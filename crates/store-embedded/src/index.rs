//! The index: which versions of which keys exist and where they lie. Pure.
//!
//! It lives in memory: some 200 bytes a key, and 80 more for each version inside the
//! window that is not compacted. Values stay in the log.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use bytes::Bytes;
use ironclad_store::Revision;

/// Where a record lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub segment: u32,
    pub offset: u32,
    pub len: u32,
}

/// What a key was from the revision `modified` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub modified: Revision,
    pub state: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Present { created: Revision, place: Place },
    Deleted,
}

impl Version {
    pub fn place(&self) -> Option<Place> {
        match self.state {
            Presence::Present { place, .. } => Some(place),
            Presence::Deleted => None,
        }
    }
}

/// The versions of one key, never empty.
struct Versions {
    newest: Version,
    /// Older ones that the window still shows, oldest first.
    older: Vec<Version>,
}

impl Versions {
    fn at(&self, revision: Revision) -> Option<&Version> {
        if self.newest.modified <= revision {
            return Some(&self.newest);
        }
        self.older.iter().rev().find(|version| version.modified <= revision)
    }

    /// Adds a version wherever it belongs; one of the same revision is replaced.
    fn insert(&mut self, version: Version) -> Option<Version> {
        if version.modified > self.newest.modified {
            self.older.push(std::mem::replace(&mut self.newest, version));
            return None;
        }
        if version.modified == self.newest.modified {
            return Some(std::mem::replace(&mut self.newest, version));
        }
        let at = self.older.partition_point(|older| older.modified < version.modified);
        match self.older.get_mut(at) {
            Some(same) if same.modified == version.modified => Some(std::mem::replace(same, version)),
            _ => {
                self.older.insert(at, version);
                None
            }
        }
    }

    /// Removes what a compaction at `revision` forgets. True if nothing is left.
    fn trim(&mut self, revision: Revision, forget: &mut dyn FnMut(Version)) -> bool {
        let gone = |version: &Version| version.modified <= revision && version.state == Presence::Deleted;
        if self.newest.modified <= revision {
            self.older.drain(..).for_each(&mut *forget);
            return gone(&self.newest);
        }
        let mut keep = self.older.partition_point(|version| version.modified <= revision);
        // The newest at or before the revision is still the state there, unless that is "absent".
        if keep > 0 && !self.older.get(keep - 1).is_some_and(gone) {
            keep -= 1;
        }
        self.older.drain(..keep).for_each(forget);
        false
    }
}

#[derive(Default)]
pub struct Index {
    keys: BTreeMap<Bytes, Versions>,
    revision: Revision,
    compacted: Revision,
    /// Revisions that replaced or deleted something, in order: what a compaction has to visit.
    replaced: VecDeque<(Revision, Bytes)>,
    /// Bytes that versions occupy, per segment.
    live: BTreeMap<u32, u64>,
}

impl Index {
    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub fn compacted(&self) -> Revision {
        self.compacted
    }

    /// The newest version of a key that exists.
    pub fn current(&self, key: &[u8]) -> Option<&Version> {
        let newest = &self.keys.get(key)?.newest;
        newest.place().is_some().then_some(newest)
    }

    /// What the key was just before `revision`, if it existed.
    pub fn before(&self, key: &[u8], revision: Revision) -> Option<&Version> {
        let version = self.keys.get(key)?.at(revision.checked_sub(1)?)?;
        version.place().is_some().then_some(version)
    }

    /// The keys between `bounds` that existed at `revision`.
    pub fn range(
        &self,
        bounds: (Bound<Bytes>, Bound<Bytes>),
        revision: Revision,
    ) -> impl Iterator<Item = (&Bytes, Revision, Revision, Place)> {
        self.keys.range::<Bytes, _>(bounds).filter_map(move |(key, versions)| {
            let version = versions.at(revision)?;
            match version.state {
                Presence::Present { created, place } => Some((key, created, version.modified, place)),
                Presence::Deleted => None,
            }
        })
    }

    /// Records what a committed revision did to a key.
    pub fn apply(&mut self, key: &Bytes, version: Version) {
        self.revision = self.revision.max(version.modified);
        self.account(&version, true);
        let replaces = match self.keys.get_mut(key) {
            Some(versions) => versions.insert(version).is_none(),
            None => {
                // A copy, because the caller's key may keep a whole request alive.
                let versions = Versions { newest: version, older: Vec::new() };
                self.keys.insert(Bytes::copy_from_slice(key), versions);
                false
            }
        };
        if replaces && let Some((key, _)) = self.keys.get_key_value(key) {
            self.replaced.push_back((version.modified, key.clone()));
        }
    }

    /// Adds a version while the log is read back, in whatever order; [`Index::finish`] must follow.
    pub fn load(&mut self, key: &[u8], version: Version) {
        self.account(&version, true);
        let replaced = match self.keys.get_mut(key) {
            Some(versions) => versions.insert(version),
            None => {
                let versions = Versions { newest: version, older: Vec::new() };
                self.keys.insert(Bytes::copy_from_slice(key), versions);
                None
            }
        };
        if let Some(replaced) = replaced {
            self.account(&replaced, false);
        }
    }

    /// Whether any version of `key` is newer than `revision`.
    pub fn has_newer(&self, key: &[u8], revision: Revision) -> bool {
        self.keys.get(key).is_some_and(|versions| versions.newest.modified > revision)
    }

    /// Ends loading: forgets what was compacted and lists what a later compaction will visit.
    pub fn finish(&mut self, revision: Revision, compacted: Revision) {
        self.revision = revision;
        let mut forgotten = Vec::new();
        self.keys.retain(|_, versions| !versions.trim(compacted, &mut |version| forgotten.push(version)));
        forgotten.iter().for_each(|version| self.account(version, false));
        self.compacted = compacted;
        let mut replaced: Vec<(Revision, Bytes)> = Vec::new();
        for (key, versions) in &self.keys {
            if versions.older.is_empty() && versions.newest.place().is_some() {
                continue;
            }
            let later = versions.older.iter().skip(1).chain([&versions.newest]);
            let visited = later.filter(|version| version.modified > compacted);
            replaced.extend(visited.map(|version| (version.modified, key.clone())));
        }
        replaced.sort_unstable_by_key(|(revision, _)| *revision);
        self.replaced = replaced.into();
    }

    /// Forgets history at and before `revision`, except the state there.
    pub fn compact(&mut self, revision: Revision) {
        self.compacted = self.compacted.max(revision);
        let mut forgotten = Vec::new();
        while let Some((_, key)) = self.replaced.pop_front_if(|(replaced, _)| *replaced <= revision) {
            let Some(versions) = self.keys.get_mut(&key) else { continue };
            if versions.trim(revision, &mut |version| forgotten.push(version)) {
                self.keys.remove(&key);
            }
        }
        forgotten.iter().for_each(|version| self.account(version, false));
    }

    /// The version of `key` that lies at `place`, and the revision that ended it (0 if none).
    pub fn at_place(&self, key: &[u8], place: Place) -> Option<(Version, Revision)> {
        let versions = self.keys.get(key)?;
        let mut until = 0;
        for version in [&versions.newest].into_iter().chain(versions.older.iter().rev()) {
            if version.place() == Some(place) {
                return Some((*version, until));
            }
            until = version.modified;
        }
        None
    }

    /// The version `modified` of `key` lies somewhere else now.
    pub fn relocate(&mut self, key: &[u8], version: Version) {
        if let Some(versions) = self.keys.get_mut(key)
            && let Some(old) = versions.insert(version)
        {
            self.account(&old, false);
            self.account(&version, true);
        }
    }

    /// Bytes of `segment` that versions occupy.
    pub fn live_in(&self, segment: u32) -> u64 {
        self.live.get(&segment).copied().unwrap_or_default()
    }

    /// Bytes that all versions occupy.
    pub fn live(&self) -> u64 {
        self.live.values().sum()
    }

    /// The segment is gone.
    pub fn forget_segment(&mut self, segment: u32) {
        self.live.remove(&segment);
    }

    fn account(&mut self, version: &Version, add: bool) {
        let Some(place) = version.place() else { return };
        let live = self.live.entry(place.segment).or_default();
        let len = u64::from(place.len);
        *live = if add { *live + len } else { live.saturating_sub(len) };
    }
}
