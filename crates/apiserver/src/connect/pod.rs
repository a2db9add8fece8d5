//! Where the streams of a pod lead.

use ironclad_api::goprint::quote;
use ironclad_api::params::{LogOptions, PortForwardOptions, StreamOptions};
use ironclad_api::status::Status;
use ironclad_api::{Object, ObjectKey, time};
use ironclad_client::Cache;
use serde_json::Value;

use super::location::{Id, Location, Peer, is_global_unicast};
use super::{core_object, node};
use crate::reply::{self, Reply};
use crate::url;

pub fn get(cache: &dyn Cache, namespace: &str, name: &str) -> Result<Object, Status> {
    core_object(cache, "pods", &ObjectKey::new(namespace, name))
}

/// The log of a container; `None` while the pod has no node.
pub fn log(cache: &dyn Cache, pod: &Object, options: &LogOptions) -> Result<Option<Location>, Status> {
    let container = container(pod, &options.container)?;
    let node = pod.str_at(&["spec", "nodeName"]);
    if node.is_empty() {
        return Ok(None);
    }
    let mut query: Vec<(&str, String)> = Vec::new();
    let flags =
        [("follow", options.follow), ("previous", options.previous), ("timestamps", options.timestamps)];
    query.extend(flags.iter().filter(|(_, set)| *set).map(|(name, _)| (*name, "true".to_owned())));
    query.extend(options.since_seconds.map(|seconds| ("sinceSeconds", seconds.to_string())));
    query.extend(options.since_time.map(|since| ("sinceTime", time::format(since))));
    query.extend(options.tail_lines.map(|lines| ("tailLines", lines.to_string())));
    query.extend(options.limit_bytes.map(|bytes| ("limitBytes", bytes.to_string())));
    let path = format!("/containerLogs/{}/{}/{container}{}", pod.namespace(), pod.name(), url::query(&query));
    node::agent(cache, node, path).map(Some)
}

/// The log of a pod that runs nowhere yet: nothing.
pub fn no_log() -> Reply {
    let mut reply = reply::with_body(204, "text/plain", reply::empty());
    reply.headers_mut().clear();
    reply
}

/// `exec` and `attach`.
pub fn stream(
    cache: &dyn Cache,
    pod: &Object,
    options: &StreamOptions,
    kind: &str,
) -> Result<Location, Status> {
    let container = container(pod, &options.container)?;
    let flags = [
        ("input", options.stdin),
        ("output", options.stdout),
        ("error", options.stderr),
        ("tty", options.tty),
    ];
    let flags = flags.iter().filter(|(_, set)| *set).map(|(name, _)| (*name, "1".to_owned()));
    let command = options.command.iter().map(|word| ("command", word.clone()));
    let query: Vec<_> = flags.chain(command).collect();
    let path = format!("/{kind}/{}/{}/{container}{}", pod.namespace(), pod.name(), url::query(&query));
    node::agent(cache, node_of(pod)?, path)
}

pub fn port_forward(
    cache: &dyn Cache,
    pod: &Object,
    options: &PortForwardOptions,
) -> Result<Location, Status> {
    let ports: Vec<String> = options.ports.iter().map(u16::to_string).collect();
    let query = if ports.is_empty() { Vec::new() } else { vec![("port", ports.join(","))] };
    let path = format!("/portForward/{}/{}{}", pod.namespace(), pod.name(), url::query(&query));
    node::agent(cache, node_of(pod)?, path)
}

fn node_of(pod: &Object) -> Result<&str, Status> {
    match pod.str_at(&["spec", "nodeName"]) {
        "" => Err(Status::bad_request(format!("pod {} does not have a host assigned", pod.name()))),
        node => Ok(node),
    }
}

/// The container that is meant: the one named, or the only one there is.
fn container<'a>(pod: &'a Object, wanted: &'a str) -> Result<&'a str, Status> {
    let names = |field: &'static str| {
        let list = pod.at(&["spec", field]).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|container| container.get("name").and_then(Value::as_str))
    };
    let all = || names("initContainers").chain(names("containers")).chain(names("ephemeralContainers"));
    if !wanted.is_empty() {
        return match all().any(|name| name == wanted) {
            true => Ok(wanted),
            false => {
                let message = format!("container {wanted} is not valid for pod {}", pod.name());
                Err(Status::bad_request(message))
            }
        };
    }
    let regular: Vec<&str> = names("containers").collect();
    let must = format!("a container name must be specified for pod {}", pod.name());
    match regular.as_slice() {
        [only] => Ok(only),
        [] => Err(Status::bad_request(must)),
        _ => {
            let choices: Vec<&str> = all().collect();
            Err(Status::bad_request(format!("{must}, choose one of: [{}]", choices.join(" "))))
        }
    }
}

/// The pod itself (`pods/NAME:PORT/proxy`).
pub fn proxy(cache: &dyn Cache, namespace: &str, id: &str) -> Result<Location, Status> {
    let bad = || Status::bad_request(format!("invalid pod request {}", quote(id)));
    let id = Id::parse(id).ok_or_else(bad)?;
    let pod = get(cache, namespace, id.name)?;
    let ip = pod.str_at(&["status", "podIP"]);
    if !ip.parse().is_ok_and(|ip| is_global_unicast(&ip)) {
        return Err(Status::bad_request("address not allowed"));
    }
    let default = if id.https { 443 } else { 80 };
    let port = match id.port {
        "" => first_port(&pod).unwrap_or(default),
        port => port.parse().map_err(|_| bad())?,
    };
    Ok(Location { peer: Peer::Foreign, tls: id.https, host: ip.to_owned(), port, path: String::new() })
}

fn first_port(pod: &Object) -> Option<u16> {
    let containers = pod.at(&["spec", "containers"]).and_then(Value::as_array)?;
    let port = |container: &Value| container.pointer("/ports/0/containerPort")?.as_u64();
    containers.iter().find_map(port).and_then(|port| u16::try_from(port).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: Value) -> Object {
        Object::from_value(json!({"metadata": {"name": "web", "namespace": "x"}, "spec": spec}))
            .expect("a pod")
    }

    #[test]
    fn the_container_is_found_or_asked_for() {
        let check = |spec: Value, wanted: &str, want: Result<&str, &str>| {
            let pod = pod(spec);
            let got = container(&pod, wanted).map_err(|status| status.message);
            assert_eq!(got, want.map_err(str::to_owned), "{wanted}");
        };
        let one = || json!({"containers": [{"name": "a"}], "initContainers": [{"name": "i"}]});
        let two = || json!({"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}]});
        check(one(), "", Ok("a"));
        check(one(), "i", Ok("i"));
        check(two(), "b", Ok("b"));
        check(one(), "z", Err("container z is not valid for pod web"));
        check(two(), "", Err("a container name must be specified for pod web, choose one of: [i a b]"));
        check(json!({}), "", Err("a container name must be specified for pod web"));
    }
}
