//! What the cluster's FlowSchemas and PriorityLevelConfigurations say, ready for use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use ironclad_api::{GroupResource, Object};
use ironclad_client::Cache;
use ironclad_engine::User;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::lane::Lane;
use super::level::{Mode, Queuing};
use super::metrics::Metrics;
use super::schema::{Schema, Spec};
use super::seats::Shares;
use crate::request_info::RequestInfo;

const GROUP: &str = "flowcontrol.apiserver.k8s.io";

/// Seats of all levels together; upstream's `--max-requests-inflight` and `--max-mutating-requests-inflight`.
pub const TOTAL_SEATS: u32 = 600;

const EXEMPT: &str = "exempt";
const CATCH_ALL: &str = "catch-all";

/// `PriorityLevelConfiguration.spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct LevelSpec {
    #[serde(rename = "type")]
    kind: String,
    limited: Option<Limited>,
    exempt: Option<Limited>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Limited {
    nominal_concurrency_shares: Option<u32>,
    lendable_percent: Option<u32>,
    borrowing_limit_percent: Option<u32>,
    limit_response: Response,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Response {
    queuing: Option<QueuingSpec>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct QueuingSpec {
    queues: usize,
    hand_size: usize,
    queue_length_limit: usize,
}

/// One state of the configuration. Requests see it whole.
pub struct Configuration {
    /// In the order in which they are asked.
    schemas: Vec<(Schema, Arc<Lane>)>,
    pub lanes: Vec<Arc<Lane>>,
}

/// Where a request belongs.
pub struct Classified<'a> {
    pub schema: &'a Schema,
    pub lane: &'a Arc<Lane>,
}

impl Configuration {
    /// Reads it from the cache. Lanes that stay keep who is in them. What no server can be without is there in any
    /// case, and so is every request's place.
    pub fn read(cache: &dyn Cache, old: Option<&Self>, metrics: &Metrics, now: Duration) -> Self {
        let objects = |resource: &'static str| {
            let all = cache.list(&GroupResource::new(GROUP, resource), None);
            all.iter().map(|entry| entry.object()).collect::<Vec<_>>()
        };
        let (levels, schemas) = (objects("prioritylevelconfigurations"), objects("flowschemas"));
        Self::new(&levels, &schemas, old, metrics, now)
    }

    fn new(
        levels: &[Object],
        schemas: &[Object],
        old: Option<&Self>,
        metrics: &Metrics,
        now: Duration,
    ) -> Self {
        let mut wanted: BTreeMap<&str, (HeaderValue, Mode, Shares)> = BTreeMap::new();
        let (exempt, catch_all) = mandatory_levels();
        for level in [&exempt, &catch_all].into_iter().chain(levels) {
            if let Some((mode, shares)) = settings(level.name(), &spec(level)) {
                wanted.insert(level.name(), (uid(level), mode, shares));
            }
        }
        let sum: u32 = wanted.values().map(|(_, _, shares)| shares.nominal).sum();
        let lanes: BTreeMap<&str, Arc<Lane>> = wanted
            .into_iter()
            .map(|(name, (uid, mode, shares))| {
                let bounds = shares.bounds(TOTAL_SEATS, sum);
                let known = old.and_then(|old| old.lanes.iter().find(|lane| lane.is(name, &uid, mode)));
                let lane = known.cloned().unwrap_or_else(|| Lane::new(name, uid, mode, bounds, metrics, now));
                lane.set_bounds(bounds);
                (name, lane)
            })
            .collect();
        let mandatory = mandatory_schemas();
        let missing =
            mandatory.iter().filter(|fixed| schemas.iter().all(|known| known.name() != fixed.name()));
        let mut used: Vec<(Schema, Arc<Lane>)> = Vec::new();
        for object in schemas.iter().chain(missing) {
            let spec: Spec = spec(object);
            // Without its level it is dangling, which its status says.
            let Some(lane) = lanes.get(spec.priority_level_configuration.name.as_str()) else { continue };
            let figures = metrics.figures(lane.name(), object.name());
            used.push((Schema { name: object.name().into(), uid: uid(object), spec, figures }, lane.clone()));
        }
        used.sort_by(|(a, _), (b, _)| {
            a.spec.matching_precedence.cmp(&b.spec.matching_precedence).then_with(|| a.name.cmp(&b.name))
        });
        Self { schemas: used, lanes: lanes.into_values().collect() }
    }

    /// The first schema that the request matches; the last one, which all match, if none does.
    pub fn classify(&self, info: &RequestInfo, user: &User) -> Option<Classified<'_>> {
        let found = self.schemas.iter().find(|(schema, _)| schema.matches(info, user));
        found.or(self.schemas.last()).map(|(schema, lane)| Classified { schema, lane })
    }
}

fn spec<T: DeserializeOwned + Default>(object: &Object) -> T {
    let spec = object.0.get("spec").cloned().unwrap_or(Value::Null);
    serde_json::from_value(spec).unwrap_or_default()
}

