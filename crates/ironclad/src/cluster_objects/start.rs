//! Brings the cluster's objects about at the start, before anybody else can ask.

use futures::stream::{self, StreamExt, TryStreamExt};
use ironclad_api::Status;
use ironclad_client::{Cache, Client, Request, Target};

use super::Wanted;

/// Writes in flight at once; they share the store's commits.
const AT_ONCE: usize = 64;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub created: usize,
    pub mended: usize,
}

/// Makes what is missing and mends what is bent. Namespaces come before what is in them.
pub async fn start(wanted: &[Wanted], cache: &dyn Cache, client: &dyn Client) -> Result<Outcome, Status> {
    let (namespaces, others): (Vec<&Wanted>, Vec<&Wanted>) =
        wanted.iter().partition(|wanted| wanted.resource.resource == "namespaces");
    let mut outcome = Outcome::default();
    for stage in [namespaces, others] {
        let writes: Vec<Write> = stage.into_iter().filter_map(|wanted| request(wanted, cache)).collect();
        let done =
            stream::iter(writes.into_iter().map(|write| carry_out(client, write))).buffer_unordered(AT_ONCE);
        let part = done.try_fold(Outcome::default(), |sum, one| async move { Ok(sum.plus(one)) }).await?;
        outcome = outcome.plus(part);
    }
    Ok(outcome)
}

enum Write {
    Create(Request),
    Mend(Request),
}

fn request(wanted: &Wanted, cache: &dyn Cache) -> Option<Write> {
    let key = wanted.object.key();
    match cache.get(&wanted.resource.group_resource(), &key) {
        None => {
            let collection = Target::collection(wanted.resource.clone(), key.namespace);
            Some(Write::Create(Request::create(collection, wanted.object.clone())))
        }
        Some(entry) => {
            let mended = wanted.mended(&entry.object())?;
            Some(Write::Mend(Request::update(Target::object(wanted.resource.clone(), &key), mended)))
        }
    }
}

async fn carry_out(client: &dyn Client, write: Write) -> Result<Outcome, Status> {
    let (request, outcome) = match write {
        Write::Create(request) => (request, Outcome { created: 1, mended: 0 }),
        Write::Mend(request) => (request, Outcome { created: 0, mended: 1 }),
    };
    match client.call(request).await {
        Ok(_) => Ok(outcome),
        // The published policy names one role twice; the first one made it.
        Err(status) if status.is_already_exists() => Ok(Outcome::default()),
        Err(status) => Err(status),
    }
}

impl Outcome {
    fn plus(self, other: Self) -> Self {
        Self { created: self.created + other.created, mended: self.mended + other.mended }
    }
}
