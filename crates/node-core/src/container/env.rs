//! The environment of a container, from everywhere it can come from.

use std::collections::BTreeMap;

use ironclad_api::goprint;
use k8s_openapi::api::core::v1::{
    ConfigMapKeySelector, Container, EnvFromSource, EnvVarSource, FileKeySelector, Pod, SecretKeySelector,
};

use super::env_file;
use super::expand::expand;
use super::service_env;
use crate::downward::{self, Addresses};
use crate::settings::Allocatable;
use crate::sources::Sources;
use crate::spec;

/// What the environment is made from.
pub struct EnvInput<'a> {
    pub pod: &'a Pod,
    pub container: &'a Container,
    pub sources: &'a Sources,
    pub addresses: &'a Addresses,
    pub node: &'a Allocatable,
}

/// The variables, by name. `envFrom` comes first, `env` overrides it, and services fill in what neither has.
/// Values may refer to variables before them. Errors are upstream's.
pub fn environment(input: &EnvInput<'_>) -> Result<BTreeMap<String, String>, String> {
    let links = spec::of(input.pod).enable_service_links.unwrap_or(true);
    let services = service_env::variables(&input.sources.services, spec::namespace(input.pod), links);
    let mut env = BTreeMap::new();
    for from in input.container.env_from.iter().flatten() {
        add_all(&mut env, from, input.sources)?;
    }
    for variable in input.container.env.iter().flatten() {
        let literal = variable.value.as_deref().unwrap_or_default();
        let value = match (literal, &variable.value_from) {
            ("", Some(from)) => resolve(input, from)?,
            _ => {
                Some(expand(literal, |name| env.get(name).or_else(|| services.get(name)).map(String::as_str)))
            }
        };
        if let Some(value) = value {
            env.insert(variable.name.clone(), value);
        }
    }
    for (name, value) in services {
        env.entry(name).or_insert(value);
    }
    Ok(env)
}

/// Every key of a ConfigMap or Secret, with a prefix.
fn add_all(
    env: &mut BTreeMap<String, String>,
    from: &EnvFromSource,
    sources: &Sources,
) -> Result<(), String> {
    let prefix = from.prefix.as_deref().unwrap_or_default();
    if let Some(source) = &from.config_map_ref {
        let found = sources.config_map(&source.name, source.optional.unwrap_or(false))?;
        for (key, value) in found.and_then(|map| map.data.as_ref()).into_iter().flatten() {
            env.insert(format!("{prefix}{key}"), value.clone());
        }
    } else if let Some(source) = &from.secret_ref {
        let found = sources.secret(&source.name, source.optional.unwrap_or(false))?;
        for (key, value) in found.and_then(|secret| secret.data.as_ref()).into_iter().flatten() {
            env.insert(format!("{prefix}{key}"), String::from_utf8_lossy(&value.0).into_owned());
        }
    }
    Ok(())
}

/// The value of a variable that comes from elsewhere; `None` if it may be absent and is.
fn resolve(input: &EnvInput<'_>, from: &EnvVarSource) -> Result<Option<String>, String> {
    let pod_spec = spec::of(input.pod);
    if let Some(field) = &from.field_ref {
        downward::field(input.pod, &field.field_path, input.addresses).map(Some)
    } else if let Some(selector) = &from.resource_field_ref {
        downward::amount(&pod_spec, Some(input.container), selector, input.node).map(Some)
    } else if let Some(key) = &from.config_map_key_ref {
        config_map_key(input, key)
    } else if let Some(key) = &from.secret_key_ref {
        secret_key(input, key)
    } else if let Some(key) = &from.file_key_ref {
        file_key(input.sources, key)
    } else {
        Ok(Some(String::new()))
    }
}

fn config_map_key(input: &EnvInput<'_>, key: &ConfigMapKeySelector) -> Result<Option<String>, String> {
    let optional = key.optional.unwrap_or(false);
    let Some(map) = input.sources.config_map(&key.name, optional)? else { return Ok(None) };
    match map.data.as_ref().and_then(|data| data.get(&key.key)) {
        Some(value) => Ok(Some(value.clone())),
        None if optional => Ok(None),
        None => Err(missing_key(&key.key, "ConfigMap", input.pod, &key.name)),
    }
}

fn secret_key(input: &EnvInput<'_>, key: &SecretKeySelector) -> Result<Option<String>, String> {
    let optional = key.optional.unwrap_or(false);
    let Some(secret) = input.sources.secret(&key.name, optional)? else { return Ok(None) };
    match secret.data.as_ref().and_then(|data| data.get(&key.key)) {
        Some(value) => Ok(Some(String::from_utf8_lossy(&value.0).into_owned())),
        None if optional => Ok(None),
        None => Err(missing_key(&key.key, "Secret", input.pod, &key.name)),
    }
}

fn missing_key(key: &str, kind: &str, pod: &Pod, name: &str) -> String {
    format!("couldn't find key {key} in {kind} {}/{name}", spec::namespace(pod))
}

