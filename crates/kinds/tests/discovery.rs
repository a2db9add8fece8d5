//! All kinds, held against what an API server of Kubernetes 1.36 says of its resources.

use std::collections::BTreeSet;
use std::sync::Arc;

use ironclad_engine::gate::{
    Attributes, Authenticated, Authorizer, Decision, RuleResolver, Rules, TokenAuthenticator, User,
};
use ironclad_engine::strategy::{Scope, Strategy, Subresource, VersionSpec};
use ironclad_env::BoxFuture;
use ironclad_kinds::service_account::{TokenGrant, TokenIssuer};
use jiff::Timestamp;

/// Group and version, resource, kind, scope, singular, verbs, short names, categories.
const FACTS: &str = include_str!("../../apiserver/tests/data/discovery.tsv");
/// What is not served yet. It only ever gets shorter.
const MISSING: [&str; 0] = [];

struct Nobody;

impl Authorizer for Nobody {
    fn authorize<'a>(&'a self, _: &'a Attributes) -> BoxFuture<'a, Decision> {
        Box::pin(std::future::ready(Decision::NoOpinion { reason: String::new() }))
    }
}

impl RuleResolver for Nobody {
    fn rules(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

impl TokenAuthenticator for Nobody {
    fn authenticate<'a>(
        &'a self,
        _: &'a str,
        _: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

impl TokenIssuer for Nobody {
    fn default_audiences(&self) -> Vec<String> {
        Vec::new()
    }

    fn issue(&self, _: &TokenGrant, _: Timestamp) -> Result<String, String> {
        Err("nobody issues tokens".to_owned())
    }
}

fn kinds() -> Vec<Arc<dyn Strategy>> {
    ironclad_kinds::all(&ironclad_kinds::Services {
        authorizer: Arc::new(Nobody),
        rules: Arc::new(Nobody),
        tokens: Arc::new(Nobody),
        issuer: Arc::new(Nobody),
        pod_network: "10.42.0.0/16".parse().expect("a network"),
        service_network: "10.43.0.0/16".parse().expect("a network"),
    })
}

fn joined(parts: &[&str], separator: &str) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(separator)
}

/// The lines of one version of a kind: its own, and one for each of its subresources.
fn lines(kind: &dyn Strategy, version: &VersionSpec) -> Vec<String> {
    let spec = kind.spec();
    let group = version.group.as_ref().unwrap_or(&spec.group);
    let group_version = joined(&[group, &version.version], "/");
    let scope = match spec.scope {
        Scope::Cluster => "Cluster",
        Scope::Namespaced => "Namespaced",
    };
    let words =
        |names: &[ironclad_api::gvk::Name]| names.iter().map(|name| &**name).collect::<Vec<_>>().join(",");
    let own = [
        &*group_version,
        &spec.resource,
        &spec.kind,
        scope,
        &spec.singular,
        &spec.verbs.join(","),
        &words(&spec.short_names),
        &words(&spec.categories),
    ];
    let subresource = |sub: &Subresource| {
        let name = format!("{}/{}", spec.resource, sub.name);
        let kind = sub.kind.as_ref().map_or_else(
            || spec.kind.to_string(),
            |kind| match (kind.group == *group, kind.version == version.version) {
                (true, true) => kind.kind.to_string(),
                _ => joined(&[&kind.group, &kind.version, &kind.kind], "/"),
            },
        );
        [&*group_version, &name, &kind, "", "", &sub.verbs.join(","), "", ""].join("\t")
    };
    let subresources = version.subresources.as_ref().unwrap_or(&spec.subresources);
    std::iter::once(own.join("\t")).chain(subresources.iter().map(subresource)).collect()
}

fn served() -> BTreeSet<String> {
    let kinds = kinds();
    // What has no verbs of its own is not a resource, only what stands below it is.
    let each = kinds.iter().filter(|kind| !kind.spec().verbs.is_empty());
    each.flat_map(|kind| kind.spec().versions.iter().flat_map(|version| lines(&**kind, version))).collect()
}

#[test]
fn every_stable_resource_is_what_upstream_says_it_is() {
    let served = served();
    let facts: BTreeSet<&str> = FACTS.lines().filter(|line| !line.starts_with('#')).collect();
    let foreign: Vec<&String> = served.iter().filter(|line| !facts.contains(line.as_str())).collect();
    assert!(foreign.is_empty(), "not upstream's: {foreign:#?}");
    let name = |line: &str| line.split('\t').take(2).collect::<Vec<_>>().join(" ");
    let missing: Vec<String> =
        facts.iter().filter(|line| !served.contains(**line)).map(|line| name(line)).collect();
    assert_eq!(missing, MISSING, "still missing");
}
