//! What a kind is: data plus a strategy.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::apply::FieldSet;
use ironclad_api::field::FieldError;
use ironclad_api::gvk::Name;
use ironclad_api::params::{DeleteOptions, PropagationPolicy};
use ironclad_api::schema::Schema;
use ironclad_api::status::Status;
use ironclad_api::validation::name::{self, NameRule};
use ironclad_api::{GroupResource, GroupVersion, GroupVersionKind, Object};
use ironclad_client::Cache;
use ironclad_client::request::Target;
use ironclad_env::{BoxFuture, Env};
use jiff::Timestamp;
use serde_json::Value;

use crate::gate::{Context, User};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Cluster,
    Namespaced,
}

/// The data of a kind. Routes, discovery, OpenAPI and tables are derived from it.
pub struct KindSpec {
    pub group: Name,
    pub kind: Name,
    /// The plural in URLs: `deployments`.
    pub resource: Name,
    pub singular: Name,
    pub short_names: Vec<Name>,
    pub categories: Vec<Name>,
    pub scope: Scope,
    /// Most preferred first. Exactly one is `storage`.
    pub versions: Vec<VersionSpec>,
    pub subresources: Vec<Subresource>,
    /// The verbs of the resource itself; [`ALL_VERBS`] for most.
    pub verbs: &'static [&'static str],
    /// The columns of `kubectl get`, `Name` first and `Age` where upstream has it.
    pub columns: Vec<Column>,
    /// Selectable fields beyond `metadata.name` and `metadata.namespace`.
    pub selectable: Vec<SelectableField>,
    /// Whether a change of anything but metadata and status raises `metadata.generation`.
    pub generation: bool,
    /// The store's key prefix below `/registry/` where it is not the plural
    /// (`services/specs`, `minions`; `<group>/<plural>` for custom resources).
    pub storage_prefix: Option<Name>,
}

pub const ALL_VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

pub struct VersionSpec {
    /// Set where the version lives in another group than the kind (`events.k8s.io`).
    pub group: Option<Name>,
    pub version: Name,
    pub storage: bool,
    /// False only for a custom resource's version that is kept for stored objects.
    pub served: bool,
    /// The schema of the object in this version.
    pub schema: SchemaRef,
    /// The columns and subresources of this version where they are not the kind's.
    pub columns: Option<Vec<Column>>,
    pub subresources: Option<Vec<Subresource>>,
    /// What everybody is told who uses this version, when it is deprecated.
    pub deprecation: Option<Name>,
}

impl VersionSpec {
    /// The version that objects are stored in.
    pub fn stored(version: impl Into<Name>, schema: SchemaRef) -> Self {
        Self {
            group: None,
            version: version.into(),
            storage: true,
            served: true,
            schema,
            columns: None,
            subresources: None,
            deprecation: None,
        }
    }

    /// A further version, converted from the stored one.
    pub fn converted(version: impl Into<Name>, schema: SchemaRef) -> Self {
        Self { storage: false, ..Self::stored(version, schema) }
    }

    pub fn in_group(mut self, group: impl Into<Name>) -> Self {
        self.group = Some(group.into());
        self
    }
}

/// A schema that is compiled in, or a custom resource's.
#[derive(Clone)]
pub enum SchemaRef {
    Builtin(&'static Schema),
    Custom(Arc<Schema>),
}

impl Deref for SchemaRef {
    type Target = Schema;

    fn deref(&self) -> &Schema {
        match self {
            Self::Builtin(schema) => schema,
            Self::Custom(schema) => schema,
        }
    }
}

/// A field that `fieldSelector` may name. It is data, not a function, so that the fields
/// of thousands of objects are read in one scan of their bytes when the server starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectableField {
    /// As selectors name it: `spec.nodeName`.
    pub name: Name,
    /// Where its value stands in the stored object, as dotted paths: the first that holds
    /// a non-empty string, a number or a boolean wins.
    pub sources: Vec<Name>,
    /// Its text where no source has a value: usually empty, `false` for booleans, `0` for counts.
    pub absent: &'static str,
}

impl SelectableField {
    /// A field whose name is its path.
    pub fn at(path: impl Into<Name>) -> Self {
        let name = path.into();
        Self { sources: vec![name.clone()], name, absent: "" }
    }

