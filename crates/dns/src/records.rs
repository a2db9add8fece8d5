//! Answers from records, by the Kubernetes DNS specification 1.1.0.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{CNAME, PTR, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::zone::ZoneConfig;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// As the client wrote it: its capitals come back in the answer.
    pub name: Name,
    pub kind: RecordType,
}

/// What the records say to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The final word.
    Own(Reply),
    /// The name stands for another, which is to be looked up in turn.
    Alias { alias: Box<Record>, target: Name },
    /// Not a name of the cluster: upstream knows.
    Elsewhere,
}

/// The contents of a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub code: ResponseCode,
    pub answers: Vec<Record>,
    pub authority: Vec<Record>,
    pub additional: Vec<Record>,
    /// There is more, for those who ask over TCP.
    pub truncated: bool,
}

/// An immutable set of records.
#[derive(Clone, Debug)]
pub struct Records {
    zone: ZoneConfig,
    zone_labels: Vec<String>,
    services: HashMap<ServiceKey, ServiceRecords>,
    /// Namespaces that have services.
    namespaces: HashSet<String>,
    /// All namespaces; `None`: not told, so that any may have pods.
    all_namespaces: Option<HashSet<String>>,
    /// Names below the domain, by address.
    by_service_ip: HashMap<IpAddr, String>,
    by_endpoint_ip: HashMap<IpAddr, Vec<String>>,
    pub(crate) synced: bool,
}

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServiceKey {
    namespace: String,
    name: String,
}

#[derive(Clone, Debug)]
pub(crate) enum ServiceRecords {
    Cluster {
        cluster_ips: Vec<IpAddr>,
        ports: Vec<Port>,
        endpoints: Vec<Endpoint>,
    },
    Headless {
        endpoints: Vec<Endpoint>,
    },
    /// ExternalName.
    External(Name),
}

#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Its hostname, or its address with dashes.
    pub(crate) hostname: String,
    pub(crate) ip: IpAddr,
    pub(crate) ports: Arc<[Port]>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Port {
    name: String,
    /// In lower case, as it stands in names.
    protocol: String,
    number: u16,
}

/// What a name below the domain means.
enum Place<'a> {
    /// Exists, and has no records of its own.
    Empty,
    Missing,
    Zone,
    NameServer,
    Version,
    Service(&'a ServiceKey, &'a ServiceRecords),
    /// `_port._protocol.service.namespace.svc`.
    Port(&'a ServiceKey, &'a ServiceRecords, (&'a str, &'a str)),
    /// All endpoints of a hostname.
    Endpoints(Vec<&'a Endpoint>),
    Pod(IpAddr),
}

impl Records {
    /// Records of a cluster that nothing is known of yet: its names are answered
    /// with SERVFAIL, so that nobody remembers that they do not exist.
    pub fn unsynced(zone: &ZoneConfig) -> Self {
        Self {
            zone: zone.clone(),
            zone_labels: zone.labels(),
            services: HashMap::new(),
            namespaces: HashSet::new(),
            all_namespaces: None,
            by_service_ip: HashMap::new(),
            by_endpoint_ip: HashMap::new(),
            synced: false,
        }
    }

    /// Tells which namespaces exist: names of pods exist only in these.
    pub fn with_namespaces(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.all_namespaces = Some(names.into_iter().collect());
        self
    }

    pub(crate) fn add(&mut self, key: ServiceKey, records: ServiceRecords) {
        let service = format!("{}.{}.svc", key.name, key.namespace);
        if let ServiceRecords::Cluster { cluster_ips, .. } = &records {
            let named = cluster_ips.iter().map(|ip| (*ip, service.clone()));
            self.by_service_ip.extend(named);
        }
        for endpoint in records.endpoints() {
            let names = self.by_endpoint_ip.entry(endpoint.ip).or_default();
            let name = format!("{}.{service}", endpoint.hostname);
            if !names.contains(&name) {
                names.push(name);
                names.sort();
            }
        }
        self.namespaces.insert(key.namespace.clone());
        self.services.insert(key, records);
    }

