//! Which requests are logged: all but those that say nothing and come all the time.

use crate::request_info::RequestInfo;

/// Reads that anybody may make, of paths that every client polls.
const QUIET_PATHS: [&str; 9] =
    ["/livez", "/readyz", "/healthz", "/version", "/metrics", "/openapi", "/api", "/apis", "/.well-known"];

/// Whether a request belongs into the log. Failed ones always do.
pub fn is_logged(info: &RequestInfo, code: u16) -> bool {
    if code >= 400 {
        return true;
    }
    match &info.resource {
        // Events are a log themselves.
        Some(resource) => {
            !(resource.resource == "events" && matches!(&*resource.group, "" | "events.k8s.io"))
        }
        None => !(info.is_read_only() && is_quiet(&info.path)),
    }
}

fn is_quiet(path: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    QUIET_PATHS.iter().any(|quiet| path.strip_prefix(quiet).is_some_and(below))
}

#[cfg(test)]
mod tests {
    use http::Method;
    use ironclad_api::params::Query;

    use super::*;

    #[test]
    fn what_is_polled_is_not_logged_unless_it_fails() {
        let check = |path: &str, code: u16, want: bool| {
            let info = RequestInfo::new(&Method::GET, path, &Query::default()).expect("readable");
            assert_eq!(is_logged(&info, code), want, "{path} {code}");
        };
        check("/readyz", 200, false);
        check("/readyz", 403, true);
        check("/apis/apps/v1", 200, false);
        check("/api/v1/secrets", 200, true);
        check("/api/v1/namespaces/x/events", 200, false);
        check("/apis/events.k8s.io/v1/events", 200, false);
        check("/apis/acme.com/v1/events", 200, true);
        check("/versions", 200, true);
    }
}