    /// A field that stands elsewhere than its name says.
    pub fn from(name: impl Into<Name>, sources: impl IntoIterator<Item = &'static str>) -> Self {
        let sources = sources.into_iter().map(Name::Borrowed).collect();
        Self { name: name.into(), sources, absent: "" }
    }

    pub fn or(mut self, absent: &'static str) -> Self {
        self.absent = absent;
        self
    }
}

/// One column of a table.
pub struct Column {
    pub name: Name,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub column_type: &'static str,
    /// `name` for the Name column; empty for most.
    pub format: &'static str,
    pub description: Name,
    /// 0 is always shown; 1 only with `-o wide`.
    pub priority: i32,
    pub cell: Cell,
}

/// How a cell is computed from the object; `now` is for ages.
pub type Cell = Box<dyn Fn(&Object, Timestamp) -> Value + Send + Sync>;

pub struct Subresource {
    pub name: Name,
    /// The kind of the body where it is another than the parent's (`autoscaling/v1 Scale`).
    pub kind: Option<GroupVersionKind>,
    pub verbs: &'static [&'static str],
    pub does: SubresourceKind,
}

pub enum SubresourceKind {
    /// Reads and writes the object through this view: writes keep what the view does
    /// not own. `status` is `Strategy::prepare` with [`Part::Status`].
    Part(Part),
    /// The generic scale subresource over these JSON paths.
    Scale(ScalePaths),
    /// A function of its own: binding, eviction, token.
    Action(Arc<dyn Action>),
    /// A stream to the node or a backend (log, exec, attach, portforward, proxy),
    /// which the HTTP shell serves.
    Connect,
}

/// Which part of an object a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The object itself.
    Main,
    /// The engine keeps everything but `status` and `metadata` as it was.
    Status,
    /// Another part by its subresource's name (`ephemeralcontainers`, `resize`, `approval`, `finalize`),
    /// or the write of an [`Action`] that has that name (`binding`).
    /// `Strategy::prepare` keeps what the part does not own.
    Named(&'static str),
}

/// What the first delete of an object that lingers writes into its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstDelete {
    /// Its end with the grace, the finalizers that the client's policy asks for, a new generation.
    Usual,
    /// Its end, and the finalizers. Later deletes change nothing while the kind holds it back (namespaces).
    TimeAndFinalizers,
    /// Its end only (definitions of custom resources).
    Time,
}

impl Subresource {
    /// The usual `status`.
    pub fn status() -> Self {
        Self::part("status", Part::Status)
    }

    /// A view of the object under the object's own kind.
    pub fn part(name: impl Into<Name>, part: Part) -> Self {
        let does = SubresourceKind::Part(part);
        Self { name: name.into(), kind: None, verbs: PART_VERBS, does }
    }

    /// The generic scale subresource.
    pub fn scale(paths: ScalePaths) -> Self {
        let kind = Some(GroupVersionKind::new("autoscaling", "v1", "Scale"));
        Self { name: "scale".into(), kind, verbs: PART_VERBS, does: SubresourceKind::Scale(paths) }
    }

    /// A verb of its own, called with create (POST).
    pub fn action(name: impl Into<Name>, kind: GroupVersionKind, action: Arc<dyn Action>) -> Self {
        let does = SubresourceKind::Action(action);
        Self { name: name.into(), kind: Some(kind), verbs: &["create"], does }
    }
}

/// The verbs of a status or scale subresource.
pub const PART_VERBS: &[&str] = &["get", "patch", "update"];

/// Field paths of the scale subresource, e.g. `["spec", "replicas"]`.
pub struct ScalePaths {
    pub spec_replicas: Vec<Name>,
    pub status_replicas: Vec<Name>,
    /// Where the label selector stands; read as LabelSelector or as its string form.
    pub selector: Option<Vec<Name>>,
}

/// A verb of its own on an object or a virtual kind: binding, eviction, token, access reviews.
pub trait Action: Send + Sync {
    /// Whether the body may also be of this kind: one that has the same fields.
    fn takes(&self, _kind: &GroupVersionKind) -> bool {
        false
    }

    /// `body` is decoded, defaulted and checked against its schema; authorization and
    /// admission have passed. The answer is encoded as it is.
    fn run<'a>(
        &'a self,
        context: &'a Context,
        api: &'a dyn Api,
        target: &'a Target,
        body: Object,
        dry_run: bool,
    ) -> BoxFuture<'a, Result<Object, Status>>;
}

