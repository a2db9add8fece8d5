//! Requests in figures, by upstream's names. They are the process's, whoever sends them.

use std::sync::LazyLock;

use http::{Method, StatusCode};
use prometheus::{IntCounterVec, register_int_counter_vec};

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "rest_client_requests_total",
        "Number of HTTP requests, partitioned by status code, method, and host.",
        &["code", "method", "host"]
    )
    .expect("names and labels are constants")
});

/// Counts a request; `code` is `None` if there was no answer. `host` comes with its port.
pub fn requested(method: &Method, host: &str, code: Option<StatusCode>) {
    let code = code.as_ref().map_or("<error>", StatusCode::as_str);
    REQUESTS.with_label_values(&[code, method.as_str(), host]).inc();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_what_came_of_them() {
        for code in [Some(StatusCode::OK), None, None] {
            requested(&Method::GET, "tests:1", code);
        }
        let count = |code: &str| REQUESTS.with_label_values(&[code, "GET", "tests:1"]).get();
        assert_eq!((count("200"), count("<error>")), (1, 2));
    }
}