    /// Answers a question.
    pub fn answer(&self, question: &Question) -> Answer {
        let labels = lower_labels(&question.name);
        if let Some(relative) = labels.strip_suffix(self.zone_labels.as_slice()) {
            return match self.synced {
                true => self.answer_in_zone(question, relative),
                false => Answer::Own(Reply::error(ResponseCode::ServFail)),
            };
        }
        match is_reverse(&labels) {
            true if !self.synced => Answer::Own(Reply::error(ResponseCode::ServFail)),
            true => self.answer_reverse(question),
            false => Answer::Elsewhere,
        }
    }

    fn answer_in_zone(&self, question: &Question, relative: &[String]) -> Answer {
        let labels: Vec<&str> = relative.iter().map(String::as_str).collect();
        let name = &question.name;
        let records = match self.place(&labels) {
            Place::Missing => return Answer::Own(self.negative(ResponseCode::NXDomain)),
            Place::Service(_, ServiceRecords::External(target)) => {
                return self.alias(question, target);
            }
            Place::Empty => Vec::new(),
            Place::Zone => self.about_zone(question),
            Place::NameServer => self.addresses(question, self.zone.nameservers.iter().copied()),
            Place::Version if question.kind == RecordType::TXT => vec![self.zone.version(name)],
            Place::Version => Vec::new(),
            Place::Pod(ip) => self.addresses(question, [ip]),
            Place::Endpoints(endpoints) => {
                self.addresses(question, endpoints.iter().map(|endpoint| endpoint.ip))
            }
            Place::Service(key, service) if question.kind == RecordType::SRV => {
                return Answer::Own(self.servers(question, key, service, None));
            }
            Place::Service(_, service) => self.addresses(question, service.addresses()),
            Place::Port(key, service, port) if question.kind == RecordType::SRV => {
                return Answer::Own(self.servers(question, key, service, Some(port)));
            }
            Place::Port(..) => Vec::new(),
        };
        Answer::Own(self.positive(records, Vec::new()))
    }

    /// What the labels in front of the domain name.
    fn place<'a>(&'a self, labels: &[&'a str]) -> Place<'a> {
        match labels {
            [] => Place::Zone,
            ["dns-version"] => Place::Version,
            ["ns", "dns"] => Place::NameServer,
            ["dns" | "svc" | "pod"] => Place::Empty,
            [namespace, "svc" | "pod"] if self.has_namespace(namespace) => Place::Empty,
            [ip, namespace, "pod"] => self.pod(ip, namespace),
            [inner @ .., service, namespace, "svc"] => {
                match self.services.get_key_value(&ServiceKey::new(namespace, service)) {
                    Some((key, records)) => below_service(inner, key, records),
                    None => Place::Missing,
                }
            }
            _ => Place::Missing,
        }
    }

    fn has_namespace(&self, name: &str) -> bool {
        let told = self.all_namespaces.as_ref();
        self.namespaces.contains(name) || told.is_some_and(|all| all.contains(name))
    }

    /// `1-2-3-4.namespace.pod`: any address in any namespace that exists, as no
    /// pods are watched for this (CoreDNS's `pods insecure`, kubeadm's default).
    fn pod(&self, dashed: &str, namespace: &str) -> Place<'_> {
        let ip = dashed.replace('-', ".").parse().map(IpAddr::V4);
        let ip = ip.or_else(|_| dashed.replace('-', ":").parse().map(IpAddr::V6));
        let exists = self.all_namespaces.as_ref().is_none_or(|all| all.contains(namespace));
        match ip {
            Ok(ip) if exists => Place::Pod(ip),
            _ => Place::Missing,
        }
    }

    fn about_zone(&self, question: &Question) -> Vec<Record> {
        let record = match question.kind {
            RecordType::SOA => self.zone.soa(),
            RecordType::NS => self.zone.ns(&question.name),
            _ => None,
        };
        record.into_iter().collect()
    }

    fn alias(&self, question: &Question, target: &Name) -> Answer {
        let alias = self.zone.record(&question.name, RData::CNAME(CNAME(target.clone())));
        match question.kind {
            RecordType::CNAME => Answer::Own(self.positive(vec![alias], Vec::new())),
            _ => Answer::Alias { alias: Box::new(alias), target: target.clone() },
        }
    }