/// What an [`Action`] may do to the cluster: reads from the cache, and writes through the one
/// write path (without authorizing the caller again for them).
pub trait Api: Send + Sync {
    fn env(&self) -> &Env;
    fn cache(&self) -> &dyn Cache;

    /// Reads the newest version of an object, lets `change` alter it (or refuse), and commits it;
    /// on a lost race it starts over with the newer version, a bounded number of times.
    /// `target.subresource` may name a part.
    fn update<'a>(
        &'a self,
        context: &'a Context,
        target: &'a Target,
        change: &'a (dyn Fn(&mut Object) -> Result<(), Status> + Send + Sync),
        dry_run: bool,
    ) -> BoxFuture<'a, Result<Object, Status>>;

    /// Creates an object; `target` names its collection.
    fn create<'a>(
        &'a self,
        context: &'a Context,
        target: &'a Target,
        object: Object,
    ) -> BoxFuture<'a, Result<Object, Status>>;

    /// Deletes an object as the delete verb does.
    fn delete<'a>(
        &'a self,
        context: &'a Context,
        target: &'a Target,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>>;
}

/// What a strategy may look at while it prepares or validates a write.
pub struct Preparation<'a> {
    pub now: Timestamp,
    pub env: &'a Env,
    pub cache: &'a dyn Cache,
    pub user: &'a User,
    /// Whom to warn of what is let pass.
    pub context: &'a Context,
    pub part: Part,
    /// The kind in the version of the request; the object itself is in the storage version.
    pub requested: &'a GroupVersionKind,
    /// Whether a claim (see [`Strategy::claims`]) is held by another object now.
    pub claimed: &'a (dyn Fn(&str) -> bool + Send + Sync),
}

