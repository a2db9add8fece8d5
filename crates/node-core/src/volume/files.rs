//! ConfigMaps, Secrets, the downward API and projections as files.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, ProjectedVolumeSource, Secret,
    ServiceAccountTokenProjection, Volume, VolumeProjection,
};

use super::ownership;
use crate::downward;
use crate::settings::NodeSettings;
use crate::sources::{Sources, token_key};
use crate::spec;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub bytes: Vec<u8>,
    pub mode: u32,
    /// The owner; `None` is root.
    pub uid: Option<i64>,
}

/// Files by path, relative to the volume.
pub type Files = BTreeMap<String, File>;

const DEFAULT_MODE: u32 = 0o644;
/// A token that has an owner is for the owner alone.
const PRIVATE_MODE: u32 = 0o600;

/// The files of a volume; `None` if it is of another kind. Errors are upstream's.
pub fn render(
    settings: &NodeSettings,
    pod: &Pod,
    volume: &Volume,
    sources: &Sources,
) -> Result<Option<Files>, String> {
    let renderer = Renderer { settings, pod, sources };
    if let Some(source) = &volume.config_map {
        let optional = source.optional.unwrap_or(false);
        let map = sources.config_map(&source.name, optional)?;
        of_config_map(map, source.items.as_deref(), mode(source.default_mode), optional).map(Some)
    } else if let Some(source) = &volume.secret {
        let optional = source.optional.unwrap_or(false);
        let secret = sources.secret(source.secret_name.as_deref().unwrap_or_default(), optional)?;
        of_secret(secret, source.items.as_deref(), mode(source.default_mode), optional).map(Some)
    } else if let Some(source) = &volume.downward_api {
        renderer.downward(source.items.as_deref().unwrap_or_default(), mode(source.default_mode)).map(Some)
    } else if let Some(source) = &volume.projected {
        renderer.projected(source).map(Some)
    } else {
        Ok(None)
    }
}

fn mode(stated: Option<i32>) -> u32 {
    stated.map_or(DEFAULT_MODE, |mode| mode.max(0) as u32)
}

/// All keys, or those that `items` picks, under the paths it gives them.
fn pick(
    keys: BTreeMap<&str, Vec<u8>>,
    items: Option<&[KeyToPath]>,
    default_mode: u32,
    optional: bool,
    missing: impl Fn(&str) -> String,
) -> Result<Files, String> {
    let items = items.unwrap_or_default();
    if items.is_empty() {
        let file = |bytes| File { bytes, mode: default_mode, uid: None };
        return Ok(keys.into_iter().map(|(key, bytes)| (key.to_owned(), file(bytes))).collect());
    }
    let mut files = Files::new();
    for item in items {
        match keys.get(item.key.as_str()) {
            Some(bytes) => {
                let mode = item.mode.map_or(default_mode, |mode| mode.max(0) as u32);
                files.insert(item.path.clone(), File { bytes: bytes.clone(), mode, uid: None });
            }
            None if optional => {}
            None => return Err(missing(&item.key)),
        }
    }
    Ok(files)
}

fn of_config_map(
    map: Option<&ConfigMap>,
    items: Option<&[KeyToPath]>,
    default_mode: u32,
    optional: bool,
) -> Result<Files, String> {
    let text = map.and_then(|m| m.data.as_ref()).into_iter().flatten();
    let binary = map.and_then(|m| m.binary_data.as_ref()).into_iter().flatten();
    let keys = binary
        .map(|(key, value)| (key.as_str(), value.0.clone()))
        .chain(text.map(|(key, value)| (key.as_str(), value.clone().into_bytes())));
    let missing = |key: &str| format!("configmap references non-existent config key: {key}");
    pick(keys.collect(), items, default_mode, optional, missing)
}

fn of_secret(
    secret: Option<&Secret>,
    items: Option<&[KeyToPath]>,
    default_mode: u32,
    optional: bool,
) -> Result<Files, String> {
    let data = secret.and_then(|s| s.data.as_ref()).into_iter().flatten();
    let keys = data.map(|(key, value)| (key.as_str(), value.0.clone()));
    let missing = |key: &str| format!("references non-existent secret key: {key}");
    pick(keys.collect(), items, default_mode, optional, missing)
}

