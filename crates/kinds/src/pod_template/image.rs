//! The part of an image's name that decides how it is pulled.

/// The pull policy of an image that names none: what `latest` stands for may change, other
/// tags and digests stay.
/// Source: <https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting>
pub(super) fn pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" }
}

/// The tag of an image; `latest` where it names neither tag nor digest. `None` for a digest
/// without a tag, and for what is no image name at all.
fn tag(image: &str) -> Option<&str> {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let (repository, tag) = match name.rsplit_once(':') {
        // A colon before a slash belongs to a registry's port.
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    };
    if !is_repository(repository) || digest.is_some_and(|digest| !digest.contains(':')) {
        return None;
    }
    match (tag, digest) {
        (Some(tag), _) => is_tag(tag).then_some(tag),
        (None, None) => Some("latest"),
        (None, Some(_)) => None,
    }
}

/// `[registry[:port]/]path`, the path in lower case.
fn is_repository(name: &str) -> bool {
    let is_registry =
        |first: &str| first.contains(['.', ':']) || first == "localhost" || first != first.to_lowercase();
    let path = match name.split_once('/') {
        Some((first, rest)) if is_registry(first) => rest,
        _ => name,
    };
    path.split('/').all(|part| {
        let ends = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = part.as_bytes();
        let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(b);
        ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(allowed)
    })
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let starts = tag.bytes().next().is_some_and(word);
    starts && tag.len() <= 128 && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn only_latest_is_always_pulled() {
        let check = |image: &str, want: &str| assert_eq!(pull_policy(image), want, "{image}");
        check("nginx", "Always");
        check("nginx:latest", "Always");
        check("nginx:1.27", "IfNotPresent");
        check("registry.example:5000/nginx", "Always");
        check("registry.example:5000/team/nginx:v1", "IfNotPresent");
        check("localhost/nginx", "Always");
        let digest = "sha256:e4f0474a75c510f40b37b6b7dc2516241ffa8bde5a442bde3d372c9519c84d90";
        check(&format!("nginx@{digest}"), "IfNotPresent");
        check(&format!("nginx:latest@{digest}"), "Always");
        check("", "IfNotPresent");
        check("Not A Name", "IfNotPresent");
        check("UPPER", "IfNotPresent");
        check("REGISTRY/nginx", "Always");
    }
}