/// A kind's behaviour. Everything has a default but [`Strategy::spec`].
///
/// The engine calls, in this order: `default`, admission's mutation, `prepare`, `validate`
/// (with `warnings`), `canonicalize`, admission's validation, commit. Objects are in the
/// storage version, have passed their schema, and have no unknown fields. A write that
/// loses a race starts over, so every function may be called several times.
pub trait Strategy: Send + Sync + 'static {
    fn spec(&self) -> &KindSpec;

    /// Fills in defaults; those that a custom resource's schema declares are there already.
    /// Called on every decoded, patched or upgraded object: it must be idempotent.
    fn default(&self, _object: &mut Object) {}

    /// Clears and sets what clients may not: drops `status` on create (the engine already
    /// keeps `old`'s status on a main write, and everything but status and metadata on a status
    /// write, where the kind has a status subresource), allocates, bumps. `old` is `None` on
    /// create. `metadata.generation` is the engine's.
    fn prepare(
        &self,
        _new: &mut Object,
        _old: Option<&Object>,
        _preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        Ok(())
    }

    /// Everything wrong with `new`, in upstream's order. Metadata is checked by the engine. Both
    /// objects are in the version of the request if [`Strategy::converts_content`].
    fn validate(
        &self,
        _new: &Object,
        _old: Option<&Object>,
        _preparation: &Preparation<'_>,
    ) -> Vec<FieldError> {
        Vec::new()
    }

    /// Whether a change of the object's body by a write of this part is a new generation.
    fn counts_generation(&self, part: Part) -> bool {
        part != Part::Status
    }

    /// The fields that a write of this part cannot set, which no manager gets to own:
    /// `status` on the object itself, `spec` on its status.
    fn reset_fields(&self, part: Part) -> FieldSet {
        let has_status = self.spec().subresources.iter().any(|sub| sub.name == "status");
        match part {
            Part::Main if has_status => FieldSet::of_fields(&[&["status"]]),
            Part::Status => FieldSet::of_fields(&[&["spec"]]),
            Part::Main | Part::Named(_) => FieldSet::new(),
        }
    }

    /// Texts for the `Warning` header of writes of the object itself.
    fn warnings(&self, _new: &Object, _old: Option<&Object>) -> Vec<String> {
        Vec::new()
    }

    /// The last touch before commit, after all validation: sorting, normal forms.
    fn canonicalize(&self, _object: &mut Object) {}

    /// Whether a finalizer must have a domain or be one that Kubernetes knows.
    fn knows_finalizers(&self) -> bool {
        matches!(self.spec().versions.first().map(|version| &version.schema), Some(SchemaRef::Builtin(_)))
    }

    /// Whether a change of the labels is a new generation too (endpoint slices).
    fn counts_labels(&self) -> bool {
        false
    }

    /// What who deletes such an object with these options is told.
    fn warning_of_delete(&self, _options: &DeleteOptions) -> Option<&'static str> {
        None
    }

    /// The rule for `metadata.name` and `metadata.generateName`.
    fn name_rule(&self) -> NameRule {
        name::subdomain
    }

    /// Whether an update of an absent object creates it (leases, endpoints do; upstream's AllowCreateOnUpdate).
    fn create_on_update(&self) -> bool {
        false
    }

    /// Whether an update must name the resourceVersion it is based on.
    fn unconditional_update(&self) -> bool {
        true
    }

    /// How many seconds an object is given to end before it is removed (pods: what was
    /// requested or their own grace period, 0 when not scheduled). `None`: the kind knows
    /// no grace, and its objects are removed at once or when their finalizers are gone.
    fn grace_period(&self, _object: &Object, _requested: Option<i64>) -> Option<i64> {
        None
    }

    /// Marks an object whose deletion has begun and which lingers (a namespace's phase
    /// becomes Terminating).
    fn deleting(&self, _object: &mut Object) {}

    /// What the first delete of an object writes into it, where that is less than usual.
    fn first_delete(&self) -> FirstDelete {
        FirstDelete::Usual
    }

    /// What becomes of dependents when the client does not say. `None`: the kind takes no
    /// part in garbage collection (events).
    fn default_propagation(&self) -> Option<PropagationPolicy> {
        Some(PropagationPolicy::Background)
    }

    /// How long an object lives after its last write (events: an hour). `None`: for ever.
    fn time_to_live(&self) -> Option<Duration> {
        None
    }

    /// Finalizers beyond `metadata.finalizers` that hold an object back (`spec.finalizers` of namespaces).
    fn held_back(&self, _object: &Object) -> bool {
        false
    }

    /// Whether a finished delete answers with the object instead of a Status (pods, services).
    fn returns_deleted(&self) -> bool {
        false
    }

    /// Cluster-wide unique names that the object holds: `ip/10.43.0.10`, `nodeport/TCP/30080`.
    /// The engine commits claims together with the object, so two objects can never hold the
    /// same one; when a claim is lost to a race, `prepare` runs again.
    fn claims(&self, _object: &Object) -> Vec<String> {
        Vec::new()
    }

    /// What [`KindSpec::selectable`] calls the field that selectors of `version` name so. `None`:
    /// this version has no such field.
    fn field_label(&self, _version: &GroupVersion, label: &str) -> Option<String> {
        Some(label.to_owned())
    }

    /// Whether conversion changes more than the version, as a custom resource's webhook may: then
    /// an object is selected and validated as the version of the request has it.
    fn converts_content(&self) -> bool {
        false
    }

    /// A kind that is never stored (reviews): its create runs this instead.
    fn virtual_create(&self) -> Option<Arc<dyn Action>> {
        None
    }

    /// A kind whose objects are never stored: all of them, as they are now (`componentstatuses`). It
    /// offers reads only.
    fn unstored(&self) -> Option<Vec<Object>> {
        None
    }

    /// Converts objects between versions; `to` is one of `spec().versions`. The objects may
    /// come from different versions, each named by its apiVersion. They come in batches
    /// because a custom resource's webhook is asked once for many.
    fn convert<'a>(
        &'a self,
        mut objects: Vec<Object>,
        to: &'a GroupVersion,
    ) -> BoxFuture<'a, Result<Vec<Object>, Status>> {
        for object in &mut objects {
            object.0.insert("apiVersion".into(), to.to_string().into());
        }
        Box::pin(std::future::ready(Ok(objects)))
    }

    /// Whether stored objects are pruned and defaulted by the present schema when they are
    /// read. Custom resources are: their schema changes under them.
    fn upgrades_stored(&self) -> bool {
        false
    }

    /// The kind of lists of it, which custom resources may name as they like.
    fn list_kind(&self) -> Name {
        format!("{}List", self.spec().kind).into()
    }

    /// The resource without its version.
    fn group_resource(&self) -> GroupResource {
        GroupResource::new(self.spec().group.clone(), self.spec().resource.clone())
    }
}