    /// Address records of the kind that is asked for, each once.
    fn addresses(&self, question: &Question, ips: impl IntoIterator<Item = IpAddr>) -> Vec<Record> {
        let wanted = |ip: &IpAddr| match question.kind {
            RecordType::A => ip.is_ipv4(),
            RecordType::AAAA => ip.is_ipv6(),
            _ => false,
        };
        let mut seen = HashSet::new();
        let ips = ips.into_iter().filter(wanted).filter(|ip| seen.insert(*ip));
        ips.map(|ip| self.zone.address(&question.name, ip)).collect()
    }

    /// SRV records of one port, or of all, with their targets' addresses.
    fn servers(
        &self,
        question: &Question,
        key: &ServiceKey,
        service: &ServiceRecords,
        port: Option<(&str, &str)>,
    ) -> Reply {
        let mut servers: Vec<(String, u16)> = Vec::new();
        let mut additional = Vec::new();
        for (host, ip, number) in service.servers(key, port) {
            let Some(target) = self.zone.name(&host) else { continue };
            let address = self.zone.address(&target, ip);
            if !additional.contains(&address) {
                additional.push(address);
            }
            if !servers.contains(&(host.clone(), number)) {
                servers.push((host, number));
            }
        }
        let weight = weight(servers.len());
        let server = |(host, port): &(String, u16)| {
            let data = SRV::new(0, weight, *port, self.zone.name(host)?);
            Some(self.zone.record(&question.name, RData::SRV(data)))
        };
        self.positive(servers.iter().filter_map(server).collect(), additional)
    }

    /// The names of an address; those that are not of the cluster are upstream's.
    fn answer_reverse(&self, question: &Question) -> Answer {
        let Some(ip) = question.name.parse_arpa_name().ok().filter(is_whole).map(|net| net.addr()) else {
            return Answer::Elsewhere;
        };
        let names = match self.by_service_ip.get(&ip) {
            Some(name) => std::slice::from_ref(name),
            None => self.by_endpoint_ip.get(&ip).map(Vec::as_slice).unwrap_or_default(),
        };
        if names.is_empty() {
            return Answer::Elsewhere;
        }
        let names = names.iter().filter(|_| question.kind == RecordType::PTR);
        let pointer = |name: &String| {
            let data = RData::PTR(PTR(self.zone.name(name)?));
            Some(self.zone.record(&question.name, data))
        };
        Answer::Own(self.positive(names.filter_map(pointer).collect(), Vec::new()))
    }

    /// Success; without records it comes with the start of authority (NODATA).
    fn positive(&self, answers: Vec<Record>, additional: Vec<Record>) -> Reply {
        match answers.is_empty() {
            true => self.negative(ResponseCode::NoError),
            false => Reply { answers, additional, ..Reply::error(ResponseCode::NoError) },
        }
    }

    fn negative(&self, code: ResponseCode) -> Reply {
        let authority = self.zone.soa().into_iter().collect();
        Reply { authority, ..Reply::error(code) }
    }
}

/// What stands in front of a service's name.
fn below_service<'a>(inner: &[&'a str], key: &'a ServiceKey, records: &'a ServiceRecords) -> Place<'a> {
    match (inner, records) {
        // The specification: NXDOMAIN for a headless service without endpoints.
        ([], ServiceRecords::Headless { endpoints }) if endpoints.is_empty() => Place::Missing,
        ([], _) => Place::Service(key, records),
        ([label], _) => match label.strip_prefix('_') {
            Some(protocol) if records.has_protocol(protocol) => Place::Empty,
            Some(_) => Place::Missing,
            None => named_endpoints(label, records),
        },
        ([port, protocol], _) => match (port.strip_prefix('_'), protocol.strip_prefix('_')) {
            (Some(port), Some(protocol)) if records.has_port(port, protocol) => {
                Place::Port(key, records, (port, protocol))
            }
            _ => Place::Missing,
        },
        _ => Place::Missing,
    }
}

