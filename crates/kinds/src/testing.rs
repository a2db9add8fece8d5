//! A kind's functions in the order in which the engine calls them, for tables of tests.

use std::sync::Arc;

use ironclad_api::{Entry, GroupResource, Object, ObjectKey, prune};
use ironclad_client::cache::{Cache, CachedResource, Observer};
use ironclad_engine::gate::{Context, User};
use ironclad_engine::strategy::{Part, Preparation, Strategy};
use ironclad_env::SimEnv;
use jiff::Timestamp;
use serde_json::Value;

/// The moment at which all tests happen.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// A cluster with nothing in it.
struct Empty;

impl Cache for Empty {
    fn get(&self, _: &GroupResource, _: &ObjectKey) -> Option<Arc<Entry>> {
        None
    }

    fn list(&self, _: &GroupResource, _: Option<&str>) -> Vec<Arc<Entry>> {
        Vec::new()
    }

    fn observe(&self, _: &[GroupResource], _: Arc<dyn Observer>) {}

    fn resources(&self) -> Vec<CachedResource> {
        Vec::new()
    }

    fn revision(&self) -> u64 {
        1
    }
}

/// An object as it is decoded: of its schema's form, with its defaults.
pub(crate) fn object(kind: &dyn Strategy, mut value: Value) -> Object {
    let version = kind.spec().versions.first().expect("a version");
    prune::as_typed(&mut value, &version.schema);
    let mut object = Object::from_value(value).expect("an object");
    kind.default(&mut object);
    object
}

/// A write of a part: the object as it would be stored, and what is wrong with it.
pub(crate) fn write(
    kind: &dyn Strategy,
    part: Part,
    new: Value,
    old: Option<Value>,
) -> (Object, Vec<String>) {
    let (mut new, old) = (object(kind, new), old.map(|old| object(kind, old)));
    let env = SimEnv::new(1).shared();
    let requested =
        ironclad_api::GroupVersionKind::new(kind.spec().group.clone(), "v1", kind.spec().kind.clone());
    let preparation = Preparation {
        now: NOW,
        env: &env,
        cache: &Empty,
        user: &User::default(),
        context: &Context::default(),
        part,
        requested: &requested,
        claimed: &|_| false,
    };
    kind.prepare(&mut new, old.as_ref(), &preparation).expect("is prepared");
    let errors = kind.validate(&new, old.as_ref(), &preparation);
    (new, errors.iter().map(ToString::to_string).collect())
}

/// Holds what is wrong with a new object against upstream's texts.
#[track_caller]
pub(crate) fn check_create(kind: &dyn Strategy, new: Value, want: &[&str]) {
    assert_eq!(write(kind, Part::Main, new.clone(), None).1, want, "{new}");
}

/// The same for an update.
#[track_caller]
pub(crate) fn check_update(kind: &dyn Strategy, new: Value, old: Value, want: &[&str]) {
    assert_eq!(write(kind, Part::Main, new.clone(), Some(old)).1, want, "{new}");
}

/// The warnings about a new object.
#[track_caller]
pub(crate) fn check_warnings(kind: &dyn Strategy, new: Value, want: &[&str]) {
    assert_eq!(kind.warnings(&object(kind, new.clone()), None), want, "{new}");
}

/// The columns' names, and an object's cells without its age.
#[track_caller]
pub(crate) fn check_table(kind: &dyn Strategy, value: Value, want: &[(&str, Value)]) {
    let object = object(kind, value);
    let shown = kind.spec().columns.iter().filter(|column| column.name != "Age");
    let cells: Vec<(&str, Value)> =
        shown.map(|column| (&*column.name, (column.cell)(&object, NOW))).collect();
    assert_eq!(cells, want);
}
