//! URLs as Go's `net/url` takes them.

use std::net::Ipv6Addr;

/// What upstream looks at in a URL.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Url<'a> {
    pub scheme: String,
    /// Before an `@`, without its password's meaning.
    pub user: Option<&'a str>,
    pub host: &'a str,
    /// As it was written.
    pub path: &'a str,
    pub query: &'a str,
    pub fragment: &'a str,
}

/// `url.ParseRequestURI`: absolute, or a path that begins with a slash; a `#` is no fragment.
pub fn is_request_uri(text: &str) -> bool {
    !text.is_empty() && read(text, true).is_ok()
}

/// `url.ParseRequestURI`, for what has a scheme and a host.
pub fn parse_request(text: &str) -> Option<Url<'_>> {
    read(text, true).ok()
}

/// `url.ParseRequestURI`; the error is Go's text without the URL.
pub fn request_uri(text: &str) -> Result<Url<'_>, String> {
    read(text, true)
}

/// `url.Parse`; the error is Go's text without the URL.
pub fn parse(text: &str) -> Result<Url<'_>, String> {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let url = read(text, false)?;
    unescapable(fragment)?;
    Ok(Url { fragment, ..url })
}

fn read(text: &str, request: bool) -> Result<Url<'_>, String> {
    if text.bytes().any(|b| b < b' ' || b == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    if text.is_empty() && request {
        return Err("empty url".to_owned());
    }
    if text == "*" {
        return Ok(Url { path: text, ..Url::default() });
    }
    let (scheme, rest) = scheme(text)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut url = Url { scheme: scheme.to_lowercase(), query, ..Url::default() };
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            // Opaque: `mailto:a@b`.
            return Ok(url);
        }
        if request {
            return Err("invalid URI for request".to_owned());
        }
        let first = rest.split('/').next().unwrap_or_default();
        if first.contains(':') {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let mut path = rest;
    if (!scheme.is_empty() || !request && !rest.starts_with("///"))
        && let Some(after) = rest.strip_prefix("//")
    {
        let end = after.find('/').unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        (url.user, url.host) = split_authority(authority)?;
        path = rest;
    }
    unescapable(path)?;
    url.path = path;
    Ok(url)
}

/// The scheme and what follows its colon; an empty scheme if there is none.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok((text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default())),
            _ => break,
        }
    }
    Ok(("", text))
}

fn split_authority(authority: &str) -> Result<(Option<&str>, &str), String> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if let Some(user) = user {
        let valid = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
        if !user.chars().all(valid) {
            return Err("net/url: invalid userinfo".to_owned());
        }
        unescapable(user)?;
    }
    check_host(host)?;
    Ok((user, host))
}

fn check_host(host: &str) -> Result<(), String> {
    let port = match host.strip_prefix('[') {
        Some(inner) => {
            let (address, port) = inner.rsplit_once(']').ok_or("missing ']' in host")?;
            let address = address.split("%25").next().unwrap_or_default();
            address.parse::<Ipv6Addr>().map_err(|_| "invalid host".to_owned())?;
            port
        }
        None => host.rfind(':').and_then(|at| host.get(at..)).unwrap_or_default(),
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    if (!port.is_empty() && !port.starts_with(':')) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("invalid port \"{port}\" after host"));
    }
    let forbidden = |c: char| matches!(c, ' ' | '\\' | '^' | '`' | '{' | '|' | '}' | '/' | '?' | '#' | '@');
    if let Some(c) = host.chars().find(|c| forbidden(*c)) {
        return Err(format!("invalid character \"{c}\" in host name"));
    }
    unescapable(host)
}

/// Every percent sign stands before two hexadecimal digits.
fn unescapable(text: &str) -> Result<(), String> {
    for (at, _) in text.match_indices('%') {
        let digits = text.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            let bad: String = text.get(at..).unwrap_or_default().chars().take(3).collect();
            return Err(format!("invalid URL escape \"{bad}\""));
        }
    }
    Ok(())
}
