//! Where a service leads: to one of its ready endpoints.

use ironclad_api::goprint::quote;
use ironclad_api::status::Status;
use ironclad_api::{GroupResource, Object, ObjectKey};
use ironclad_client::Cache;
use ironclad_env::{Environment, EnvironmentExt};
use serde_json::Value;

use super::core_object;
use super::location::{Id, Location, Peer, is_global_unicast};

const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// The service itself (`services/NAME:PORT/proxy`); the port is a number or a name.
pub fn proxy(
    cache: &dyn Cache,
    env: &dyn Environment,
    namespace: &str,
    id: &str,
) -> Result<Location, Status> {
    let invalid = || Status::bad_request(format!("invalid service request {}", quote(id)));
    let parsed = Id::parse(id).ok_or_else(invalid)?;
    let key = ObjectKey::new(namespace, parsed.name);
    let port = match parsed.port.parse::<i64>() {
        Ok(number) => port_name(&core_object(cache, "services", &key)?, number)?,
        Err(_) => parsed.port.to_owned(),
    };
    let slices = slices(cache, namespace, parsed.name);
    if slices.is_empty() {
        // Upstream looks for the Endpoints, which are there as soon as the service is.
        let missing = |_| Status::not_found(&GroupResource::new("", "endpoints"), parsed.name);
        core_object(cache, "services", &key).map_err(missing)?;
        let message = format!("no endpoints available for service {}", quote(parsed.name));
        return Err(Status::service_unavailable(message));
    }
    let targets: Vec<(String, u16)> =
        slices.iter().flat_map(|slice| targets(cache, slice, namespace, &port)).collect();
    let choice = usize::try_from(env.random_u64() % targets.len().max(1) as u64).unwrap_or(0);
    let Some((host, port)) = targets.into_iter().nth(choice) else {
        return Err(Status::service_unavailable(format!("no endpoints available for service {}", quote(id))));
    };
    Ok(Location { peer: Peer::Foreign, tls: parsed.https, host, port, path: String::new() })
}

/// The name of the port that a number stands for.
fn port_name(service: &Object, number: i64) -> Result<String, Status> {
    let ports = service.at(&["spec", "ports"]).and_then(Value::as_array);
    let found =
        ports.into_iter().flatten().find(|port| port.get("port").and_then(Value::as_i64) == Some(number));
    let found = found.ok_or_else(|| {
        let name = quote(service.name());
        Status::service_unavailable(format!("no service port {number} found for service {name}"))
    })?;
    Ok(found.get("name").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn slices(cache: &dyn Cache, namespace: &str, service: &str) -> Vec<Object> {
    let all = cache.list(&GroupResource::new("discovery.k8s.io", "endpointslices"), Some(namespace));
    let of_service = |labels: &std::collections::BTreeMap<String, String>| {
        labels.get(SERVICE_LABEL).is_some_and(|name| name == service)
    };
    all.iter().filter(|slice| of_service(&slice.labels)).map(|slice| slice.object()).collect()
}

/// The addresses of a slice's ready pods, with the number of the port that is called `port`.
fn targets(cache: &dyn Cache, slice: &Object, namespace: &str, port: &str) -> Vec<(String, u16)> {
    let ports = slice.at(&["ports"]).and_then(Value::as_array);
    let called =
        |candidate: &&Value| candidate.get("name").and_then(Value::as_str).unwrap_or_default() == port;
    let number = ports.into_iter().flatten().find(called).and_then(|port| port.get("port")?.as_u64());
    let Some(number) = number.and_then(|number| u16::try_from(number).ok()) else { return Vec::new() };
    let endpoints = slice.at(&["endpoints"]).and_then(Value::as_array);
    let ready =
        |endpoint: &&Value| endpoint.pointer("/conditions/ready").and_then(Value::as_bool) != Some(false);
    let ready = endpoints.into_iter().flatten().filter(ready);
    let address = |endpoint: &Value| {
        let address = endpoint.pointer("/addresses/0")?.as_str()?;
        is_own_pod(cache, endpoint, namespace, address).then(|| (address.to_owned(), number))
    };
    ready.filter_map(address).collect()
}

/// Anybody who may write slices could name any address: only those of pods are believed.
fn is_own_pod(cache: &dyn Cache, endpoint: &Value, namespace: &str, address: &str) -> bool {
    let reference = |field: &str| endpoint.pointer(&format!("/targetRef/{field}")).and_then(Value::as_str);
    let Some(name) = reference("name").filter(|_| reference("kind") == Some("Pod")) else { return false };
    if reference("namespace").is_some_and(|other| other != namespace) {
        return false;
    }
    let Ok(pod) = core_object(cache, "pods", &ObjectKey::new(namespace, name)) else { return false };
    let ips = pod.at(&["status", "podIPs"]).and_then(Value::as_array);
    let owns = ips.into_iter().flatten().any(|ip| ip.get("ip").and_then(Value::as_str) == Some(address));
    owns && address.parse().is_ok_and(|ip| is_global_unicast(&ip))
}