fn uid(object: &Object) -> HeaderValue {
    HeaderValue::from_str(object.uid()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `None` for what is no whole configuration: it counts as absent.
fn settings(name: &str, spec: &LevelSpec) -> Option<(Mode, Shares)> {
    if (spec.kind == "Exempt") != (name == EXEMPT) {
        return None;
    }
    let (mode, limits, shares) = match spec.kind.as_str() {
        "Exempt" => (Mode::Exempt, spec.exempt.clone().unwrap_or_default(), 0),
        "Limited" => {
            let limited = spec.limited.clone()?;
            let mode = match &limited.limit_response.queuing {
                Some(queuing) => Mode::Queue(Queuing {
                    queues: queuing.queues,
                    hand: queuing.hand_size,
                    length: queuing.queue_length_limit,
                }),
                None => Mode::Reject,
            };
            (mode, limited, 30)
        }
        _ => return None,
    };
    let shares = Shares {
        nominal: limits.nominal_concurrency_shares.unwrap_or(shares),
        lendable_percent: limits.lendable_percent.unwrap_or(0).min(100),
        borrowing_percent: limits.borrowing_limit_percent,
    };
    Some((mode, shares))
}

fn object(name: &str, spec: Value) -> Object {
    Object::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap_or_default()
}

fn mandatory_levels() -> (Object, Object) {
    let exempt = json!({"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}});
    let catch_all = json!({"type": "Limited", "limited": {"nominalConcurrencyShares": 5, "lendablePercent": 0,
        "limitResponse": {"type": "Reject"}}});
    (object(EXEMPT, exempt), object(CATCH_ALL, catch_all))
}

fn mandatory_schemas() -> [Object; 2] {
    let schema = |name: &str, precedence: u32, groups: &[&str]| {
        let subjects: Vec<Value> =
            groups.iter().map(|group| json!({"kind": "Group", "group": {"name": group}})).collect();
        let all = json!(["*"]);
        object(
            name,
            json!({"priorityLevelConfiguration": {"name": name}, "matchingPrecedence": precedence, "rules": [{
                "subjects": subjects,
                "resourceRules": [{"verbs": all, "apiGroups": all, "resources": all, "clusterScope": true, "namespaces": all}],
                "nonResourceRules": [{"verbs": all, "nonResourceURLs": all}],
            }]}),
        )
    };
    [
        schema(EXEMPT, 1, &["system:masters"]),
        schema(CATCH_ALL, 10_000, &["system:unauthenticated", "system:authenticated"]),
    ]
}

#[cfg(test)]
mod tests {
    use http::Method;
    use ironclad_api::params::Query;

    use super::*;

    fn check(levels: &[Object], schemas: &[Object], user: &str, groups: &[&str], want: (&str, &str)) {
        let metrics = Metrics::new(&prometheus::Registry::new()).expect("registers");
        let configuration = Configuration::new(levels, schemas, None, &metrics, Duration::ZERO);
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        let user = User { name: user.into(), groups, ..User::default() };
        let info = RequestInfo::new(&Method::GET, "/api/v1/pods", &Query::default()).expect("readable");
        let found = configuration.classify(&info, &user).expect("a place");
        assert_eq!((&*found.schema.name, found.lane.name()), want, "{}", user.name);
    }

    #[test]
    fn every_request_has_a_place_whatever_is_configured() {
        let dev = json!([{"kind": "Group", "group": {"name": "dev"}}]);
        let rule = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true}]);
        let schema = |name: &str, level: &str, precedence: u32| {
            object(
                name,
                json!({"priorityLevelConfiguration": {"name": level}, "matchingPrecedence": precedence,
                "rules": [{"subjects": dev, "resourceRules": rule}]}),
            )
        };
        let level = object(
            "work",
            json!({"type": "Limited", "limited": {"nominalConcurrencyShares": 10, "limitResponse":
            {"type": "Queue", "queuing": {"queues": 64, "handSize": 6, "queueLengthLimit": 50}}}}),
        );
        let broken = object("broken", json!({"type": "Exempt"}));
        check(&[], &[], "jane", &["system:masters"], ("exempt", "exempt"));
        check(&[], &[], "jane", &["system:authenticated"], ("catch-all", "catch-all"));
        check(&[], &[], "jane", &[], ("catch-all", "catch-all"));
        let levels = [level, broken];
        check(&levels, &[schema("a", "work", 500)], "jane", &["dev"], ("a", "work"));
        check(
            &levels,
            &[schema("b", "work", 500), schema("a", "work", 500)],
            "jane",
            &["dev"],
            ("a", "work"),
        );
        check(
            &levels,
            &[schema("b", "work", 400), schema("a", "work", 500)],
            "jane",
            &["dev"],
            ("b", "work"),
        );
        check(&levels, &[schema("a", "gone", 500)], "jane", &["dev"], ("catch-all", "catch-all"));
        check(&levels, &[schema("a", "broken", 500)], "jane", &["dev"], ("catch-all", "catch-all"));
        check(&levels, &[schema("a", "work", 500)], "joe", &["dev", "system:masters"], ("exempt", "exempt"));
    }
}
