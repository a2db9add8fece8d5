//! The one write path. Create, update, the four kinds of patch, and changes from inside
//! are inputs to it; deletes share its ends.

pub mod actions;
pub mod body;
pub mod checks;
pub mod collection;
pub mod commit;
pub mod delete;
pub mod forms;
pub mod input;
mod metrics;
pub mod options;
pub mod owners;
pub mod parts;
pub mod patching;
pub mod system;

use std::borrow::Cow;
use std::sync::Arc;

use ironclad_api::field::Path;
use ironclad_api::status::Status;
use ironclad_api::validation::{meta, name};
use ironclad_api::{Entry, GroupKind, Object, ObjectKey};
use ironclad_client::Target;
use jiff::Timestamp;
use serde_json::Value;

use self::commit::{Change, Committed};
use self::input::Input;
use crate::engine::Engine;
use crate::gate::{AdmissionOperation, AdmissionRequest, Context, RequestOptions};
use crate::read;
use crate::registry::Served;
use crate::response::Response;
use crate::strategy::{Part, Preparation, Strategy};

/// A write that loses races this often is given back to the client.
const MAX_ATTEMPTS: usize = 64;

/// A generated name that is taken is replaced this often, as upstream.
const MAX_NAMES: usize = 8;

/// A write on its way.
pub(crate) struct Write<'a> {
    pub context: &'a Context,
    pub served: &'a Served,
    pub part: Part,
    pub target: Target,
    pub input: Input<'a>,
    pub dry_run: bool,
    /// Admission has seen it in another form (a Scale) already.
    pub admitted: bool,
}

/// What stands at the target now.
pub(crate) struct Current {
    pub entry: Arc<Entry>,
    /// In the storage version.
    pub object: Object,
}

impl Current {
    /// Lends the tree as a value, which patches and the owners of fields work on.
    pub fn lend<T>(&mut self, read: impl FnOnce(&Value) -> T) -> T {
        let tree = Value::Object(std::mem::take(&mut self.object.0));
        let result = read(&tree);
        if let Value::Object(fields) = tree {
            self.object.0 = fields;
        }
        result
    }
}

impl Write<'_> {
    pub fn strategy(&self) -> &dyn Strategy {
        self.served.strategy().as_ref()
    }

    pub fn key(&self) -> ObjectKey {
        read::key_of(self.served, &self.target)
    }

    /// The kind, group and name of errors.
    pub fn invalid(&self, object: &Object, errors: &[ironclad_api::FieldError]) -> Status {
        // The group of the stored kind: both Events are errors of `Event`.
        let kind = GroupKind::new(self.served.kind.storage.group.clone(), self.served.gvk.kind.clone());
        Status::invalid(&kind, object.name(), errors)
    }
}

impl Engine {
    /// Carries a write through: it starts over with the newest state when it loses a race.
    pub(crate) async fn write(&self, write: &mut Write<'_>) -> Result<Response, Status> {
        for attempt in 1..=MAX_ATTEMPTS {
            let mut old = self.current(write).await?;
            self.authorize_create_on_update(write, old.as_ref()).await?;
            let now = self.env.now();
            let mut new = self.propose(write, old.as_mut(), now).await?;
            self.mutate(write, &mut new, old.as_ref()).await?;
            self.prepare(write, &mut new, old.as_ref(), now)?;
            self.validate(write, &new, old.as_ref(), now).await?;
            write.strategy().canonicalize(&mut new);
            owners::keep_times(&mut new, old.as_ref());
            self.admit(write, &mut new, old.as_ref()).await?;
            if let Some(response) = self.commit_write(write, new, old).await? {
                return Ok(response);
            }
            if write.input.generates_name() && attempt >= MAX_NAMES {
                let resource = write.target.resource.group_resource();
                return Err(Status::generate_name_conflict(&resource, &write.target.name, 1));
            }
        }
        Err(Status::server_timeout(&write.target.resource.group_resource(), write.input.verb(), 2))
    }

    /// What stands at the target; `None` for creates, and where an absent object may be created.
    async fn current(&self, write: &Write<'_>) -> Result<Option<Current>, Status> {
        if write.input.is_create() {
            return Ok(None);
        }
        match write.served.kind.objects.get(&write.key()) {
            Some(entry) => self.current_of(write.served, entry).await.map(Some),
            // As upstream: a view of what is not there creates nothing.
            None if write.part == Part::Main && write.input.creates_absent(write.strategy()) => Ok(None),
            None => Err(Status::not_found(&write.target.resource.group_resource(), &write.target.name)),
        }
    }

