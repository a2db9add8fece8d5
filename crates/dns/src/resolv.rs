//! Where upstream is: the `nameserver` lines of a resolv.conf.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The most that resolvers take from a resolv.conf (`MAXNS` of resolv.h).
const MOST_NAMESERVERS: usize = 3;

/// Where names outside the cluster are asked.
#[derive(Clone, Debug)]
pub enum Upstreams {
    Fixed(Vec<SocketAddr>),
    /// Read at the start and again while running, as DHCP clients rewrite it.
    ResolvConf {
        path: PathBuf,
        /// Addresses behind which we are ourselves: asking those would never end.
        own: Vec<IpAddr>,
    },
}

/// The name servers of a resolv.conf, without those that are us. Lines that make
/// no sense are skipped (resolv.conf(5)).
pub fn nameservers(text: &str, own: &[IpAddr]) -> Vec<SocketAddr> {
    const DNS: u16 = 53;
    let address = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let is_nameserver = words.next() == Some("nameserver");
        let word = words.next().filter(|_| is_nameserver)?;
        // An address of one link has its name behind a percent sign.
        let (ip, scope) = word.split_once('%').unwrap_or((word, ""));
        let ip: IpAddr = ip.parse().ok().filter(|_| scope.is_empty())?;
        (!own.contains(&ip)).then_some(SocketAddr::new(ip, DNS))
    };
    text.lines().filter_map(address).take(MOST_NAMESERVERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, own: &[&str], expected: &[&str]) {
        let own: Vec<IpAddr> = own.iter().map(|ip| ip.parse().expect("address")).collect();
        let found: Vec<String> = nameservers(text, &own).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn nameserver_lines_count_in_their_order() {
        check(
            "# comment\nsearch a b\nnameserver 1.1.1.1\n  nameserver\t2.2.2.2  # x\noptions ndots:5\n",
            &[],
            &["1.1.1.1:53", "2.2.2.2:53"],
        );
    }

    #[test]
    fn nonsense_is_skipped() {
        check("nameserver\nnameserver x\nnameservers 1.1.1.1\n\0\nnameserver fe80::1%eth0", &[], &[]);
        check("nameserver fd00::1\n", &[], &["[fd00::1]:53"]);
    }

    #[test]
    fn we_are_not_our_own_upstream() {
        check("nameserver 10.96.0.10\nnameserver 9.9.9.9\n", &["10.96.0.10"], &["9.9.9.9:53"]);
    }

    #[test]
    fn three_are_enough() {
        let text = (1..9).map(|last| format!("nameserver 1.1.1.{last}\n")).collect::<String>();
        check(&text, &[], &["1.1.1.1:53", "1.1.1.2:53", "1.1.1.3:53"]);
    }
}
