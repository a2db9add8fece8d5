//! The registry by groups and versions, in the order in which discovery lists them.

use ironclad_api::gvk::Name;
use ironclad_engine::registry::order;
use ironclad_engine::{Kinds, Served};

pub struct Groups(Vec<Group>);

pub struct Group {
    pub name: Name,
    /// Most preferred first.
    pub versions: Vec<Version>,
}

pub struct Version {
    pub version: Name,
    /// By their plurals.
    pub resources: Vec<Served>,
}

impl Groups {
    pub fn of(kinds: &Kinds) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for served in kinds.all().iter().flat_map(Served::all) {
            let group = entry(
                &mut groups,
                |group| group.name == served.gvr.group,
                || Group { name: served.gvr.group.clone(), versions: Vec::new() },
            );
            let version = entry(
                &mut group.versions,
                |version| version.version == served.gvr.version,
                || Version { version: served.gvr.version.clone(), resources: Vec::new() },
            );
            version.resources.push(served);
        }
        groups.sort_by(|a, b| order::groups(&a.name, &b.name));
        for group in &mut groups {
            group.versions.sort_by(|a, b| order::versions(&a.version, &b.version));
            for version in &mut group.versions {
                version.resources.sort_by(|a, b| a.gvr.resource.cmp(&b.gvr.resource));
            }
        }
        Self(groups)
    }

    pub fn all(&self) -> &[Group] {
        &self.0
    }

    pub fn group(&self, name: &str) -> Option<&Group> {
        self.0.iter().find(|group| group.name == name)
    }

    pub fn version(&self, group: &str, version: &str) -> Option<&Version> {
        self.group(group)?.versions.iter().find(|known| known.version == version)
    }
}

fn entry<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &mut T {
    let at = list.iter().position(is).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    });
    &mut list[at]
}