fn file_key(sources: &Sources, key: &FileKeySelector) -> Result<Option<String>, String> {
    let place = (key.volume_name.clone(), key.path.clone());
    let file = match sources.env_files.get(&place) {
        Some(Ok(file)) => file,
        Some(Err(_)) => return Err("couldn't parse env file".to_owned()),
        None => {
            let volume = goprint::quote(&key.volume_name);
            return Err(format!("cannot find the volume {volume} referenced by FileKeyRef"));
        }
    };
    let text = String::from_utf8_lossy(file);
    let value = env_file::value(&text, &key.key).map_err(|_| "couldn't parse env file".to_owned())?;
    match value.filter(|value| !value.is_empty()) {
        Some(value) => Ok(Some(value)),
        None if key.optional.unwrap_or(false) => Ok(None),
        None => Err(format!(
            "environment variable key {} not found in file {}",
            goprint::quote(&key.key),
            goprint::quote(&key.path)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Lookup;
    use serde_json::{Value, json};

    fn sources() -> Sources {
        let map = json!({"data": {"A": "cm-a", "B": "cm-b"}});
        let secret = json!({"data": {"P": "c2VjcmV0"}});
        Sources {
            config_maps: [
                ("cm".to_owned(), Lookup::Found(serde_json::from_value(map).unwrap())),
                ("none".to_owned(), Lookup::Absent("configmap \"none\" not found".into())),
            ]
            .into(),
            secrets: [
                ("s".to_owned(), Lookup::Found(serde_json::from_value(secret).unwrap())),
                ("none".to_owned(), Lookup::Absent("secret \"none\" not found".into())),
            ]
            .into(),
            env_files: [(("v".to_owned(), "f".to_owned()), Ok(b"K='v'\n".to_vec()))].into(),
            ..Default::default()
        }
    }

    fn check(container: Value, expected: Result<&[(&str, &str)], &str>) {
        let mut full = container.clone();
        full["name"] = json!("a");
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "ns"},
            "spec": {"containers": [full]},
        }))
        .unwrap();
        let spec = spec::of(&pod);
        let found = environment(&EnvInput {
            pod: &pod,
            container: &spec.containers[0],
            sources: &sources(),
            addresses: &Addresses::default(),
            node: &Allocatable { cpu_milli: 2000, ..Default::default() },
        });
        let expected = expected.map_err(str::to_owned).map(|list| {
            list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
        });
        assert_eq!(found, expected, "{container}");
    }

    #[test]
    fn values_come_from_literals_references_and_objects() {
        check(
            json!({"env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "$(X)-$(NONE)-$$(X)"}]}),
            Ok(&[("X", "1"), ("Y", "1-$(NONE)-$(X)")]),
        );
        check(
            json!({"env": [{"name": "Y", "value": "$(X)"}, {"name": "X", "value": "1"}]}),
            Ok(&[("X", "1"), ("Y", "$(X)")]),
        );
        check(json!({"env": [{"name": "X"}]}), Ok(&[("X", "")]));
        check(
            json!({"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "A"}}},
                           {"name": "Y", "valueFrom": {"secretKeyRef": {"name": "s", "key": "P"}}},
                           {"name": "Z", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                           {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]}),
            Ok(&[("C", "2"), ("X", "cm-a"), ("Y", "secret"), ("Z", "web")]),
        );
        check(
            json!({"env": [{"name": "X", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "f", "key": "K"}}}]}),
            Ok(&[("X", "v")]),
        );
    }

    #[test]
    fn env_from_takes_all_keys_and_env_overrides_them() {
        check(
            json!({"envFrom": [{"configMapRef": {"name": "cm"}}, {"prefix": "S_", "secretRef": {"name": "s"}}],
                   "env": [{"name": "A", "value": "own"}, {"name": "Y", "value": "$(B)"}]}),
            Ok(&[("A", "own"), ("B", "cm-b"), ("S_P", "secret"), ("Y", "cm-b")]),
        );
    }

    #[test]
    fn what_is_missing_is_an_error_unless_it_is_optional() {
        let key = |source: &str, name: &str, key: &str, optional: bool| {
            let selector = json!({"name": name, "key": key, "optional": optional});
            json!({"env": [{"name": "X", "valueFrom": {source: selector}}]})
        };
        check(key("configMapKeyRef", "none", "A", false), Err("configmap \"none\" not found"));
        check(key("configMapKeyRef", "none", "A", true), Ok(&[]));
        check(key("configMapKeyRef", "cm", "Z", false), Err("couldn't find key Z in ConfigMap ns/cm"));
        check(key("configMapKeyRef", "cm", "Z", true), Ok(&[]));
        check(key("secretKeyRef", "none", "A", false), Err("secret \"none\" not found"));
        check(key("secretKeyRef", "s", "Z", false), Err("couldn't find key Z in Secret ns/s"));
        check(json!({"envFrom": [{"secretRef": {"name": "none"}}]}), Err("secret \"none\" not found"));
        check(json!({"envFrom": [{"secretRef": {"name": "none", "optional": true}}]}), Ok(&[]));
    }
}
