//! Files of one volume that are in each other's way: two with one path, or one where another has
//! its folder.

use std::collections::BTreeMap;
use std::fmt;

use ironclad_api::goprint::quote;
use k8s_openapi::api::core::v1 as core;

/// Bytes (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;

pub(super) fn warnings(volumes: &[core::Volume]) -> Vec<String> {
    volumes.iter().flat_map(of_volume).collect()
}

fn of_volume(volume: &core::Volume) -> Vec<String> {
    let name = quote(&volume.name);
    let told = |what: &str, files: Vec<File>| -> Vec<String> {
        let overlaps = overlaps(files).into_iter();
        overlaps.map(|overlap| format!("volume {name} ({what}): overlapping paths: {overlap}")).collect()
    };
    let mut warnings = Vec::new();
    if let Some(map) = &volume.config_map {
        warnings.extend(told(&format!("ConfigMap {}", quote(&map.name)), keys(&map.items, "")));
    }
    if let Some(secret) = &volume.secret {
        let name = quote(secret.secret_name.as_deref().unwrap_or_default());
        warnings.extend(told(&format!("Secret {name}"), keys(&secret.items, "")));
    }
    if let Some(downward) = &volume.downward_api {
        warnings.extend(told("DownwardAPI", fields(&downward.items, "")));
    }
    let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let mut files = Vec::new();
    for source in sources {
        if *source == core::VolumeProjection::default() {
            warnings.push(format!("volume {name} (Projected) has no sources provided"));
        }
        files.extend(of_source(source));
    }
    warnings.extend(told("Projected", files));
    warnings
}

fn of_source(source: &core::VolumeProjection) -> Vec<File> {
    if let Some(map) = &source.config_map {
        return keys(&map.items, &format!("ConfigMap {}", quote(&map.name)));
    }
    if let Some(secret) = &source.secret {
        return keys(&secret.items, &format!("Secret {}", quote(&secret.name)));
    }
    if let Some(downward) = &source.downward_api {
        return fields(&downward.items, "DownwardAPI");
    }
    let token = source.service_account_token.iter();
    token.map(|token| File::new(&token.path, "ServiceAccountToken")).collect()
}

fn keys(items: &Option<Vec<core::KeyToPath>>, source: &str) -> Vec<File> {
    items.iter().flatten().map(|item| File::new(&item.path, source)).collect()
}

fn fields(items: &Option<Vec<core::DownwardAPIVolumeFile>>, source: &str) -> Vec<File> {
    items.iter().flatten().map(|item| File::new(&item.path, source)).collect()
}

#[derive(Clone)]
struct File {
    path: String,
    /// Where it comes from, in volumes of several sources.
    source: String,
}

impl File {
    fn new(path: &str, source: &str) -> Self {
        Self { path: path.trim_end_matches('/').to_owned(), source: source.to_owned() }
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source.as_str() {
            "" => f.write_str(&quote(&self.path)),
            source => write!(f, "{} ({source})", quote(&self.path)),
        }
    }
}

/// Each file that is in the way of an earlier one, with the first such. No node has files whose paths
/// are longer than its system allows.
fn overlaps(files: Vec<File>) -> Vec<String> {
    let mut earlier: BTreeMap<String, File> = BTreeMap::new();
    let mut overlaps = Vec::new();
    for file in files.into_iter().filter(|file| (1..=LONGEST_PATH).contains(&file.path.len())) {
        if let Some(other) = in_the_way(&earlier, &file.path) {
            overlaps.push(format!("{file} with {other}"));
        }
        earlier.entry(file.path.clone()).or_insert(file);
    }
    overlaps
}

fn in_the_way<'a>(earlier: &'a BTreeMap<String, File>, path: &str) -> Option<&'a File> {
    let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
    let above = folders.chain([path]).find_map(|folder| earlier.get(folder));
    let folder = format!("{path}/");
    let below = || earlier.range(folder.clone()..).next().filter(|(other, _)| other.starts_with(&folder));
    above.or_else(|| below().map(|(_, file)| file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn files_in_each_others_way_are_told_of() {
        let check = |volume: Value, want: &[&str]| {
            let volume: core::Volume = serde_json::from_value(volume).expect("a volume");
            assert_eq!(warnings(&[volume]), want);
        };
        let items =
            |paths: &[&str]| paths.iter().map(|path| json!({"key": "k", "path": path})).collect::<Vec<_>>();
        let map = |paths: &[&str]| json!({"name": "v", "configMap": {"name": "m", "items": items(paths)}});
        check(map(&["a", "ab", "b/c"]), &[]);
        check(map(&["a", "a"]), &["volume \"v\" (ConfigMap \"m\"): overlapping paths: \"a\" with \"a\""]);
        check(
            map(&["a/b", "a/"]),
            &["volume \"v\" (ConfigMap \"m\"): overlapping paths: \"a\" with \"a/b\""],
        );
        check(
            map(&["a", "a/b/c"]),
            &["volume \"v\" (ConfigMap \"m\"): overlapping paths: \"a/b/c\" with \"a\""],
        );
        let token = json!({"serviceAccountToken": {"path": "t"}});
        let secret = json!({"secret": {"name": "s", "items": items(&["t"])}});
        check(
            json!({"name": "v", "projected": {"sources": [token, secret, {}]}}),
            &[
                "volume \"v\" (Projected) has no sources provided",
                "volume \"v\" (Projected): overlapping paths: \"t\" (Secret \"s\") with \"t\" (ServiceAccountToken)",
            ],
        );
    }
}
