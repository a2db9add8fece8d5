//! URLs, queries and the options in them.

use ironclad_api::params::{
    DeleteOptions, GetOptions, ListOptions, LogOptions, PortForwardOptions, Query, StreamOptions,
    TableOptions, WriteOptions,
};
use ironclad_api::{GroupResource, go_url};

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "url",
    promise: "a query can be written and read again, and is the same; options too",
    check,
    words: &[
        "&",
        "=",
        ";",
        "%",
        "%2F",
        "%zz",
        "+",
        "labelSelector=",
        "fieldSelector=",
        "limit=",
        "continue=",
        "resourceVersion=",
        "resourceVersionMatch=",
        "watch=1",
        "sendInitialEvents=true",
        "timeoutSeconds=",
        "dryRun=All",
        "force=true",
        "fieldValidation=Strict",
        "gracePeriodSeconds=",
        "propagationPolicy=",
        "container=",
        "command=",
        "https://",
        "user:pass@",
        "[::1]:80",
        "/a/../b",
        "?",
        "#",
    ],
    made: none,
    short_run: 20_000,
};

fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    drop((go_url::parse(&text), go_url::request_uri(&text), go_url::is_request_uri(&text)));
    let query = Query::parse(&text);
    let again = Query::parse(&query.to_string());
    assert_eq!(again.to_string(), query.to_string());
    drop((
        GetOptions::from_query(&query),
        TableOptions::from_query(&query),
        DeleteOptions::from_query(&query),
    ));
    drop((WriteOptions::from_query(&query, "CreateOptions"), LogOptions::from_query(&query, "pod")));
    drop((StreamOptions::from_query(&query), PortForwardOptions::from_query(&query)));
    let pods = GroupResource::new("", "pods");
    if let Ok(options) = ListOptions::from_query(&query, &pods) {
        let written = options.to_query(false);
        let read = ListOptions::from_query(&written, &pods).expect("what was written can be read");
        assert_eq!(read.to_query(false).to_string(), written.to_string());
    }
}