struct Renderer<'a> {
    settings: &'a NodeSettings,
    pod: &'a Pod,
    sources: &'a Sources,
}

impl Renderer<'_> {
    fn downward(&self, items: &[DownwardAPIVolumeFile], default_mode: u32) -> Result<Files, String> {
        let mut files = Files::new();
        let mut errors = Vec::new();
        for item in items {
            let mode = item.mode.map_or(default_mode, |mode| mode.max(0) as u32);
            match self.downward_value(item) {
                Ok(text) => {
                    files.insert(item.path.clone(), File { bytes: text.into_bytes(), mode, uid: None });
                }
                Err(why) => errors.push(why),
            }
        }
        all_or(files, errors)
    }

    fn downward_value(&self, item: &DownwardAPIVolumeFile) -> Result<String, String> {
        if let Some(field) = &item.field_ref {
            return downward::metadata(self.pod, &field.field_path);
        }
        match &item.resource_field_ref {
            Some(selector) => {
                downward::amount(&spec::of(self.pod), None, selector, &self.settings.allocatable)
            }
            None => Ok(String::new()),
        }
    }

    /// A later source wins over an earlier one; the errors of all are told together.
    fn projected(&self, source: &ProjectedVolumeSource) -> Result<Files, String> {
        let default_mode = mode(source.default_mode);
        let mut files = Files::new();
        let mut errors = Vec::new();
        for source in source.sources.iter().flatten() {
            match self.projection(source, default_mode) {
                Ok(more) => files.extend(more),
                Err(why) => errors.push(why),
            }
        }
        all_or(files, errors)
    }

    fn projection(&self, source: &VolumeProjection, default_mode: u32) -> Result<Files, String> {
        if let Some(source) = &source.secret {
            let optional = source.optional.unwrap_or(false);
            let secret = self.sources.secret(&source.name, optional)?;
            of_secret(secret, source.items.as_deref(), default_mode, optional)
        } else if let Some(source) = &source.config_map {
            let optional = source.optional.unwrap_or(false);
            let map = self.sources.config_map(&source.name, optional)?;
            of_config_map(map, source.items.as_deref(), default_mode, optional)
        } else if let Some(source) = &source.downward_api {
            self.downward(source.items.as_deref().unwrap_or_default(), default_mode)
        } else if let Some(source) = &source.service_account_token {
            self.token(source, default_mode)
        } else if source.cluster_trust_bundle.is_some() || source.pod_certificate.is_some() {
            Err("this node does not project cluster trust bundles or pod certificates".to_owned())
        } else {
            Ok(Files::new())
        }
    }

    fn token(&self, source: &ServiceAccountTokenProjection, default_mode: u32) -> Result<Files, String> {
        let key = token_key(source.audience.as_deref(), source.expiration_seconds);
        let token = match self.sources.tokens.get(&key) {
            Some(found) => found.clone()?,
            None => return Err("the service account token has not been requested".to_owned()),
        };
        let uid = ownership::common_user(self.pod);
        let private = uid.is_some() || ownership::of_pod(self.pod).is_some();
        let mode = if private { PRIVATE_MODE } else { default_mode };
        Ok([(source.path.clone(), File { bytes: token.into_bytes(), mode, uid })].into())
    }
}

