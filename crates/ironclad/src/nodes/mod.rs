//! Further nodes on this machine, for developers and CI (`up --nodes N`): each is an `ironclad agent` in a network
//! namespace of its own, with a containerd, folders and cgroups of its own. They share the machine's kernel,
//! processors, memory and disk, and each counts them as its own.
//!
//! A node is known by its configuration file, `nodes/NUMBER.yaml` in the data folder: written before anything else
//! of it is made, removed by `reset` after everything else of it. The first node is the machine itself.

mod process;

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::Ipv4Net;
use ironclad_lifecycle::instance::{self, InstanceError};
use ironclad_node::segment::{Namespace, Segment};

use crate::config::{Api, Config, Node};
pub use process::{Process, in_namespace};

/// More would hardly do anything on one machine.
pub const MOST: u8 = 50;

/// A further node of this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// From 2 on.
    pub number: u8,
    pub config: Config,
    pub namespace: Namespace,
    /// Where `config` is kept.
    pub file: PathBuf,
}

/// The bridge that they are on with the machine.
pub fn segment(config: &Config) -> Segment {
    let network = config.network.nodes.trunc();
    let gateway = Ipv4Net::new(address(network, 1), network.prefix_len()).unwrap_or(network);
    Segment { bridge: "ironclad-nodes".to_owned(), gateway }
}

fn address(network: Ipv4Net, number: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(network.network()) + u32::from(number))
}

/// The place of one of them. `host` is the name of the machine's own node.
pub fn place(config: &Config, host: &str, number: u8) -> Place {
    let folder = config.data.join("nodes").join(number.to_string());
    let own = Config {
        run: config.run.join("nodes").join(number.to_string()),
        api: Api::default(),
        node: Node {
            name: format!("{host}-{number}"),
            runtime: "own".to_owned(),
            listen: (Ipv4Addr::UNSPECIFIED, config.node.listen.port()).into(),
            root: folder.join("kubelet"),
            logs: folder.join("log"),
            cgroup: format!("{}-{number}", config.node.cgroup),
            ..config.node.clone()
        },
        data: folder.clone(),
        ..config.clone()
    };
    let namespace = Namespace {
        file: config.run.join("nodes").join(format!("{number}.netns")),
        link: format!("ironclad-n{number}"),
        address: address(config.network.nodes, number),
    };
    Place { number, config: own, namespace, file: folder.with_extension("yaml") }
}

/// The numbers of the nodes that were made here, in their order.
pub fn known(config: &Config) -> Vec<u8> {
    let entries = std::fs::read_dir(config.data.join("nodes")).into_iter().flatten().flatten();
    let number = |name: String| name.strip_suffix(".yaml")?.parse::<u8>().ok().filter(|n| *n >= 2);
    let mut found: Vec<u8> =
        entries.filter_map(|entry| number(entry.file_name().into_string().ok()?)).collect();
    found.sort_unstable();
    found
}

/// The places of those that were made here.
pub fn places(config: &Config, host: &str) -> Vec<Place> {
    known(config).into_iter().map(|number| place(config, host, number)).collect()
}

/// How many nodes the machine is to have: as many as are asked for, and no fewer than it has had.
pub fn count(config: &Config, asked: Option<u8>) -> u8 {
    asked.unwrap_or(1).max(known(config).last().copied().unwrap_or(1))
}

/// Ends agents that outlived the process that started them.
pub async fn end_left(config: &Config, grace: Duration) -> Result<u32, InstanceError> {
    let mut ended = 0;
    for place in places(config, "") {
        if let Some(holder) = instance::running(&place.config.run)? {
            holder.end(grace).await?;
            ended += 1;
        }
    }
    Ok(ended)
}

impl Place {
    /// Writes the configuration down: from now on the node is known.
    pub fn write(&self) -> io::Result<()> {
        let folder = self.file.parent().ok_or(io::ErrorKind::InvalidInput)?;
        std::fs::create_dir_all(folder)?;
        // JSON is YAML.
        std::fs::write(&self.file, serde_json::to_vec_pretty(&self.config)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &std::path::Path) -> Config {
        Config { data: folder.join("data"), run: folder.join("run"), ..Config::default() }
    }

    #[test]
    fn nothing_of_two_nodes_is_the_same() {
        let first = config("/x".as_ref());
        let (second, third) = (place(&first, "host", 2), place(&first, "host", 3));
        let own = |config: &Config| {
            let node = &config.node;
            let folders =
                [&config.data, &config.run, &node.root, &node.logs].map(|f| f.display().to_string());
            folders.into_iter().chain([node.cgroup.clone(), node.name.clone()]).collect::<Vec<_>>()
        };
        let mut all: Vec<String> =
            [&first, &second.config, &third.config].into_iter().flat_map(own).collect();
        for place in [&second, &third] {
            let Namespace { file, link, address } = &place.namespace;
            all.extend([file.display().to_string(), link.clone(), address.to_string()]);
            assert!(link.len() < 15, "the kernel takes 15 characters, and its other end has one more");
        }
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
        assert_eq!(segment(&first).gateway.to_string(), "10.245.0.1/24");
        assert_eq!(
            (second.config.node.name.as_str(), second.namespace.address),
            ("host-2", [10, 245, 0, 2].into())
        );
        assert_eq!(second.config.network, first.network, "it is one cluster");
    }

    #[test]
    fn nodes_once_made_are_known_and_their_configuration_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = config(folder.path());
        assert_eq!((known(&first), count(&first, None), count(&first, Some(3))), (vec![], 1, 3));
        for number in [3, 2] {
            place(&first, "host", number).write().expect("written");
        }
        std::fs::write(first.data.join("nodes/x.yaml"), "").expect("written");
        assert_eq!((known(&first), count(&first, None), count(&first, Some(2))), (vec![2, 3], 3, 3));
        let place = place(&first, "host", 2);
        let read = Config::load(Some(&place.file), &crate::config::Overrides::default());
        assert_eq!(read, Ok(place.config));
    }
}
