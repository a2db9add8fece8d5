//! Credentials for registries, out of pull secrets (`kubernetes.io/dockerconfigjson` and `dockercfg`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_cri::v1::AuthConfig;
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;

/// The credentials that match the image's registry and path, the most particular first.
pub(super) fn for_image(secrets: &[Secret], image: &str) -> Vec<AuthConfig> {
    let (registry, path) = split(image);
    let mut matching: Vec<(String, AuthConfig)> = Vec::new();
    for secret in secrets {
        for (location, entry) in entries(secret) {
            let location = normalized(&location);
            if matches(&location, &registry, &path) {
                matching.extend(entry.auth(&location).map(|auth| (location.clone(), auth)));
            }
        }
    }
    matching.sort_by(|(a, _), (b, _)| b.cmp(a));
    matching.into_iter().map(|(_, auth)| auth).collect()
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Entry {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    /// base64 of `username:password`
    #[serde(default)]
    auth: String,
    #[serde(default)]
    identitytoken: String,
    #[serde(default)]
    registrytoken: String,
}

impl Entry {
    fn auth(&self, location: &str) -> Option<AuthConfig> {
        let decoded = STANDARD.decode(&self.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
        let (username, password) = match pair {
            Some((username, password)) => (username.to_owned(), password.trim_end_matches('\0').to_owned()),
            None => (self.username.clone(), self.password.clone()),
        };
        let some = !username.is_empty() || !self.identitytoken.is_empty() || !self.registrytoken.is_empty();
        some.then(|| AuthConfig {
            username,
            password,
            server_address: location.to_owned(),
            identity_token: self.identitytoken.clone(),
            registry_token: self.registrytoken.clone(),
            ..Default::default()
        })
    }
}

/// What cannot be read names nothing.
fn entries(secret: &Secret) -> BTreeMap<String, Entry> {
    let data =
        |key: &str| secret.data.as_ref().and_then(|data| data.get(key)).map(|bytes| bytes.0.as_slice());
    if let Some(bytes) = data(".dockerconfigjson") {
        return serde_json::from_slice::<Config>(bytes).unwrap_or_default().auths;
    }
    data(".dockercfg").and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default()
}

/// The registry and the rest of an image's name; Docker Hub's where it names none.
fn split(image: &str) -> (String, String) {
    match image.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host.into(), path.into()),
        _ => ("index.docker.io".into(), image.into()),
    }
}

/// Without scheme and version, as locations are compared.
fn normalized(location: &str) -> String {
    let plain = location.strip_prefix("https://").or_else(|| location.strip_prefix("http://"));
    let plain = plain.unwrap_or(location).trim_end_matches('/');
    let plain = plain.strip_suffix("/v1").or_else(|| plain.strip_suffix("/v2")).unwrap_or(plain);
    if plain == "docker.io" { "index.docker.io".to_owned() } else { plain.to_owned() }
}

/// The host's parts match one by one, `*` within a part; the path must begin like the location's.
fn matches(location: &str, registry: &str, path: &str) -> bool {
    let (host, prefix) = location.split_once('/').unwrap_or((location, ""));
    let parts = |host: &str| host.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (wanted, found) = (parts(host), parts(registry));
    let same = wanted.len() == found.len() && wanted.iter().zip(&found).all(|(w, f)| part_matches(w, f));
    same && path.starts_with(prefix)
}

fn part_matches(pattern: &str, part: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == part,
        Some((before, after)) => {
            part.len() >= before.len() + after.len() && part.starts_with(before) && part.ends_with(after)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;

    #[test]
    fn credentials_are_found_by_registry_and_path() {
        let config = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "aHViOnB3"},
            "registry.example.com": {"username": "u", "password": "p"},
            "registry.example.com/team": {"username": "team", "password": "p"},
            "*.wild.io": {"identitytoken": "t"}}}"#;
        let secret = Secret {
            data: Some([(".dockerconfigjson".to_owned(), ByteString(config.into()))].into()),
            ..Default::default()
        };
        let check = |image: &str, expected: &[&str]| {
            let found = for_image(std::slice::from_ref(&secret), image);
            let users: Vec<&str> = found.iter().map(|auth| auth.username.as_str()).collect();
            assert_eq!(users, expected, "{image}");
        };
        check("busybox", &["hub"]);
        check("library/busybox:1", &["hub"]);
        check("registry.example.com/a:1", &["u"]);
        check("registry.example.com/team/a:1", &["team", "u"]);
        check("a.wild.io/x", &[""]);
        check("a.b.wild.io/x", &[]);
        check("other.com/x", &[]);
    }

    #[test]
    fn what_cannot_be_read_names_nothing() {
        let secret = Secret {
            data: Some([(".dockerconfigjson".to_owned(), ByteString(b"{".to_vec()))].into()),
            ..Default::default()
        };
        assert!(for_image(&[secret], "busybox").is_empty());
    }
}
