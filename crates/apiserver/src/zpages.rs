//! `/statusz` and `/flagz`: what runs here and how it was told to, for people and for tools.
//! Source: KEP-4827, KEP-4828 (on by default since 1.36).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use http::HeaderMap;
use http::header::WARNING;
use ironclad_api::params::Query;
use ironclad_api::status::Status;
use ironclad_api::time;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::negotiate::page::{GROUP, Page, page};
use crate::negotiate::{Accepted, is_pretty};
use crate::reply::{self, Reply};
use crate::version::Version;

const COMPONENT: &str = "apiserver";

/// Upstream changes what stands between names and values at random, so that nobody parses it.
const DELIMITERS: [&str; 4] = [":", ": ", "=", " "];

/// Paths that are not for looking into the server.
const NOT_FOR_DEBUGGING: [&str; 5] = ["apis", "api", "openid", "openapi", ".well-known"];

/// What the status page tells.
pub struct Running<'a> {
    pub version: &'a Version,
    pub started: Timestamp,
    pub now: Timestamp,
    /// All that `/` lists.
    pub paths: Vec<String>,
}

/// A request for a page.
pub struct Asked<'a> {
    pub headers: &'a HeaderMap,
    pub query: &'a Query,
    /// Chooses among the delimiters.
    pub random: u64,
}

impl Asked<'_> {
    fn answer(
        &self,
        kind: &str,
        text: impl FnOnce(&str) -> String,
        fields: impl FnOnce() -> Value,
    ) -> Result<Reply, Status> {
        let Page::Object { encoding, version } = page(self.headers, kind)? else {
            let at = usize::try_from(self.random % DELIMITERS.len() as u64).unwrap_or(0);
            let delimiter = DELIMITERS.get(at).copied().unwrap_or_default();
            let name = kind.to_lowercase();
            let body = format!(
                "\n{COMPONENT} {name}\nWarning: This endpoint is not meant to be machine parseable, has no formatting \
                 compatibility guarantees and is for debugging purposes only.\n{}",
                text(delimiter)
            );
            return Ok(reply::bytes(200, "text/plain; charset=utf-8", body));
        };
        let mut object = json!({"kind": kind, "apiVersion": format!("{GROUP}/{version}"), "metadata": {"name": COMPONENT}});
        if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields()) {
            object.extend(fields);
        }
        let accepted = Accepted { encoding, pretty: is_pretty(self.headers, self.query), conversion: None };
        let mut reply = reply::value(200, &accepted, &object);
        if version == "v1alpha1" {
            let name = kind.to_lowercase();
            let warning = format!(
                "299 - \"This version of the {name} endpoint is deprecated. Please use a newer version.\""
            );
            reply::set(&mut reply, WARNING, &warning);
        }
        Ok(reply)
    }
}

/// `/statusz`.
pub fn status(asked: &Asked<'_>, running: &Running<'_>) -> Result<Reply, Status> {
    asked.answer("Statusz", |delimiter| running.text(delimiter), || running.fields())
}

/// `/flagz`: the configuration, each setting under the path that leads to it.
pub fn flags(asked: &Asked<'_>, configuration: &Value) -> Result<Reply, Status> {
    let mut flags = BTreeMap::new();
    gather(configuration, String::new(), &mut flags);
    let text = |delimiter: &str| {
        flags.iter().fold(String::new(), |mut text, (name, value)| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}{delimiter}{value}");
            text
        })
    };
    asked.answer("Flagz", text, || json!({ "flags": flags }))
}

impl Running<'_> {
    fn binary(&self) -> &str {
        self.version.git_version.trim_start_matches('v')
    }

    fn emulation(&self) -> String {
        format!("{}.{}", self.version.emulation_major, self.version.emulation_minor)
    }

    fn uptime(&self) -> i64 {
        self.now.duration_since(self.started).as_secs().max(0)
    }

    fn folders(&self) -> Vec<String> {
        let first = |path: &String| path.split('/').nth(1).unwrap_or_default().to_owned();
        let folders: BTreeSet<String> = self.paths.iter().map(first).collect();
        let shown = |folder: &String| !folder.is_empty() && !NOT_FOR_DEBUGGING.contains(&folder.as_str());
        folders.into_iter().filter(shown).map(|folder| format!("/{folder}")).collect()
    }

    fn text(&self, delimiter: &str) -> String {
        let uptime = self.uptime();
        let lines = [
            ("Started", self.started.strftime("%a %b %e %H:%M:%S UTC %Y").to_string()),
            ("Up", format!("{} hr {:02} min {:02} sec", uptime / 3600, uptime / 60 % 60, uptime % 60)),
            ("Go version", self.version.go_version.clone()),
            ("Binary version", self.binary().to_owned()),
            ("Emulation version", self.emulation()),
            ("Paths", self.folders().join(" ")),
        ];
        lines.iter().fold("\n".to_owned(), |mut text, (name, value)| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}{delimiter} {value}");
            text
        })
    }

    fn fields(&self) -> Value {
        json!({
            "startTime": time::format(self.started),
            "uptimeSeconds": self.uptime(),
            "goVersion": self.version.go_version,
            "binaryVersion": self.binary(),
            "emulationVersion": self.emulation(),
            "paths": self.folders(),
        })
    }
}

