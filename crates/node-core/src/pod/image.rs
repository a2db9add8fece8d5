//! Names of images, and when they are pulled.

use std::time::Duration;

use ironclad_api::goprint;
use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::slot::{Need, Policy};

/// The images a container needs: its own, then those of the image volumes it mounts (KEP-4639).
pub(super) fn needed(spec: &PodSpec, container: &Container) -> Vec<Need> {
    let own = Need {
        volume: None,
        image: container.image.clone().unwrap_or_default(),
        policy: policy(container.image_pull_policy.as_deref(), container.image.as_deref()),
    };
    let mounted = |name: &str| container.volume_mounts.iter().flatten().any(|m| m.name == name);
    let volumes = spec.volumes.iter().flatten().filter_map(|volume| {
        let source = volume.image.as_ref().filter(|_| mounted(&volume.name))?;
        Some(Need {
            volume: Some(volume.name.clone()),
            image: source.reference.clone().unwrap_or_default(),
            policy: policy(source.pull_policy.as_deref(), source.reference.as_deref()),
        })
    });
    std::iter::once(own).chain(volumes).collect()
}

/// What the spec says, or else Always for `latest` and IfNotPresent for any other tag.
fn policy(stated: Option<&str>, image: Option<&str>) -> Policy {
    match stated {
        Some("Always") => Policy::Always,
        Some("Never") => Policy::Never,
        Some(_) => Policy::IfNotPresent,
        None => match with_tag(image.unwrap_or_default()) {
            Ok(image) if image.ends_with(":latest") => Policy::Always,
            _ => Policy::IfNotPresent,
        },
    }
}

/// The image's name with `:latest` where it has neither tag nor digest. An error's text is upstream's.
pub(super) fn with_tag(image: &str) -> Result<String, String> {
    let invalid = |why: &str| format!("couldn't parse image name {}: {why}", goprint::quote(image));
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Err(invalid("invalid reference format"));
    }
    let last_slash = name.rfind('/').map_or(0, |at| at + 1);
    let (path, tag) = match name.get(last_slash..).and_then(|last| last.rfind(':')) {
        Some(at) => (name.get(..last_slash + at).unwrap_or_default(), name.get(last_slash + at + 1..)),
        None => (name, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) || !is_path(path) {
        let upper = path.chars().any(|c| c.is_ascii_uppercase()) && is_path(&path.to_ascii_lowercase());
        let why = if upper && tag.is_none_or(is_tag) {
            "invalid reference format: repository name must be lowercase"
        } else {
            "invalid reference format"
        };
        return Err(invalid(why));
    }
    Ok(if tag.is_none() && digest.is_none() { format!("{image}:latest") } else { image.to_owned() })
}

/// `[host[:port]/]component[/component...]`
fn is_path(path: &str) -> bool {
    let mut parts = path.split('/').peekable();
    let has_host = path.contains('/')
        && parts.peek().is_some_and(|first| {
            first.contains(['.', ':'])
                || *first == "localhost"
                || first.contains(|c: char| c.is_ascii_uppercase())
        });
    if has_host && !parts.next().is_some_and(is_host) {
        return false;
    }
    parts.all(is_component)
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port_ok = port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let bracketed = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let name_ok = match bracketed {
        Some(v6) => v6.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        None => name.split('.').all(|label| {
            let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            !label.is_empty() && inner && !label.starts_with('-') && !label.ends_with('-')
        }),
    };
    port_ok && name_ok
}

/// Lower-case letters and digits, joined by `.`, `_`, `__` or dashes.
fn is_component(part: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    let joined = !["..", "___", "._", "_.", ".-", "-.", "_-", "-_"].iter().any(|bad| part.contains(bad));
    inner && joined && edge(part.bytes().next()) && edge(part.bytes().last())
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let first = tag.bytes().next().is_some_and(word);
    first && tag.len() <= 128 && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let named = algorithm.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    named && hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A duration as Go prints it, cut to milliseconds: `950ms`, `1.2s`, `1m2.5s`, `1h0m3s`.
pub(super) fn go_duration(duration: Duration) -> String {
    let ms = duration.as_millis() as u64;
    if ms == 0 {
        return "0s".to_owned();
    }
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let seconds = format!("{}.{:03}", ms / 1000 % 60, ms % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_tag_mean_latest_and_bad_names_are_refused() {
        let check = |image: &str, expected: Result<&str, &str>| {
            let expected = match expected {
                Ok(image) => Ok(image.to_owned()),
                Err(why) => Err(format!("couldn't parse image name \"{image}\": {why}")),
            };
            assert_eq!(with_tag(image), expected);
        };
        let digest = format!("busybox@sha256:{}", "a".repeat(64));
        check("busybox", Ok("busybox:latest"));
        check("busybox:1.36", Ok("busybox:1.36"));
        check(&digest, Ok(&digest));
        check("localhost:5000/a/b", Ok("localhost:5000/a/b:latest"));
        check("registry.k8s.io/pause:3.10", Ok("registry.k8s.io/pause:3.10"));
        check("a__b/c-d.e", Ok("a__b/c-d.e:latest"));
        check("", Err("invalid reference format"));
        check("FAILED_IMAGE", Err("invalid reference format: repository name must be lowercase"));
        check("a:b:c", Err("invalid reference format"));
        check("busybox@sha256:12", Err("invalid reference format"));
        check("a/../b", Err("invalid reference format"));
        check("busybox: 1", Err("invalid reference format"));
    }

    #[test]
    fn durations_print_as_go_prints_them() {
        let check = |ms, expected: &str| assert_eq!(go_duration(Duration::from_millis(ms)), expected);
        check(0, "0s");
        check(950, "950ms");
        check(1000, "1s");
        check(1234, "1.234s");
        check(10_500, "10.5s");
        check(62_500, "1m2.5s");
        check(120_000, "2m0s");
        check(3_603_000, "1h0m3s");
    }
}
