//! What a probe or hook asks for, as an action.

use std::time::Duration;

use ironclad_api::goprint;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::container::expand::expand;
use crate::effect::{Action, HttpGet};

/// What a probe of a container does. An error's text is upstream's.
pub fn action(probe: &Probe, container: &Container, id: &str, pod_ip: &str) -> Result<Action, String> {
    let timeout = Duration::from_secs(probe.timeout_seconds.unwrap_or(1).max(1) as u64);
    if let Some(exec) = &probe.exec {
        let command = exec.command.iter().flatten().map(|arg| expand_static(arg, container)).collect();
        return Ok(Action::Exec { container_id: id.to_owned(), command, timeout: Some(timeout) });
    }
    if let Some(get) = &probe.http_get {
        let mut request = http(get, container, pod_ip, "probe")?;
        request.timeout = Some(timeout);
        request.same_host_only = true;
        return Ok(Action::Http(Box::new(request)));
    }
    if let Some(tcp) = &probe.tcp_socket {
        let host = tcp.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(pod_ip).to_owned();
        return Ok(Action::Tcp { host, port: port(&tcp.port, container)?, timeout });
    }
    if let Some(grpc) = &probe.grpc {
        let service = grpc.service.clone().unwrap_or_default();
        let port = u16::try_from(grpc.port).map_err(|_| invalid_port(i64::from(grpc.port)))?;
        return Ok(Action::Grpc { host: pod_ip.to_owned(), port, service, timeout });
    }
    Err(format!("missing probe handler for {}", goprint::quote(&container.name)))
}

/// The request of an HTTP probe (`purpose` "probe") or hook ("lifecycle").
pub fn http(
    get: &HTTPGetAction,
    container: &Container,
    pod_ip: &str,
    purpose: &str,
) -> Result<HttpGet, String> {
    let host = get.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(pod_ip).to_owned();
    let path = get.path.as_deref().unwrap_or_default();
    Ok(HttpGet {
        scheme: get.scheme.as_deref().filter(|s| !s.is_empty()).unwrap_or("http").to_ascii_lowercase(),
        host,
        port: port(&get.port, container)?,
        path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
        headers: headers(get, purpose),
        timeout: None,
        same_host_only: false,
    })
}

fn headers(get: &HTTPGetAction, purpose: &str) -> Vec<(String, String)> {
    let given = get.http_headers.iter().flatten();
    let mut headers: Vec<_> = given.map(|h| (h.name.clone(), h.value.clone())).collect();
    let has =
        |headers: &[(String, String)], name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    if !has(&headers, "User-Agent") {
        headers.push(("User-Agent".to_owned(), format!("kube-{purpose}/1.36")));
    }
    if !has(&headers, "Accept") {
        headers.push(("Accept".to_owned(), "*/*".to_owned()));
    }
    // Given empty, it is not sent at all.
    headers.retain(|(name, value)| !(name.eq_ignore_ascii_case("Accept") && value.is_empty()));
    headers
}

/// A port by number, by the name of one of the container's ports, or a number written as a string.
fn port(port: &IntOrString, container: &Container) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => match named_port(container, name) {
            Some(number) => number,
            None => name
                .parse()
                .map_err(|_| format!("strconv.Atoi: parsing {}: invalid syntax", goprint::quote(name)))?,
        },
    };
    match u16::try_from(number) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(invalid_port(i64::from(number))),
    }
}

fn named_port(container: &Container, name: &str) -> Option<i32> {
    let ports = container.ports.iter().flatten();
    ports.filter(|p| p.name.as_deref() == Some(name)).map(|p| p.container_port).next()
}

fn invalid_port(number: i64) -> String {
    format!("invalid port number: {number}")
}

/// Probe commands see only variables with a literal value.
fn expand_static(arg: &str, container: &Container) -> String {
    let env = container.env.as_deref().unwrap_or_default();
    expand(arg, |name| {
        let variable = env.iter().rev().find(|e| e.name == name)?;
        Some(variable.value.as_deref().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(probe: Value, expected: Result<Action, &str>) {
        let container: Container = serde_json::from_value(json!({
            "name": "web",
            "env": [{"name": "FILE", "value": "/tmp/x"}],
            "ports": [{"name": "http", "containerPort": 8080}],
        }))
        .unwrap();
        let read: Probe = serde_json::from_value(probe.clone()).unwrap();
        assert_eq!(action(&read, &container, "id", "10.0.0.1"), expected.map_err(str::to_owned), "{probe}");
    }

    fn get(url: &str) -> Result<Action, &'static str> {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, rest) = rest.split_once(':').unwrap();
        let (port, path) = rest.split_once('/').unwrap();
        Ok(Action::Http(Box::new(HttpGet {
            scheme: scheme.into(),
            host: host.into(),
            port: port.parse().unwrap(),
            path: format!("/{path}"),
            headers: vec![("User-Agent".into(), "kube-probe/1.36".into()), ("Accept".into(), "*/*".into())],
            timeout: Some(Duration::from_secs(1)),
            same_host_only: true,
        })))
    }

    #[test]
    fn a_probe_becomes_one_action_against_the_pod() {
        check(
            json!({"httpGet": {"port": 80, "path": "/healthz?x=1"}}),
            get("http://10.0.0.1:80/healthz?x=1"),
        );
        check(json!({"httpGet": {"port": "http", "scheme": "HTTPS"}}), get("https://10.0.0.1:8080/"));
        check(json!({"httpGet": {"port": "81", "host": "h", "path": "a"}}), get("http://h:81/a"));
        check(
            json!({"exec": {"command": ["cat", "$(FILE)", "$(NONE)"]}, "timeoutSeconds": 5}),
            Ok(Action::Exec {
                container_id: "id".into(),
                command: vec!["cat".into(), "/tmp/x".into(), "$(NONE)".into()],
                timeout: Some(Duration::from_secs(5)),
            }),
        );
        check(
            json!({"tcpSocket": {"port": 6379}}),
            Ok(Action::Tcp { host: "10.0.0.1".into(), port: 6379, timeout: Duration::from_secs(1) }),
        );
        check(
            json!({"grpc": {"port": 5000, "service": "s"}}),
            Ok(Action::Grpc {
                host: "10.0.0.1".into(),
                port: 5000,
                service: "s".into(),
                timeout: Duration::from_secs(1),
            }),
        );
        check(json!({"httpGet": {"port": 0}}), Err("invalid port number: 0"));
        check(json!({"tcpSocket": {"port": "nope"}}), Err("strconv.Atoi: parsing \"nope\": invalid syntax"));
    }
}
