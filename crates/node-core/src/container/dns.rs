//! What a pod's `/etc/resolv.conf` says (`spec.dnsPolicy`, `spec.dnsConfig`).

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Pod, PodDNSConfigOption};

use crate::settings::NodeSettings;
use crate::spec;

/// glibc reads no more of each, and aborts on longer names.
const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_LINE: usize = 2048;
const MAX_SEARCH: usize = 253;

/// The contents of a resolv.conf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    pub nameservers: Vec<String>,
    pub searches: Vec<String>,
    pub options: Vec<String>,
}

impl ResolvConf {
    /// Reads a resolv.conf: nameservers accumulate, the last search line counts, options are merged.
    pub fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => conf.nameservers.extend(words.next().map(str::to_owned)),
                Some("search") => {
                    let names = words.filter(|w| *w != ".");
                    conf.searches = names.map(|w| w.strip_suffix('.').unwrap_or(w).to_owned()).collect();
                }
                Some("options") => words.for_each(|word| conf.set_option(word)),
                _ => {}
            }
        }
        conf
    }

    /// An option replaces an earlier one of the same name.
    fn set_option(&mut self, option: &str) {
        let name = |option: &str| option.split(':').next().map(str::to_owned);
        match self.options.iter_mut().find(|old| name(old) == name(option)) {
            Some(old) => *old = option.to_owned(),
            None => self.options.push(option.to_owned()),
        }
    }
}

/// The pod's resolv.conf.
pub fn of_pod(settings: &NodeSettings, pod: &Pod) -> ResolvConf {
    let spec = spec::of(pod);
    let host_network = spec::host_network(&spec);
    let mut conf = match spec.dns_policy.as_deref().unwrap_or("ClusterFirst") {
        "None" => ResolvConf::default(),
        "Default" => settings.host_resolv.clone(),
        "ClusterFirst" if host_network => settings.host_resolv.clone(),
        _ if settings.cluster_dns.is_empty() => settings.host_resolv.clone(),
        _ => cluster(settings, spec::namespace(pod)),
    };
    if let Some(own) = &spec.dns_config {
        conf.nameservers.extend(own.nameservers.iter().flatten().cloned());
        conf.searches.extend(own.searches.iter().flatten().cloned());
        own.options.iter().flatten().for_each(|option| conf.set_option(&text(option)));
    }
    within_limits(conf)
}

fn cluster(settings: &NodeSettings, namespace: &str) -> ResolvConf {
    let domain = &settings.cluster_domain;
    let own = match domain.is_empty() {
        true => Vec::new(),
        false => vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()],
    };
    ResolvConf {
        nameservers: settings.cluster_dns.iter().map(IpAddr::to_string).collect(),
        searches: own.into_iter().chain(settings.host_resolv.searches.iter().cloned()).collect(),
        options: vec!["ndots:5".to_owned()],
    }
}

fn text(option: &PodDNSConfigOption) -> String {
    let name = option.name.as_deref().unwrap_or_default();
    match option.value.as_deref().filter(|value| !value.is_empty()) {
        Some(value) => format!("{name}:{value}"),
        None => name.to_owned(),
    }
}

fn within_limits(mut conf: ResolvConf) -> ResolvConf {
    conf.nameservers = without_repeats(conf.nameservers);
    conf.nameservers.truncate(MAX_NAMESERVERS);
    conf.searches = without_repeats(conf.searches);
    conf.searches.truncate(MAX_SEARCHES);
    conf.searches.retain(|search| search.len() <= MAX_SEARCH);
    while conf.searches.iter().map(|s| s.len() + 1).sum::<usize>() > MAX_SEARCH_LINE + 1 {
        conf.searches.pop();
    }
    conf
}

fn without_repeats(list: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(list.len());
    for item in list {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::tests::world::settings;
    use serde_json::{Value, json};

    fn conf(nameservers: &[&str], searches: &[&str], options: &[&str]) -> ResolvConf {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        ResolvConf { nameservers: own(nameservers), searches: own(searches), options: own(options) }
    }

    fn check(spec: Value, expected: ResolvConf) {
        let mut settings = settings();
        settings.host_resolv = conf(&["1.1.1.1"], &["example.com"], &["timeout:1"]);
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"namespace": "ns"}, "spec": spec})).unwrap();
        assert_eq!(of_pod(&settings, &pod), expected, "{spec}");
    }

    const CLUSTER: [&str; 4] = ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com"];

    #[test]
    fn the_policy_picks_the_base() {
        let cluster = || conf(&["10.96.0.10"], &CLUSTER, &["ndots:5"]);
        let host = || conf(&["1.1.1.1"], &["example.com"], &["timeout:1"]);
        check(json!({"containers": []}), cluster());
        check(json!({"containers": [], "dnsPolicy": "ClusterFirst", "hostNetwork": true}), host());
        check(
            json!({"containers": [], "dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": true}),
            cluster(),
        );
        check(json!({"containers": [], "dnsPolicy": "Default"}), host());
        check(json!({"containers": [], "dnsPolicy": "None"}), conf(&[], &[], &[]));
    }

    #[test]
    fn the_pods_own_config_is_added() {
        let config = json!({
            "nameservers": ["10.96.0.10", "8.8.8.8"],
            "searches": ["svc.cluster.local", "a.b"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
        });
        check(
            json!({"containers": [], "dnsConfig": config}),
            conf(&["10.96.0.10", "8.8.8.8"], &[&CLUSTER[..], &["a.b"]].concat(), &["ndots:2", "edns0"]),
        );
        check(
            json!({"containers": [], "dnsPolicy": "None", "dnsConfig": config}),
            conf(&["10.96.0.10", "8.8.8.8"], &["svc.cluster.local", "a.b"], &["ndots:2", "edns0"]),
        );
        let many = json!({"nameservers": ["1.0.0.1", "1.0.0.2", "1.0.0.3", "1.0.0.4"]});
        check(
            json!({"containers": [], "dnsPolicy": "None", "dnsConfig": many}),
            conf(&["1.0.0.1", "1.0.0.2", "1.0.0.3"], &[], &[]),
        );
    }

    #[test]
    fn a_resolv_conf_is_read_as_the_resolver_reads_it() {
        let text = "# c\nnameserver 1.1.1.1\nsearch old\nnameserver 2.2.2.2\nsearch a.com. . b.com\noptions ndots:1 rotate\noptions ndots:3\n";
        assert_eq!(
            ResolvConf::parse(text),
            conf(&["1.1.1.1", "2.2.2.2"], &["a.com", "b.com"], &["ndots:3", "rotate"])
        );
    }
}