fn named_endpoints<'a>(hostname: &str, records: &'a ServiceRecords) -> Place<'a> {
    let named = records.endpoints().iter().filter(|endpoint| endpoint.hostname == hostname);
    let named: Vec<&Endpoint> = named.collect();
    if named.is_empty() { Place::Missing } else { Place::Endpoints(named) }
}

/// All servers alike; CoreDNS shares 100 among them.
fn weight(servers: usize) -> u16 {
    let share = 100_usize.checked_div(servers).unwrap_or(100).max(1);
    u16::try_from(share).unwrap_or(1)
}

fn lower_labels(name: &Name) -> Vec<String> {
    name.iter().map(|label| String::from_utf8_lossy(label).to_ascii_lowercase()).collect()
}

fn is_reverse(labels: &[String]) -> bool {
    matches!(labels, [.., zone, top] if top == "arpa" && (zone == "in-addr" || zone == "ip6"))
}

fn is_whole(net: &ipnet::IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

// === impl ServiceKey, ServiceRecords, Port, Reply ===

impl ServiceKey {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl ServiceRecords {
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        match self {
            Self::Cluster { endpoints, .. } | Self::Headless { endpoints } => endpoints,
            Self::External(_) => &[],
        }
    }

    fn addresses(&self) -> Vec<IpAddr> {
        match self {
            Self::Cluster { cluster_ips, .. } => cluster_ips.clone(),
            Self::Headless { endpoints } => endpoints.iter().map(|each| each.ip).collect(),
            Self::External(_) => Vec::new(),
        }
    }

    /// The ports that names can be made of: the service's own, or its endpoints'.
    fn ports(&self) -> Box<dyn Iterator<Item = &Port> + '_> {
        match self {
            Self::Cluster { ports, .. } => Box::new(ports.iter()),
            Self::Headless { endpoints } => {
                Box::new(endpoints.iter().flat_map(|endpoint| endpoint.ports.iter()))
            }
            Self::External(_) => Box::new(std::iter::empty()),
        }
    }

    fn has_port(&self, name: &str, protocol: &str) -> bool {
        !name.is_empty() && self.ports().any(|port| port.is(name, protocol))
    }

    fn has_protocol(&self, protocol: &str) -> bool {
        self.ports().any(|port| port.protocol == protocol && !port.name.is_empty())
    }

    /// Who serves a port, or any port: a name below the domain, its address, and
    /// the port's number.
    fn servers(&self, key: &ServiceKey, wanted: Option<(&str, &str)>) -> Vec<(String, IpAddr, u16)> {
        let service = format!("{}.{}.svc", key.name, key.namespace);
        let is_wanted = |port: &&Port| wanted.is_none_or(|(name, protocol)| port.is(name, protocol));
        let mut servers = Vec::new();
        match self {
            Self::Cluster { cluster_ips, ports, .. } => {
                for port in ports.iter().filter(is_wanted) {
                    let each = |ip: &IpAddr| (service.clone(), *ip, port.number);
                    servers.extend(cluster_ips.iter().map(each));
                }
            }
            Self::Headless { endpoints } => {
                for endpoint in endpoints {
                    let host = format!("{}.{service}", endpoint.hostname);
                    let ports = endpoint.ports.iter().filter(is_wanted);
                    servers.extend(ports.map(|port| (host.clone(), endpoint.ip, port.number)));
                }
            }
            Self::External(_) => {}
        }
        servers
    }
}

impl Port {
    /// `None` without a number.
    pub(crate) fn new(name: Option<&str>, protocol: Option<&str>, number: Option<i32>) -> Option<Self> {
        Some(Self {
            name: name.unwrap_or_default().to_ascii_lowercase(),
            protocol: protocol.unwrap_or("TCP").to_ascii_lowercase(),
            number: number.and_then(|number| u16::try_from(number).ok())?,
        })
    }

    fn is(&self, name: &str, protocol: &str) -> bool {
        self.name == name && self.protocol == protocol
    }
}

impl Reply {
    /// A reply that is nothing but its code.
    pub(crate) fn error(code: ResponseCode) -> Self {
        let (answers, authority, additional) = (Vec::new(), Vec::new(), Vec::new());
        Self { code, answers, authority, additional, truncated: false }
    }
}