/// Adds the leaves of a tree by their paths; a list of plain values is one leaf.
fn gather(value: &Value, path: String, flags: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                gather(value, path, flags);
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            flags.insert(path, format!("[{}]", items.join(",")));
        }
        value => drop(flags.insert(path, plain(value))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use http::header::ACCEPT;
    use http_body_util::BodyExt;

    use super::*;

    /// What a page answers to somebody with this Accept header; `random` picks `:` as the delimiter.
    fn read(accept: &str, answer: impl FnOnce(&Asked<'_>) -> Result<Reply, Status>) -> (Reply, String) {
        let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().expect("a header"))]);
        let asked = Asked { headers: &headers, query: &Query::default(), random: 4 };
        let (parts, body) = answer(&asked).expect("a page").into_parts();
        let body = body.collect().now_or_never().expect("at once").expect("a body").to_bytes();
        (Reply::from_parts(parts, reply::empty()), String::from_utf8(body.to_vec()).expect("text"))
    }

    const WARNING_LINE: &str = "Warning: This endpoint is not meant to be machine parseable, has no formatting \
                                compatibility guarantees and is for debugging purposes only.";

    #[test]
    fn the_status_page_is_upstreams() {
        let version = Version::new("0", "2026-01-01T00:00:00Z");
        let paths =
            ["/apis/apps", "/livez/ping", "/livez", "/readyz/log", "/statusz", "/"].map(str::to_owned);
        let started = Timestamp::UNIX_EPOCH;
        let now = Timestamp::from_second(3 * 3600 + 62).expect("a time");
        let page = Running { version: &version, started, now, paths: paths.into() };
        let binary = version.git_version.trim_start_matches('v');
        let (reply, text) = read("", |asked| status(asked, &page));
        assert_eq!(reply.headers()["content-type"], "text/plain; charset=utf-8");
        let want = format!(
            "\napiserver statusz\n{WARNING_LINE}\n\nStarted: Thu Jan  1 00:00:00 UTC 1970\nUp: 3 hr 01 min 02 sec\n\
             Go version: rust\nBinary version: {binary}\nEmulation version: 1.36\nPaths: /livez /readyz /statusz\n"
        );
        assert_eq!(text, want);
        let wanted = |version: &str| format!("application/json;v={version};g=config.k8s.io;as=Statusz");
        let (reply, text) = read(&wanted("v1beta1"), |asked| status(asked, &page));
        let want = json!({
            "kind": "Statusz", "apiVersion": "config.k8s.io/v1beta1", "metadata": {"name": "apiserver"},
            "startTime": "1970-01-01T00:00:00Z", "uptimeSeconds": 10862, "goVersion": "rust", "binaryVersion": binary,
            "emulationVersion": "1.36", "paths": ["/livez", "/readyz", "/statusz"],
        });
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), want);
        assert!(!reply.headers().contains_key(WARNING));
        let (old, _) = read(&wanted("v1alpha1"), |asked| status(asked, &page));
        let warning =
            "299 - \"This version of the statusz endpoint is deprecated. Please use a newer version.\"";
        assert_eq!(old.headers()[WARNING], warning);
    }

    #[test]
    fn settings_are_flags_by_their_paths() {
        let configuration = json!({"data": "/var/lib", "api": {"audit": true, "names": ["a", "b"]}, "node": {"labels": {}, "maxPods": 110}});
        let (_, text) = read("text/plain", |asked| flags(asked, &configuration));
        let lines = "api.audit:true\napi.names:[a,b]\ndata:/var/lib\nnode.maxPods:110\n";
        assert_eq!(text, format!("\napiserver flagz\n{WARNING_LINE}\n{lines}"));
        let accept = "application/yaml;v=v1beta1;g=config.k8s.io;as=Flagz";
        let (_, text) = read(accept, |asked| flags(asked, &configuration));
        assert!(text.contains("flags:\n  api.audit: \"true\"\n"), "{text}");
    }
}
