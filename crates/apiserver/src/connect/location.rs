//! Where a stream leads.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;

/// The other end of a stream.
#[derive(Clone, Debug)]
pub struct Location {
    pub peer: Peer,
    pub tls: bool,
    pub host: String,
    pub port: u16,
    /// Path and query, escaped.
    pub path: String,
}

/// Whom TLS has to do with there.
#[derive(Clone, Debug)]
pub enum Peer {
    /// A node's agent, which knows this server by its certificate.
    Agent,
    /// The same, whoever answers there: the client asked not to look at its certificate.
    UnverifiedAgent,
    /// A server that serves a part of the API.
    Extension(Arc<Extension>),
    /// Anything else.
    Foreign,
}

#[derive(Debug)]
pub struct Extension {
    pub config: Arc<rustls::ClientConfig>,
    /// What its certificate must be for.
    pub server_name: String,
    /// Who asks, in headers.
    pub user: HeaderMap,
}

impl Location {
    /// Host and port as a URL has them.
    pub fn authority(&self) -> String {
        let host = match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => self.host.clone(),
        };
        match (self.tls, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// Host and port as Go's errors have them.
    pub fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority(), self.path)
    }
}

/// A name as proxies take it: `name`, `name:port` or `scheme:name:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id<'a> {
    pub https: bool,
    pub name: &'a str,
    /// A number or a name; empty for the default.
    pub port: &'a str,
}

impl<'a> Id<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (scheme, name, port) = match parts.as_slice() {
            [name] => ("", *name, ""),
            [name, port] => ("", *name, *port),
            [scheme, name, port] => (*scheme, *name, *port),
            _ => return None,
        };
        let valid = !name.is_empty() && matches!(scheme, "" | "http" | "https");
        valid.then_some(Self { https: scheme == "https", name, port })
    }
}

/// Whether an address may be proxied to: never the machine itself or its links.
pub fn is_global_unicast(ip: &IpAddr) -> bool {
    let special = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(special || ip.is_loopback() || ip.is_multicast() || ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_schemes_and_ports() {
        let check = |text: &str, want: Option<(bool, &str, &str)>| {
            let got = Id::parse(text);
            assert_eq!(got.map(|id| (id.https, id.name, id.port)), want, "{text}");
        };
        check("web", Some((false, "web", "")));
        check("web:80", Some((false, "web", "80")));
        check("web:http", Some((false, "web", "http")));
        check("https:web:443", Some((true, "web", "443")));
        check("https:web:", Some((true, "web", "")));
        check("ftp:web:21", None);
        check(":80", None);
        check("a:b:c:d", None);
    }

    #[test]
    fn addresses_of_the_machine_itself_are_no_targets() {
        let check =
            |ip: &str, want: bool| assert_eq!(is_global_unicast(&ip.parse().expect("an IP")), want, "{ip}");
        check("10.244.0.7", true);
        check("192.168.1.1", true);
        check("fd00::1", true);
        check("127.0.0.1", false);
        check("169.254.169.254", false);
        check("0.0.0.0", false);
        check("224.0.0.1", false);
        check("fe80::1", false);
        check("::1", false);
    }

    #[test]
    fn locations_print_as_urls() {
        let location = |tls, host: &str, port| Location {
            peer: Peer::Foreign,
            tls,
            host: host.into(),
            port,
            path: "/x?y=1".into(),
        };
        assert_eq!(location(true, "10.0.0.1", 10250).to_string(), "https://10.0.0.1:10250/x?y=1");
        assert_eq!(location(false, "fd00::1", 80).to_string(), "http://[fd00::1]/x?y=1");
    }
}
