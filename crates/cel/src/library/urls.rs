//! `url('https://example.com:80/path?k=v').getHost()`.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-url-library>

use std::any::Any;
use std::collections::BTreeMap;

use ironclad_api::go_url;

use super::Library;
use crate::error::Error;
use crate::types::Type;
use crate::value::{Foreign, Key, Map, Value, quote};

const NAME: &str = "kubernetes.URL";

#[derive(Debug)]
struct Url {
    text: String,
    scheme: String,
    /// With its port.
    host: String,
    path: String,
    query: String,
}

impl Foreign for Url {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Foreign) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self.text == other.text)
    }
}

pub(super) fn declare(library: &mut Library) {
    let own = || [Type::message(NAME)];
    library.function("url", "string_to_url", [Type::String], Type::message(NAME), |args| match args {
        [Value::String(text)] => parse(text).map(Value::foreign),
        _ => Err(Error::no_such_overload()),
    });
    library.function("isURL", "is_url_string", [Type::String], Type::Bool, |args| match args {
        [Value::String(text)] => Ok(Value::Bool(go_url::request_uri(text).is_ok())),
        _ => Err(Error::no_such_overload()),
    });
    library.method("getScheme", "url_get_scheme", own(), Type::String, |args| {
        Ok(Value::string(url(args)?.scheme.clone()))
    });
    library.method("getHost", "url_get_host", own(), Type::String, |args| {
        Ok(Value::string(url(args)?.host.clone()))
    });
    library.method("getHostname", "url_get_hostname", own(), Type::String, |args| {
        Ok(Value::string(host_and_port(&url(args)?.host).0.to_owned()))
    });
    library.method("getPort", "url_get_port", own(), Type::String, |args| {
        Ok(Value::string(host_and_port(&url(args)?.host).1.to_owned()))
    });
    library.method("getEscapedPath", "url_get_escaped_path", own(), Type::String, |args| {
        Ok(Value::string(escaped_path(&url(args)?.path)))
    });
    let query = Type::map(Type::String, Type::list(Type::String));
    library.method("getQuery", "url_get_query", own(), query, |args| {
        let mut entries: BTreeMap<Key<'_>, Vec<Value<'_>>> = BTreeMap::new();
        for (key, value) in query_pairs(&url(args)?.query) {
            entries.entry(Key::String(key.into())).or_default().push(Value::string(value));
        }
        let entries: BTreeMap<_, _> =
            entries.into_iter().map(|(key, values)| (key, Value::list(values))).collect();
        Ok(Value::Map(Map::Shared(entries.into())))
    });
}

fn url<'v>(args: &'v [Value<'_>]) -> Result<&'v Url, Error> {
    args.first().and_then(Value::as_foreign).ok_or_else(Error::no_such_overload)
}

fn parse(text: &str) -> Result<Url, Error> {
    let failed = |why: String| {
        Error::new(format!("URL parse error during conversion from string: parse {}: {why}", quote(text)))
    };
    go_url::request_uri(text).map_err(failed)?;
    let url = go_url::parse(text).map_err(failed)?;
    Ok(Url {
        text: text.to_owned(),
        scheme: url.scheme,
        host: unescape(url.host, false),
        path: url.path.to_owned(),
        query: url.query.to_owned(),
    })
}

/// The host without brackets and the port without its colon.
fn host_and_port(host: &str) -> (&str, &str) {
    let (name, port) = match host.rfind(':') {
        Some(at) if host.get(at + 1..).is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit())) => {
            (host.get(..at).unwrap_or_default(), host.get(at + 1..).unwrap_or_default())
        }
        _ => (host, ""),
    };
    (name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name), port)
}

/// The path as it may be sent: what was not escaped and has to be is.
fn escaped_path(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@/%[]".contains(&b);
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `k=v&k=w`; pairs that cannot be read are left out.
fn query_pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let pairs = query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';') && is_escaped(pair));
    pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(key, true), unescape(value, true))
    })
}

/// Every percent sign stands before two hexadecimal digits.
fn is_escaped(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()))
}

fn unescape(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let escaped = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, escaped) {
            (b'%', Some(value)) => {
                bytes.push(value);
                at += 2;
            }
            (b'+', _) if plus_is_space => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
