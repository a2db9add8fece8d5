//! The registry by groups and versions, and what other servers serve, in the order in which discovery lists them.

use std::cmp::Reverse;
use std::sync::Arc;

use ironclad_api::GroupVersion;
use ironclad_api::gvk::Name;
use ironclad_engine::registry::order;
use ironclad_engine::{Kinds, Served};

use crate::aggregation::{Aggregation, Document, Remote};

pub struct Groups(Vec<Group>);

pub struct Group {
    pub name: Name,
    /// Most preferred first.
    pub versions: Vec<Version>,
    /// The greater, the earlier it is listed.
    priority: u64,
}

pub struct Version {
    pub version: Name,
    pub resources: Resources,
    /// The greater, the more preferred; 0 for versions of this server, which have an order of their own.
    priority: u64,
}

pub enum Resources {
    /// By their plurals.
    Local(Vec<Served>),
    /// As another server describes them.
    Remote(Arc<Document>),
}

impl Groups {
    pub fn of(kinds: &Kinds, aggregation: Option<&Aggregation>) -> Self {
        let mut groups = Self(Vec::new());
        for served in kinds.all().iter().flat_map(Served::all) {
            groups.add_local(served);
        }
        if let Some(aggregation) = aggregation {
            let documents = aggregation.documents();
            for remote in aggregation.remotes() {
                let document = documents.get(&remote.group_version).cloned().unwrap_or_default();
                groups.add_remote(&remote, document);
            }
        }
        groups.sort();
        groups
    }

    fn group_mut(&mut self, name: &Name) -> &mut Group {
        let new = || Group {
            name: name.clone(),
            versions: Vec::new(),
            priority: order::group_priority(name).into(),
        };
        entry(&mut self.0, |group| group.name == *name, new)
    }

    fn add_local(&mut self, served: Served) {
        let group = self.group_mut(&served.gvr.group);
        let new = || Version {
            version: served.gvr.version.clone(),
            resources: Resources::Local(Vec::new()),
            priority: 0,
        };
        let version = entry(&mut group.versions, |version| version.version == served.gvr.version, new);
        if let Resources::Local(resources) = &mut version.resources {
            resources.push(served);
        }
    }

    /// In the place of a version of this server, if it has the same: requests go there.
    fn add_remote(&mut self, remote: &Remote, document: Arc<Document>) {
        let GroupVersion { group, version } = &remote.group_version;
        let is_new = !self.0.iter().any(|known| known.name == *group);
        let group = self.group_mut(group);
        group.priority = match is_new {
            true => remote.group_priority,
            false => group.priority.max(remote.group_priority),
        };
        group.versions.retain(|known| known.version != *version);
        group.versions.push(Version {
            version: version.clone(),
            resources: Resources::Remote(document),
            priority: remote.version_priority,
        });
    }

    fn sort(&mut self) {
        self.0
            .sort_by(|a, b| Reverse(a.priority).cmp(&Reverse(b.priority)).then_with(|| a.name.cmp(&b.name)));
        for group in &mut self.0 {
            group.versions.sort_by(|a, b| {
                let by_priority = Reverse(a.priority).cmp(&Reverse(b.priority));
                by_priority.then_with(|| order::versions(&a.version, &b.version))
            });
            for version in &mut group.versions {
                if let Resources::Local(resources) = &mut version.resources {
                    resources.sort_by(|a, b| a.gvr.resource.cmp(&b.gvr.resource));
                }
            }
        }
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

impl Version {
    /// The resources that this server serves.
    pub fn local(&self) -> &[Served] {
        match &self.resources {
            Resources::Local(resources) => resources,
            Resources::Remote(_) => &[],
        }
    }
}

fn entry<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &mut T {
    let at = list.iter().position(is).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    });
    &mut list[at]
}
