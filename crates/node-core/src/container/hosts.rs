//! The names of a pod: its hostname and its `/etc/hosts`.

use ironclad_api::goprint;
use ironclad_api::validation::{dns1123_label, dns1123_subdomain};
use k8s_openapi::api::core::v1::{HostAlias, Pod};

use crate::settings::NodeSettings;
use crate::spec;

/// What the kernel takes: 64 bytes with the final zero.
const MAX_HOSTNAME: usize = 63;
const MAX_FQDN: usize = 64;

/// The pod's hostname and its domain, which is empty without `spec.subdomain`. Errors are upstream's.
pub fn names(settings: &NodeSettings, pod: &Pod) -> Result<(String, String), String> {
    let spec = spec::of(pod);
    if let Some(hostname) = &spec.hostname_override {
        valid(dns1123_subdomain(hostname), "HostnameOverride", hostname, "subdomain")?;
        return Ok((truncated(hostname), String::new()));
    }
    let stated = spec.hostname.as_deref().filter(|hostname| !hostname.is_empty());
    if let Some(hostname) = stated {
        valid(dns1123_label(hostname), "Hostname", hostname, "label")?;
    }
    let hostname = truncated(stated.unwrap_or_else(|| spec::name(pod)));
    let Some(subdomain) = spec.subdomain.as_deref().filter(|s| !s.is_empty()) else {
        return Ok((hostname, String::new()));
    };
    valid(dns1123_label(subdomain), "Subdomain", subdomain, "label")?;
    let domain = format!("{subdomain}.{}.svc.{}", spec::namespace(pod), settings.cluster_domain);
    Ok((hostname, domain))
}

fn valid<S: AsRef<str>>(faults: Vec<S>, field: &str, value: &str, kind: &str) -> Result<(), String> {
    if faults.is_empty() {
        return Ok(());
    }
    let faults: Vec<&str> = faults.iter().map(AsRef::as_ref).collect();
    let value = goprint::quote(value);
    Err(format!("pod {field} {value} is not a valid DNS {kind}: {}", faults.join(";")))
}

fn truncated(hostname: &str) -> String {
    let end = hostname.floor_char_boundary(MAX_HOSTNAME);
    if end == hostname.len() {
        return hostname.to_owned();
    }
    hostname.get(..end).unwrap_or_default().trim_end_matches(['-', '.']).to_owned()
}

/// What `hostname` prints in the pod: the short name, or the full one if the spec says so.
pub fn kernel_hostname(settings: &NodeSettings, pod: &Pod) -> Result<String, String> {
    let (hostname, domain) = names(settings, pod)?;
    if domain.is_empty() || !spec::of(pod).set_hostname_as_fqdn.unwrap_or(false) {
        return Ok(hostname);
    }
    let fqdn = format!("{hostname}.{domain}");
    if fqdn.len() > MAX_FQDN {
        return Err(format!(
            "failed to construct FQDN from pod hostname and cluster domain, FQDN {fqdn} is too long \
             ({MAX_FQDN} characters is the max, {} characters requested)",
            fqdn.len()
        ));
    }
    Ok(fqdn)
}

/// The `/etc/hosts` that containers of the pod are given.
pub fn file(settings: &NodeSettings, pod: &Pod, pod_ips: &[String]) -> Result<String, String> {
    let spec = spec::of(pod);
    let mut text = match spec::host_network(&spec) {
        true => format!("# Kubernetes-managed hosts file (host network).\n{}", settings.host_hosts),
        false => managed(settings, pod, pod_ips)?,
    };
    let aliases = spec.host_aliases.as_deref().unwrap_or_default();
    if !aliases.is_empty() {
        text.push_str("\n# Entries added by HostAliases.\n");
        aliases.iter().for_each(|alias| text.push_str(&line(alias)));
    }
    Ok(text)
}

fn managed(settings: &NodeSettings, pod: &Pod, pod_ips: &[String]) -> Result<String, String> {
    let (hostname, domain) = names(settings, pod)?;
    let mut text = "# Kubernetes-managed hosts file.\n\
                    127.0.0.1\tlocalhost\n\
                    ::1\tlocalhost ip6-localhost ip6-loopback\n\
                    fe00::0\tip6-localnet\n\
                    fe00::0\tip6-mcastprefix\n\
                    fe00::1\tip6-allnodes\n\
                    fe00::2\tip6-allrouters\n"
        .to_owned();
    for ip in pod_ips {
        text.push_str(&match domain.is_empty() {
            true => format!("{ip}\t{hostname}\n"),
            false => format!("{ip}\t{hostname}.{domain}\t{hostname}\n"),
        });
    }
    Ok(text)
}

fn line(alias: &HostAlias) -> String {
    format!("{}\t{}\n", alias.ip, alias.hostnames.as_deref().unwrap_or_default().join("\t"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::tests::world::settings;
    use serde_json::{Value, json};

    fn pod(name: &str, spec: Value) -> Pod {
        let mut spec = spec;
        spec["containers"] = json!([]);
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "ns"}, "spec": spec})).unwrap()
    }

    #[test]
    fn hostnames_come_from_the_spec_or_the_pods_name() {
        let check = |name: &str, spec: Value, expected: Result<&str, &str>| {
            let found = kernel_hostname(&settings(), &pod(name, spec.clone()));
            match expected {
                Ok(hostname) => assert_eq!(found.as_deref(), Ok(hostname), "{spec}"),
                Err(part) => {
                    assert!(found.as_ref().is_err_and(|why| why.contains(part)), "{spec}: {found:?}")
                }
            }
        };
        let long = "a".repeat(70);
        check("web", json!({}), Ok("web"));
        check(&long, json!({}), Ok(&long[..63]));
        check(&format!("{}-bcd", "a".repeat(62)), json!({}), Ok(&long[..62]));
        check("web", json!({"hostname": "h"}), Ok("h"));
        check("web", json!({"hostname": "h", "subdomain": "s"}), Ok("h"));
        check(
            "web",
            json!({"hostname": "h", "subdomain": "s", "setHostnameAsFQDN": true}),
            Ok("h.s.ns.svc.cluster.local"),
        );
        check("web", json!({"hostnameOverride": "a.example.com"}), Ok("a.example.com"));
        check("web", json!({"hostname": "No"}), Err("pod Hostname \"No\" is not a valid DNS label: "));
        check(
            &long,
            json!({"subdomain": "s", "setHostnameAsFQDN": true}),
            Err("is too long (64 characters is the max, 86 characters requested)"),
        );
    }

    #[test]
    fn the_hosts_file_names_the_pod_and_its_aliases() {
        let spec = json!({"subdomain": "s", "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a", "b"]}]});
        let text = file(&settings(), &pod("web", spec), &["10.0.0.1".to_owned()]).unwrap();
        assert!(text.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
        assert!(text.ends_with(
            "10.0.0.1\tweb.s.ns.svc.cluster.local\tweb\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"
        ));
        let mut node = settings();
        node.host_hosts = "127.0.0.1 me\n".to_owned();
        let text = file(&node, &pod("web", json!({"hostNetwork": true})), &[]).unwrap();
        assert_eq!(text, "# Kubernetes-managed hosts file (host network).\n127.0.0.1 me\n");
    }
}
