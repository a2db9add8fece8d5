//! How many seats a request takes. Writes take one: what they cost beyond that is telling watchers, which is shared
//! work here and not, as upstream, work per watcher.

use ironclad_api::params::Query;

use crate::request_info::RequestInfo;

/// A seat stands for so many bytes in memory at a time; upstream's.
const BYTES_PER_SEAT: u64 = 100_000;

/// What a list, which is streamed, holds at most.
const MOST_BYTES: u64 = 1_000_000;

/// No object is looked at for this; most are smaller.
const BYTES_PER_OBJECT: u64 = 1_000;

/// `count` says how many objects there are of the request's resource.
pub fn seats(info: &RequestInfo, query: &Query, count: impl FnOnce() -> u64, widest: u32) -> u32 {
    let lists = match &*info.verb {
        "list" => true,
        "watch" => begins_with_objects(query),
        _ => false,
    };
    // With a name in its selector, a list is a get.
    let is_one = info.resource.as_ref().is_none_or(|resource| !resource.name.is_empty());
    if !lists || is_one {
        return 1;
    }
    let limit = query.text("limit").parse::<u64>().ok().filter(|limit| *limit > 0).unwrap_or(u64::MAX);
    let bytes = count().min(limit).saturating_mul(BYTES_PER_OBJECT).min(MOST_BYTES);
    let seats = u32::try_from(bytes.div_ceil(BYTES_PER_SEAT)).unwrap_or(u32::MAX);
    seats.clamp(1, widest.max(1))
}

/// Whether a watch sends what there is before it sends what happens.
fn begins_with_objects(query: &Query) -> bool {
    query.flag("sendInitialEvents") == Some(true) || matches!(query.text("resourceVersion"), "" | "0")
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn lists_are_as_wide_as_what_they_read() {
        let check = |request: &str, count: u64, widest: u32, want: u32| {
            let (method, url) = request.split_once(' ').expect("a request");
            let (path, query) = url.split_once('?').unwrap_or((url, ""));
            let query = Query::parse(query);
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let info = RequestInfo::new(&method, path, &query).expect("readable");
            assert_eq!(seats(&info, &query, || count, widest), want, "{request} {count}");
        };
        check("GET /api/v1/pods", 0, 10, 1);
        check("GET /api/v1/pods", 250, 10, 3);
        check("GET /api/v1/pods", 5_000, 20, 10);
        check("GET /api/v1/pods", 5_000, 4, 4);
        check("GET /api/v1/pods?limit=100", 5_000, 10, 1);
        check("GET /api/v1/pods?fieldSelector=metadata.name%3Da", 5_000, 10, 1);
        check("GET /api/v1/namespaces/a/pods/b", 5_000, 10, 1);
        check("GET /api/v1/pods?watch=1&resourceVersion=7", 5_000, 10, 1);
        check("GET /api/v1/pods?watch=1", 5_000, 10, 10);
        check("GET /api/v1/pods?watch=1&resourceVersion=7&sendInitialEvents=true", 5_000, 10, 10);
        check("POST /api/v1/namespaces/a/pods", 5_000, 10, 1);
        check("GET /version", 5_000, 10, 1);
    }
}
