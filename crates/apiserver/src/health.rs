//! `/livez`, `/readyz` and `/healthz`: named checks, each also on a path of its own.
//! Source: <https://kubernetes.io/docs/reference/using-api/health-checks/>

use std::collections::BTreeSet;
use std::sync::Arc;

use ironclad_api::goprint::quote_list;
use ironclad_api::params::Query;

use crate::reply::{self, Reply};

/// Looks at one thing, at once; the error is for the log.
pub type Probe = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// A named check.
#[derive(Clone)]
pub struct Check {
    pub name: &'static str,
    /// Whether the process should be restarted when it fails; else it only gets no requests.
    pub liveness: bool,
    pub probe: Probe,
}

impl Check {
    pub fn live(name: &'static str, probe: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self { name, liveness: true, probe: Arc::new(probe) }
    }

    pub fn ready(name: &'static str, probe: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self { name, liveness: false, probe: Arc::new(probe) }
    }
}

/// Answers a health path; `None` if the path is not one.
pub fn serve(checks: &[Check], path: &str, query: &Query) -> Option<Reply> {
    let (root, one) = match path.trim_start_matches('/').split_once('/') {
        Some((root, one)) => (root, one.trim_end_matches('/')),
        None => (path.trim_start_matches('/'), ""),
    };
    let readiness = match root {
        "readyz" => true,
        "livez" | "healthz" => false,
        _ => return None,
    };
    let mut relevant = checks.iter().filter(|check| readiness || check.liveness);
    if one.is_empty() {
        return Some(all(root, relevant, query));
    }
    Some(match relevant.find(|check| check.name == one) {
        Some(check) => single(check),
        None => not_found(),
    })
}

fn all<'a>(root: &str, checks: impl Iterator<Item = &'a Check>, query: &Query) -> Reply {
    let mut unknown: BTreeSet<&str> = query.all("exclude").collect();
    let excluded = unknown.clone();
    let mut report = String::new();
    let mut healthy = true;
    for check in checks {
        let name = check.name;
        if excluded.contains(name) {
            unknown.remove(name);
            report.push_str(&format!("[+]{name} excluded: ok\n"));
            continue;
        }
        match (check.probe)() {
            Ok(()) => report.push_str(&format!("[+]{name} ok\n")),
            Err(why) => {
                healthy = false;
                // The path is open to everybody; the reason is not.
                tracing::warn!(check = name, why, "{root} check failed");
                report.push_str(&format!("[-]{name} failed: reason withheld\n"));
            }
        }
    }
    if !unknown.is_empty() {
        let names = quote_list(unknown);
        report.push_str(&format!("warn: some health checks cannot be excluded: no matches for {names}\n"));
    }
    match (healthy, query.first("verbose").is_some()) {
        (false, _) => reply::text(500, format!("{report}{root} check failed\n")),
        (true, false) => reply::text(200, "ok"),
        (true, true) => reply::text(200, format!("{report}{root} check passed\n")),
    }
}

fn single(check: &Check) -> Reply {
    match (check.probe)() {
        Ok(()) => reply::text(200, "ok"),
        Err(why) => reply::text(500, format!("internal server error: {why}\n")),
    }
}

/// The page of upstream's mux for a path that nobody serves.
pub fn not_found() -> Reply {
    reply::text(404, "404 page not found\n")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use futures::FutureExt;

    use super::*;

    #[test]
    fn checks_are_reported_as_upstream_reports_them() {
        let checks = [
            Check::live("ping", || Ok(())),
            Check::ready("store", || Err("disk full".into())),
            Check::ready("informer-sync", || Ok(())),
        ];
        let check = |url: &str, code: u16, want: &str| {
            let (path, query) = url.split_once('?').unwrap_or((url, ""));
            let reply = serve(&checks, path, &Query::parse(query)).expect("a health path");
            assert_eq!(reply.status(), code, "{url}");
            let body =
                reply.into_body().collect().now_or_never().expect("at once").expect("a body").to_bytes();
            assert_eq!(body, want, "{url}");
        };
        check("/livez", 200, "ok");
        check("/livez?verbose", 200, "[+]ping ok\nlivez check passed\n");
        check("/livez/ping", 200, "ok");
        check("/livez/store", 404, "404 page not found\n");
        let failed =
            "[+]ping ok\n[-]store failed: reason withheld\n[+]informer-sync ok\nreadyz check failed\n";
        check("/readyz", 500, failed);
        check("/readyz?exclude=store", 200, "ok");
        check(
            "/readyz?exclude=store&exclude=x&verbose",
            200,
            "[+]ping ok\n[+]store excluded: ok\n[+]informer-sync ok\n\
             warn: some health checks cannot be excluded: no matches for \"x\"\nreadyz check passed\n",
        );
        check("/readyz/store", 500, "internal server error: disk full\n");
        assert!(serve(&checks, "/metrics", &Query::default()).is_none());
    }
}