/// The files, or every error as upstream joins them.
fn all_or(files: Files, errors: Vec<String>) -> Result<Files, String> {
    match errors.as_slice() {
        [] => Ok(files),
        [one] => Err(one.clone()),
        many => Err(format!("[{}]", many.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::tests::world::settings;
    use crate::sources::Lookup;
    use serde_json::{Value, json};

    fn sources() -> Sources {
        let map = json!({"data": {"a": "1", "b": "2"}, "binaryData": {"c": "AP8="}});
        let secret = json!({"data": {"p": "c2VjcmV0"}});
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
            tokens: [(token_key(None, Some(3607)), Ok("jwt".to_owned()))].into(),
            ..Default::default()
        }
    }

    /// Files as `path=text:mode`.
    fn check(volume: Value, context: Value, expected: Result<&[&str], &str>) {
        let mut full = volume.clone();
        full["name"] = json!("v");
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "labels": {"app": "x"}},
            "spec": {"containers": [{"name": "a"}], "volumes": [full], "securityContext": context},
        }))
        .unwrap();
        let spec = spec::of(&pod);
        let found = render(&settings(), &pod, &spec.volumes.as_ref().unwrap()[0], &sources());
        let found = found.map(|files| {
            let text = |(path, file): (String, File)| {
                format!("{path}={}:{:o}", String::from_utf8_lossy(&file.bytes), file.mode)
            };
            files.unwrap().into_iter().map(text).collect::<Vec<_>>()
        });
        let expected = expected.map(|list| list.iter().map(|s| (*s).to_owned()).collect());
        assert_eq!(found, expected.map_err(str::to_owned), "{volume}");
    }

    #[test]
    fn keys_become_files_with_their_modes() {
        let cm = |more: Value| {
            let mut source = json!({"name": "cm"});
            source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"configMap": source})
        };
        check(cm(json!({})), json!({}), Ok(&["a=1:644", "b=2:644", "c=\0\u{fffd}:644"]));
        check(
            cm(
                json!({"defaultMode": 256, "items": [{"key": "a", "path": "x/y"}, {"key": "b", "path": "z", "mode": 384}]}),
            ),
            json!({}),
            Ok(&["x/y=1:400", "z=2:600"]),
        );
        check(
            cm(json!({"items": [{"key": "no", "path": "x"}]})),
            json!({}),
            Err("configmap references non-existent config key: no"),
        );
        check(cm(json!({"optional": true, "items": [{"key": "no", "path": "x"}]})), json!({}), Ok(&[]));
        check(json!({"configMap": {"name": "none"}}), json!({}), Err("configmap \"none\" not found"));
        check(json!({"configMap": {"name": "none", "optional": true}}), json!({}), Ok(&[]));
        check(json!({"secret": {"secretName": "s"}}), json!({}), Ok(&["p=secret:644"]));
        check(
            json!({"secret": {"secretName": "s", "items": [{"key": "no", "path": "x"}]}}),
            json!({}),
            Err("references non-existent secret key: no"),
        );
    }

    #[test]
    fn the_downward_api_shows_fields_and_amounts() {
        let items = json!([
            {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
            {"path": "cpu", "mode": 256, "resourceFieldRef": {"containerName": "a", "resource": "limits.cpu"}},
        ]);
        check(
            json!({"downwardAPI": {"items": items}}),
            json!({}),
            Ok(&["cpu=4:400", "labels=app=\"x\":644"]),
        );
        let bad = json!([{"path": "x", "fieldRef": {"fieldPath": "no"}}, {"path": "y", "fieldRef": {"fieldPath": "no.2"}}]);
        check(
            json!({"downwardAPI": {"items": bad}}),
            json!({}),
            Err("[unsupported fieldPath: no, unsupported fieldPath: no.2]"),
        );
    }

    #[test]
    fn a_projection_joins_its_sources_and_guards_tokens() {
        let volume = json!({"projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
            {"configMap": {"name": "cm", "items": [{"key": "a", "path": "ca.crt"}]}},
            {"secret": {"name": "s", "items": [{"key": "p", "path": "ca.crt"}]}},
        ]}});
        check(volume.clone(), json!({}), Ok(&["ca.crt=secret:644", "token=jwt:644"]));
        check(volume.clone(), json!({"fsGroup": 5}), Ok(&["ca.crt=secret:644", "token=jwt:600"]));
        check(volume, json!({"runAsUser": 5}), Ok(&["ca.crt=secret:644", "token=jwt:600"]));
        let missing = json!({"projected": {"sources": [{"configMap": {"name": "none"}}, {"secret": {"name": "none"}}]}});
        check(missing, json!({}), Err("[configmap \"none\" not found, secret \"none\" not found]"));
    }
}
