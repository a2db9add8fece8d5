//! Deletes bootstrap tokens whose time is over.

use ironclad_api::ObjectKey;
use ironclad_api::bootstrap_token::{BootstrapToken, Expiry, NAMESPACE, TYPE};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;

use super::until;
use crate::resources::SECRETS;

pub struct TokenCleaner;

impl Controller for TokenCleaner {
    fn name(&self) -> &'static str {
        "token-cleaner"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::new(SECRETS.group_resource(), |change, _| {
            let entry = change.entry();
            let ours = entry.key.namespace == NAMESPACE && entry.field("type") == Some(TYPE);
            ours.then(|| entry.key.clone()).into_iter().collect()
        })]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let Some(entry) = view.cache.get(&SECRETS.group_resource(), key) else { return Plan::done() };
        let mut plan = Plan::done();
        match BootstrapToken::of(&entry.object()).map(|token| token.expiry(now)) {
            None | Some(Expiry::Never) => {}
            Some(Expiry::At(end)) => plan.requeue_in(until(end, now)),
            Some(Expiry::Expired) => plan.then(Write::delete(SECRETS.object(key), &entry.uid)),
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ironclad_client::testing::Objects;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_over_goes_and_what_ends_is_looked_at_then() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let check = |kind: &str, expiration: &str, deleted: bool, again: Option<Duration>| {
            let cache = Objects::default();
            cache.put(
                "",
                "secrets",
                json!({
                    "metadata": { "namespace": NAMESPACE, "name": "bootstrap-token-abc123", "uid": "u" },
                    "type": kind,
                    "data": { "expiration": STANDARD.encode(expiration) },
                }),
            );
            let key = ObjectKey::new(NAMESPACE, "bootstrap-token-abc123");
            let plan = TokenCleaner.reconcile(&View { cache: &cache, last_failure: None }, &key, now);
            assert_eq!(!plan.stages.is_empty(), deleted, "{kind} {expiration}");
            assert_eq!(plan.requeue_after, again, "{kind} {expiration}");
        };
        check(TYPE, "", false, None);
        check(TYPE, "2026-01-01T00:01:00Z", false, Some(Duration::from_millis(60_001)));
        check(TYPE, "2025-12-31T23:59:59Z", true, None);
        check(TYPE, "nonsense", true, None);
        check("Opaque", "2025-12-31T23:59:59Z", false, None);
    }
}