    /// The tree of a stored object, in the storage version.
    pub(crate) async fn current_of(&self, served: &Served, entry: Arc<Entry>) -> Result<Current, Status> {
        let object = entry.object();
        let storage = served.kind.storage.group_version();
        let object = match object.api_version() == storage.to_string() {
            true => object,
            false => self.convert_one(served, object, &storage).await?,
        };
        Ok(Current { entry, object })
    }

    /// An update or apply that creates needs the right to create.
    async fn authorize_create_on_update(
        &self,
        write: &Write<'_>,
        old: Option<&Current>,
    ) -> Result<(), Status> {
        match old.is_none() && !write.input.is_create() {
            true => self.authorize(write.context, "create", &write.target).await,
            false => Ok(()),
        }
    }

    async fn mutate(&self, write: &Write<'_>, new: &mut Object, old: Option<&Current>) -> Result<(), Status> {
        if !write.admitted {
            let mut request = admission_request(write, new, old);
            self.admission.mutate(&mut request).await?;
        }
        system::dedup_owners(write.context, new, true);
        Ok(())
    }

    async fn admit(&self, write: &Write<'_>, new: &mut Object, old: Option<&Current>) -> Result<(), Status> {
        match write.admitted {
            true => Ok(()),
            false => self.admission.validate(&admission_request(write, new, old)).await,
        }
    }

    /// Puts the fields that the server owns in place, and lets the kind do so.
    fn prepare(
        &self,
        write: &mut Write<'_>,
        new: &mut Object,
        old: Option<&Current>,
        now: Timestamp,
    ) -> Result<(), Status> {
        let before = old.map(|old| &old.object);
        match old {
            None => {
                system::refuse_revision(write, new)?;
                system::fill(&self.env, write.strategy(), new, now);
                write.target.name = new.name().to_owned();
            }
            Some(old) => system::check_revision(write, new, old)?,
        }
        parts::keep(write.part, write.served, new, before);
        let claimed = self.claimed_by_others(write);
        let preparation = self.preparation(write, now, &claimed);
        if let Some(before) = before {
            system::keep_generation(new, before);
        }
        write.strategy().prepare(new, before, &preparation)?;
        match before {
            Some(before) => system::keep_identity(new, before),
            // A kind may name what has no name.
            None => write.target.name = new.name().to_owned(),
        }
        system::count_generation(write.served, write.part, new, before);
        Ok(())
    }

    /// Everything that is wrong with the object, in one answer.
    async fn validate(
        &self,
        write: &Write<'_>,
        new: &Object,
        old: Option<&Current>,
        now: Timestamp,
    ) -> Result<(), Status> {
        let path = Path::new("metadata");
        let namespaced = write.served.kind.is_namespaced();
        let before = old.map(|old| &old.object);
        let mut errors = match before {
            None => meta::create(new, namespaced, write.strategy().name_rule(), &path),
            Some(_) => meta::create(new, namespaced, name::path_segment, &path),
        };
        if write.strategy().knows_finalizers() {
            errors.extend(meta::standard_finalizers(new, &path));
        }
        errors.extend(before.into_iter().flat_map(|before| meta::update(new, before, &path)));
        let seen = self.as_requested(write, new).await?;
        let seen_before = match before {
            Some(before) => Some(self.as_requested(write, before).await?),
            None => None,
        };
        let (new, before) = (seen.as_ref(), seen_before.as_deref());
        let claimed = self.claimed_by_others(write);
        let preparation = self.preparation(write, now, &claimed);
        errors.extend(write.strategy().validate(new, before, &preparation));
        if !errors.is_empty() {
            return Err(write.invalid(new, &errors));
        }
        // As upstream: who writes a part of an object is not told of the rest.
        if write.part == Part::Main {
            write.strategy().warnings(new, before).into_iter().for_each(|text| write.context.warn(text));
        }
        Ok(())
    }

