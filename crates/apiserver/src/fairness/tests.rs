use std::sync::Arc;

use http::Method;
use ironclad_api::{Entry, ObjectKey};
use ironclad_client::{CachedResource, Deferred};
use ironclad_env::RealEnv;

use super::*;

/// Fairness over a cache without configuration: `exempt` and `catch-all` only.
fn bare() -> Arc<Fairness> {
    let cache: Arc<dyn Cache> = Arc::new(Deferred::default());
    Fairness::start(RealEnv::shared(), cache, &Registry::new(), CancellationToken::new()).expect("starts")
}

async fn enter(fairness: &Fairness, user: &User) -> (Option<Class>, Result<Seated, TooMany>) {
    let info = RequestInfo::new(&Method::GET, "/api/v1/namespaces/a/pods/b", &Query::default());
    let info = info.expect("readable");
    fairness.enter(&info, &Query::default(), user, || 0, Duration::from_millis(20)).await
}

#[tokio::test]
async fn too_many_requests_are_refused_but_never_an_administrators() {
    let fairness = bare();
    let user = User { groups: vec!["system:authenticated".into()], ..User::default() };
    let mut held = Vec::new();
    for _ in 0..configuration::TOTAL_SEATS {
        held.push(enter(&fairness, &user).await.1.expect("a seat"));
    }
    assert!(enter(&fairness, &user).await.1.is_err());
    let admin = User { groups: vec!["system:masters".into()], ..User::default() };
    assert!(enter(&fairness, &admin).await.1.is_ok());
    held.pop();
    assert!(enter(&fairness, &user).await.1.is_ok());
}

/// A level with queues for everybody, and its seats: one of six shares.
struct OneLevel;
const SEATS: usize = 100;

impl Cache for OneLevel {
    fn get(&self, _: &GroupResource, _: &ObjectKey) -> Option<Arc<Entry>> {
        None
    }

    fn list(&self, resource: &GroupResource, _: Option<&str>) -> Vec<Arc<Entry>> {
        let spec = match &*resource.resource {
            "flowschemas" => {
                serde_json::json!({"priorityLevelConfiguration": {"name": "one"}, "matchingPrecedence": 2,
                "distinguisherMethod": {"type": "ByUser"}, "rules": [{"subjects": [{"kind": "User", "user": {"name": "*"}}],
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}]}]})
            }
            _ => {
                serde_json::json!({"type": "Limited", "limited": {"nominalConcurrencyShares": 1,
                "limitResponse": {"type": "Queue", "queuing": {"queues": 8, "handSize": 2, "queueLengthLimit": 2}}}})
            }
        };
        let object = serde_json::json!({"metadata": {"name": "one", "uid": "u-1"}, "spec": spec});
        let meta = ironclad_api::entry::EntryMeta { key: ObjectKey::cluster("one"), ..Default::default() };
        vec![Arc::new(Entry::new(meta, 1, object.to_string().into()))]
    }

    fn observe(&self, _: &[GroupResource], _: Arc<dyn Observer>) {}

    fn resources(&self) -> Vec<CachedResource> {
        Vec::new()
    }

    fn revision(&self) -> u64 {
        1
    }
}

#[tokio::test]
async fn requests_wait_for_their_turn_and_go_when_they_have_waited_enough() {
    let registry = Registry::new();
    let fairness =
        Fairness::start(RealEnv::shared(), Arc::new(OneLevel), &registry, CancellationToken::new());
    let fairness = fairness.expect("starts");
    let user = User { name: "jane".into(), ..User::default() };
    let mut held = Vec::new();
    for _ in 1..SEATS {
        held.push(enter(&fairness, &user).await.1.expect("a seat"));
    }
    let (class, last) = enter(&fairness, &user).await;
    let mut headers = HeaderMap::new();
    class.expect("a class").write(&mut headers);
    assert_eq!(headers["x-kubernetes-pf-flowschema-uid"], "u-1");
    assert_eq!(headers["x-kubernetes-pf-prioritylevel-uid"], "u-1");
    assert!(last.is_ok());
    assert!(enter(&fairness, &user).await.1.is_err(), "it has waited for its time");
    let waiting = {
        let (fairness, user) = (fairness.clone(), user.clone());
        tokio::spawn(async move { enter(&fairness, &user).await.1.is_ok() })
    };
    tokio::time::sleep(Duration::from_millis(5)).await;
    drop(last);
    assert!(waiting.await.expect("no panic"), "its turn came");
    assert!(enter(&fairness, &user).await.1.is_ok(), "nothing is left of them");
}

/// What a request pays when nobody waits; printed by `cargo test -- --nocapture`, and kept from growing tenfold.
#[tokio::test]
async fn an_uncontended_request_pays_next_to_nothing() {
    const ROUNDS: u32 = 20_000;
    let fairness = bare();
    let user = User { name: "jane".into(), groups: vec!["system:authenticated".into()], ..User::default() };
    let info = RequestInfo::new(&Method::GET, "/api/v1/namespaces/a/pods/b", &Query::default());
    let (info, query) = (info.expect("readable"), Query::default());
    let start = fairness.env.elapsed();
    for _ in 0..ROUNDS {
        let (_, seated) = fairness.enter(&info, &query, &user, || 0, Duration::from_secs(1)).await;
        assert!(seated.is_ok());
    }
    let each = (fairness.env.elapsed() - start) / ROUNDS;
    println!("{each:?} per request");
    assert!(each < Duration::from_micros(20), "{each:?} in an unoptimized build");
}
