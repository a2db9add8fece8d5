//! The end of every write: one transaction, and the wait until the cache has seen it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ironclad_api::status::Status;
use ironclad_api::{Entry, Object, ObjectKey};
use ironclad_env::EnvironmentExt;
use ironclad_store::{Compare, Expect, Op, Range, StoreError, Txn, TxnResult};

use super::{Current, metrics};
use crate::cache::CLAIMS;
use crate::cache::entry_of_written;
use crate::codec;
use crate::engine::Engine;
use crate::registry::Served;

/// How long a committed write waits for the cache. It is durable already; the answer must come.
const APPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// What happens to the object.
pub(crate) enum Change<'a> {
    Put(&'a Object),
    Delete,
}

/// What became of it.
pub(crate) enum Committed {
    /// The new version; of a deletion the last one, stamped with the deletion's revision.
    Done(Arc<Entry>),
    /// The stored object is that already; nothing was written.
    Unchanged(Arc<Entry>),
    /// The object is not what it was.
    Lost,
    /// Another object holds a name that this one claims.
    LostClaim,
}

impl Engine {
    /// Commits a change of what stands at `key`, which is `old` (nothing, if `None`).
    pub(crate) async fn commit(
        &self,
        served: &Served,
        key: &ObjectKey,
        old: Option<&Current>,
        change: Change<'_>,
    ) -> Result<Committed, Status> {
        let kind = &served.kind;
        let store_key = kind.store_key(key);
        let mut txn = Txn { compares: vec![expectation(&store_key, old)], ops: Vec::new() };
        let encoded = match &change {
            Change::Put(object) => {
                let encoded = codec::encode(object);
                if let Some(old) =
                    old.filter(|old| codec::stamp(&encoded, old.entry.revision) == old.entry.json)
                    && !self.is_stale(served, &store_key).await?
                {
                    return Ok(Committed::Unchanged(old.entry.clone()));
                }
                let sealed = self.cluster.at_rest.seal(&kind.resource, &store_key, encoded.clone());
                let value = sealed.map_err(|error| Status::internal_error(error.to_string()))?;
                txn.ops.push(Op::Put { key: store_key.clone(), value });
                Some(encoded)
            }
            Change::Delete => {
                txn.ops.push(Op::Delete { key: store_key.clone() });
                None
            }
        };
        self.claim(served, &store_key, old, &change, &mut txn);
        let operation = match (&change, old) {
            (Change::Put(_), None) => "create",
            (Change::Put(_), Some(_)) => "update",
            (Change::Delete, _) => "delete",
        };
        let since = self.env.elapsed();
        let outcome = self.store.txn(txn).await;
        let took = self.env.elapsed().saturating_sub(since);
        metrics::committed(operation, &kind.resource, took, outcome.is_err());
        match outcome {
            Ok(TxnResult::Committed { revision }) => {
                Ok(Committed::Done(self.written(served, key, old, encoded, revision).await?))
            }
            Ok(TxnResult::Conflict { key, .. }) if key == store_key => Ok(Committed::Lost),
            Ok(TxnResult::Conflict { .. }) => Ok(Committed::LostClaim),
            Err(error) => Err(store_failed(&error)),
        }
    }

    /// Whether what is stored was sealed with a key that is no longer the first.
    async fn is_stale(&self, served: &Served, store_key: &Bytes) -> Result<bool, Status> {
        let (at_rest, resource) = (&self.cluster.at_rest, &served.kind.resource);
        if !at_rest.seals(resource) {
            return Ok(false);
        }
        let range = Range { prefix: store_key.clone(), after: None, limit: 1, revision: None };
        let found = self.store.range(range).await.map_err(|error| store_failed(&error))?;
        let stored = found.items.first().filter(|item| item.key == *store_key);
        Ok(stored.is_some_and(|item| at_rest.is_stale(resource, &item.value)))
    }

    /// Adds the taking and giving back of claims.
    fn claim(
        &self,
        served: &Served,
        store_key: &Bytes,
        old: Option<&Current>,
        change: &Change<'_>,
        txn: &mut Txn,
    ) {
        let strategy = served.strategy();
        let claims = |object: &Object| strategy.claims(object).into_iter().collect::<BTreeSet<String>>();
        let had = old.map(|old| claims(&old.object)).unwrap_or_default();
        let wants = match change {
            Change::Put(object) => claims(object),
            Change::Delete => BTreeSet::new(),
        };
        for claim in wants.difference(&had) {
            let key = Bytes::from([CLAIMS, claim].concat());
            txn.compares.push(Compare { key: key.clone(), expect: Expect::Absent });
            txn.ops.push(Op::Put { key, value: store_key.clone() });
        }
        for claim in had.difference(&wants) {
            txn.ops.push(Op::Delete { key: Bytes::from([CLAIMS, claim].concat()) });
        }
    }

    /// The committed version, once the cache has it.
    async fn written(
        &self,
        served: &Served,
        key: &ObjectKey,
        old: Option<&Current>,
        encoded: Option<Bytes>,
        revision: u64,
    ) -> Result<Arc<Entry>, Status> {
        let applied = &self.cluster.applied;
        if applied.revision() < revision
            && self.env.timeout(APPLY_TIMEOUT, applied.reached(revision)).await.is_none()
        {
            tracing::error!(revision, "the cache did not follow a committed write in time");
        }
        let Some(encoded) = encoded else {
            let last = old.map(|old| crate::cache::log::removed(&old.entry, revision).0);
            return last.ok_or_else(|| Status::internal_error("nothing was deleted"));
        };
        if let Some(entry) = served.kind.objects.get(key).filter(|entry| entry.revision == revision) {
            return Ok(entry);
        }
        // Somebody has written it again already.
        entry_of_written(&served.kind, &encoded, revision)
            .map_err(|error| Status::internal_error(error.to_string()))
    }
}

fn expectation(store_key: &Bytes, old: Option<&Current>) -> Compare {
    let expect = old.map_or(Expect::Absent, |old| Expect::ModifiedAt(old.entry.revision));
    Compare { key: store_key.clone(), expect }
}

/// A failure of the store, as a client sees it.
pub(crate) fn store_failed(error: &StoreError) -> Status {
    match error {
        StoreError::Full { .. } | StoreError::Unavailable(_) => {
            Status::service_unavailable(error.to_string())
        }
        StoreError::Corrupt { .. } => Status::store_read_error(error.to_string()),
        other => Status::internal_error(other.to_string()),
    }
}
