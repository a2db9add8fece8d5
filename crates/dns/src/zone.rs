//! The cluster's zone: its names, and the records about itself.

use std::net::IpAddr;

use hickory_proto::rr::rdata::{NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record};

/// The version of the specification that `dns-version` names.
pub(crate) const SPEC_VERSION: &str = "1.1.0";

/// What the cluster's zone is called and how long its answers live.
#[derive(Clone, Debug)]
pub struct ZoneConfig {
    /// The cluster domain, without a final dot.
    pub domain: String,
    /// Seconds that clients may keep an answer, positive or negative. 5 is the
    /// default of CoreDNS's kubernetes plugin (kubeadm's Corefile says 30): a
    /// client is never long behind an endpoint that left.
    pub ttl_s: u32,
    /// The SOA's serial, if anyone asks; rising where it can be.
    pub serial: u32,
    /// Addresses of `ns.dns.DOMAIN`, the zone's name server.
    pub nameservers: Vec<IpAddr>,
}

impl Default for ZoneConfig {
    fn default() -> Self {
        Self { domain: "cluster.local".into(), ttl_s: 5, serial: 1, nameservers: Vec::new() }
    }
}

impl ZoneConfig {
    /// The domain's labels, in lower case, first label first.
    pub(crate) fn labels(&self) -> Vec<String> {
        let labels = self.domain.split('.').filter(|label| !label.is_empty());
        labels.map(str::to_ascii_lowercase).collect()
    }

    /// A name below the domain; `None` if it is too long to be one.
    pub(crate) fn name(&self, relative: &str) -> Option<Name> {
        let domain = self.domain.trim_end_matches('.');
        let dot = if relative.is_empty() { "" } else { "." };
        Name::from_ascii(format!("{relative}{dot}{domain}.")).ok()
    }

    pub(crate) fn record(&self, owner: &Name, data: RData) -> Record {
        Record::from_rdata(owner.clone(), self.ttl_s, data)
    }

    /// The start of authority, which comes with every negative answer (RFC 2308).
    pub(crate) fn soa(&self) -> Option<Record> {
        const REFRESH_S: i32 = 7200;
        const RETRY_S: i32 = 1800;
        const EXPIRE_S: i32 = 86_400;
        let (server, mailbox) = (self.name("ns.dns")?, self.name("hostmaster")?);
        let data = SOA::new(server, mailbox, self.serial, REFRESH_S, RETRY_S, EXPIRE_S, self.ttl_s);
        Some(self.record(&self.name("")?, RData::SOA(data)))
    }

    pub(crate) fn ns(&self, owner: &Name) -> Option<Record> {
        Some(self.record(owner, RData::NS(NS(self.name("ns.dns")?))))
    }

    pub(crate) fn version(&self, owner: &Name) -> Record {
        self.record(owner, RData::TXT(TXT::new(vec![SPEC_VERSION.into()])))
    }

    pub(crate) fn address(&self, owner: &Name, ip: IpAddr) -> Record {
        let data = match ip {
            IpAddr::V4(ip) => RData::A(ip.into()),
            IpAddr::V6(ip) => RData::AAAA(ip.into()),
        };
        self.record(owner, data)
    }
}
