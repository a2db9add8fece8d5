//! This machine as the rest of the cluster sees it.

use std::net::{IpAddr, Ipv4Addr};

use crate::config::Config;
use crate::failure::{Exit, Failure};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub hostname: String,
    /// The name of its Node.
    pub node_name: String,
    /// The primary one first.
    pub addresses: Vec<IpAddr>,
}

impl Machine {
    pub fn look(config: &Config) -> Result<Self, Failure> {
        let hostname = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
        let node_name = if config.node.name.is_empty() { hostname.clone() } else { config.node.name.clone() };
        if !is_node_name(&node_name) {
            return Err(Failure::new(
                Exit::Usage,
                format!("{node_name:?} cannot be the name of a node: only a-z, 0-9, - and . may be in it"),
                "choose one with --node-name NAME",
            ));
        }
        Ok(Self { hostname, node_name, addresses: ironclad_node::primary_addresses() })
    }

    /// A machine whose Node has a name of its own is called so by everybody, as upstream's `--hostname-override`
    /// has it: several nodes of one machine are not the same host to the scheduler.
    pub fn under_its_name(self) -> Self {
        Self { hostname: self.node_name.clone(), ..self }
    }

    /// The address that others reach the API by.
    pub fn api_address(&self, config: &Config) -> IpAddr {
        let listen = config.api.listen.ip();
        let own = (!listen.is_unspecified()).then_some(listen);
        let chosen = config.api.advertise_address.or(own);
        chosen.or_else(|| self.addresses.first().copied()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// A DNS subdomain (RFC 1123), as `metadata.name` of a Node must be.
fn is_node_name(name: &str) -> bool {
    let label = |label: &str| {
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner)
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_name_is_a_dns_subdomain() {
        for (name, good) in [
            ("web-1", true),
            ("web.example.com", true),
            ("", false),
            ("Web", false),
            ("-a", false),
            ("a..b", false),
            ("a_b", false),
        ] {
            assert_eq!(is_node_name(name), good, "{name}");
        }
    }

    #[test]
    fn the_api_is_reached_by_what_is_configured_first() {
        let machine =
            Machine { hostname: "m".into(), node_name: "m".into(), addresses: vec![[10, 0, 0, 5].into()] };
        let mut config = Config::default();
        assert_eq!(machine.api_address(&config), IpAddr::from([10, 0, 0, 5]));
        config.api.listen = ([127, 0, 0, 1], 6443).into();
        assert_eq!(machine.api_address(&config), IpAddr::from([127, 0, 0, 1]));
        config.api.advertise_address = Some([203, 0, 113, 9].into());
        assert_eq!(machine.api_address(&config), IpAddr::from([203, 0, 113, 9]));
    }
}
