//! Links of a proxied page, made to lead through the proxy again. Upstream: `proxy.Transport.rewriteURL`.

/// What links of one answer are relative to.
pub struct Links {
    /// What the client has to put before a path of the backend, without a slash at its end.
    pub prefix: String,
    /// Host and port of the backend, as its links may name it.
    pub backend: Vec<String>,
    /// The host that the client asked for.
    pub host: String,
}

impl Links {
    /// The link as it is to be; `None` if it is good as it stands: relative, or to another host.
    pub fn rewritten(&self, link: &str) -> Option<String> {
        let Link { authority, path, tail, before } = Link::parse(link);
        if !path.starts_with('/') {
            return None;
        }
        let to_us = !authority.is_empty() && authority == self.host;
        let to_backend = authority.is_empty() || self.backend.iter().any(|backend| backend == authority);
        if !to_us && !to_backend {
            return None;
        }
        let before = if to_us { before } else { "" };
        let path = match path.starts_with(&self.prefix) {
            true => path.to_owned(),
            false => joined(&self.prefix, path),
        };
        let whole = format!("{before}{path}{tail}");
        (whole != link).then_some(whole)
    }
}

/// A URL in its parts, none of them decoded.
struct Link<'a> {
    /// Scheme and authority, with their punctuation.
    before: &'a str,
    authority: &'a str,
    path: &'a str,
    /// Query and fragment.
    tail: &'a str,
}

impl<'a> Link<'a> {
    fn parse(link: &'a str) -> Self {
        let body = link.find(['?', '#']).unwrap_or(link.len());
        let (main, tail) = link.split_at(body);
        let rest = match main.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => rest,
            _ => main,
        };
        let scheme = &main[..main.len() - rest.len()];
        let Some(after) = rest.strip_prefix("//") else {
            // Behind a scheme alone stands no path of a host: `mailto:x`.
            let path = if scheme.is_empty() { rest } else { "" };
            return Self { before: scheme, authority: "", path, tail };
        };
        let end = after.find('/').unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        let before = &main[..main.len() - path.len()];
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        Self { before, authority, path, tail }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Both paths as one, without `.`, `..` and double slashes; a slash at the end stays.
pub fn joined(prefix: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in prefix.split('/').chain(path.split('/')) {
        match dots(part) {
            Some(0 | 1) => {}
            Some(_) => drop(parts.pop()),
            None => parts.push(part),
        }
    }
    let mut whole = format!("/{}", parts.join("/"));
    if path.ends_with('/') && !whole.ends_with('/') {
        whole.push('/');
    }
    whole
}

/// How many dots a part of a path is, if it is nothing else (at most two). Escaped ones count: everybody who
/// decodes the path sees dots.
fn dots(part: &str) -> Option<usize> {
    let mut rest = part;
    let mut count = 0;
    while !rest.is_empty() {
        let after = rest.strip_prefix('.').or_else(|| rest.strip_prefix("%2e"));
        rest = after.or_else(|| rest.strip_prefix("%2E"))?;
        count += 1;
    }
    Some(count).filter(|count| *count <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_the_backend_lead_through_the_proxy() {
        let links = Links {
            prefix: "/api/v1/x/proxy".into(),
            backend: vec!["10.0.0.1:8080".into()],
            host: "api:6443".into(),
        };
        let check = |link: &str, want: &str| {
            assert_eq!(links.rewritten(link).as_deref().unwrap_or(link), want, "{link}")
        };
        check("/rewriteme", "/api/v1/x/proxy/rewriteme");
        check("/", "/api/v1/x/proxy/");
        check("/a/?q=/b#/c", "/api/v1/x/proxy/a/?q=/b#/c");
        check("/a//b/../c/", "/api/v1/x/proxy/a/c/");
        check("http://10.0.0.1:8080/a", "/api/v1/x/proxy/a");
        check("//10.0.0.1:8080/a", "/api/v1/x/proxy/a");
        check("https://api:6443/a", "https://api:6443/api/v1/x/proxy/a");
        check("https://api:6443/api/v1/x/proxy/a", "https://api:6443/api/v1/x/proxy/a");
        check("/api/v1/x/proxy/a", "/api/v1/x/proxy/a");
        check("http://10.0.0.1:8080", "http://10.0.0.1:8080");
        check("http://elsewhere/a", "http://elsewhere/a");
        check("a/b", "a/b");
        check("../a", "../a");
        check("#top", "#top");
        check("?q=1", "?q=1");
        check("mailto:/a", "mailto:/a");
        check("javascript:go('/a')", "javascript:go('/a')");
        check("", "");
    }

    #[test]
    fn paths_lead_nowhere_but_down() {
        let check = |path: &str, want: &str| assert_eq!(joined("", path), want, "{path}");
        check("/", "/");
        check("/a/b", "/a/b");
        check("/a//b/", "/a/b/");
        check("/a/../b", "/b");
        check("/../../etc", "/etc");
        check("/a/%2e%2E/b/%2e", "/b");
        check("/a%2Fb/...", "/a%2Fb/...");
        check("/..a/.b", "/..a/.b");
    }
}