    /// The object in the version of the request, where that says something else than the stored one.
    async fn as_requested<'o>(
        &self,
        write: &Write<'_>,
        object: &'o Object,
    ) -> Result<Cow<'o, Object>, Status> {
        match write.strategy().converts_content() && !write.served.is_storage() {
            true => {
                let requested = write.served.gvk.group_version();
                Ok(Cow::Owned(self.convert_one(write.served, object.clone(), &requested).await?))
            }
            false => Ok(Cow::Borrowed(object)),
        }
    }

    fn claimed_by_others<'a>(&'a self, write: &Write<'_>) -> impl Fn(&str) -> bool + Send + Sync + use<'a> {
        let own = write.served.kind.store_key(&write.key());
        move |claim| self.cluster.claim_holder(claim).is_some_and(|holder| holder != own)
    }

    fn preparation<'p>(
        &'p self,
        write: &'p Write<'_>,
        now: Timestamp,
        claimed: &'p (dyn Fn(&str) -> bool + Send + Sync),
    ) -> Preparation<'p> {
        Preparation {
            now,
            env: &self.env,
            cache: &*self.cluster,
            user: &write.context.user,
            context: write.context,
            part: write.part,
            requested: &write.served.gvk,
            claimed,
        }
    }

    /// Commits, or says what a dry run would have. `None`: a race was lost.
    async fn commit_write(
        &self,
        write: &mut Write<'_>,
        new: Object,
        old: Option<Current>,
    ) -> Result<Option<Response>, Status> {
        let created = old.is_none();
        let ends = old.as_ref().is_some_and(|old| delete::ends_with(write.strategy(), &new, &old.object));
        if write.dry_run {
            return self.dry_run(write, new, created).await.map(Some);
        }
        let change = if ends { Change::Delete } else { Change::Put(&new) };
        let committed = self.commit(write.served, &write.key(), old.as_ref(), change).await?;
        match committed {
            // The client of an update expects an object, also when that was the object's end.
            Committed::Done(_) | Committed::Unchanged(_) if ends => {
                let object = self.convert_one(write.served, new, &write.served.gvk.group_version()).await?;
                Ok(Some(Response::Object { object, created }))
            }
            Committed::Done(entry) | Committed::Unchanged(entry) => {
                let entry = self.in_version(write.served, vec![entry]).await?.pop();
                let entry = entry.ok_or_else(|| Status::internal_error("a conversion lost an object"))?;
                Ok(Some(Response::Entry { entry, created }))
            }
            Committed::Lost if created && !write.input.generates_name() && write.input.is_create() => {
                Err(self.already_exists(write))
            }
            Committed::Lost | Committed::LostClaim => {
                self.after_lost_race().await?;
                Ok(None)
            }
        }
    }

    /// The answer of a write that is not to happen.
    async fn dry_run(&self, write: &Write<'_>, new: Object, created: bool) -> Result<Response, Status> {
        if created && write.served.kind.objects.get(&write.key()).is_some() {
            return Err(self.already_exists(write));
        }
        let object = self.convert_one(write.served, new, &write.served.gvk.group_version()).await?;
        Ok(Response::Object { object, created })
    }

    fn already_exists(&self, write: &Write<'_>) -> Status {
        let mut status = Status::already_exists(&write.target.resource.group_resource(), &write.target.name);
        let standing = write.served.kind.objects.get(&write.key());
        if standing.is_some_and(|entry| entry.object().deletion_timestamp().is_some()) {
            status.message = format!("object is being deleted: {}", status.message);
        }
        status
    }

    /// Waits until the cache knows what the race was lost to.
    pub(crate) async fn after_lost_race(&self) -> Result<(), Status> {
        self.fresh(Some(self.store.revision())).await
    }

    pub(crate) async fn convert_one(
        &self,
        served: &Served,
        object: Object,
        to: &ironclad_api::GroupVersion,
    ) -> Result<Object, Status> {
        if object.api_version() == to.to_string() {
            return Ok(object);
        }
        let converted = served.strategy().convert(vec![object], to).await?.pop();
        converted.ok_or_else(|| Status::internal_error("a conversion lost an object"))
    }
}

fn admission_request<'r>(
    write: &'r Write<'_>,
    new: &'r mut Object,
    old: Option<&'r Current>,
) -> AdmissionRequest<'r> {
    let operation = if old.is_none() { AdmissionOperation::Create } else { AdmissionOperation::Update };
    AdmissionRequest {
        context: write.context,
        operation,
        target: &write.target,
        kind: &write.served.gvk,
        object: Some(new),
        old: old.map(|old| &old.object),
        dry_run: write.dry_run,
        served: Some(write.served),
        options: write.input.options().sent.as_ref().map_or(RequestOptions::None, RequestOptions::Write),
    }
}
