//! Server-side apply: a live object and a configuration.

use ironclad_api::GroupVersionKind;
use ironclad_api::apply::{FieldSet, Manager, apply, track_update};
use ironclad_api::schema::{Catalog, Schema};
use serde_json::Value;

use super::{Target, decoded, halves, none};

pub const TARGET: Target = Target {
    name: "apply",
    promise: "applying the same again changes nothing; who applies with force owns what it applied",
    check,
    words: &[
        "\"metadata\":",
        "\"managedFields\":",
        "\"fieldsV1\":",
        "\"f:spec\":{}",
        "\"k:{\\\"name\\\":\\\"a\\\"}\":{}",
        "\".\":{}",
        "\"v:\\\"a\\\"\":{}",
        "\"operation\":\"Apply\"",
        "\"manager\":\"m\"",
        "\"apiVersion\":\"v1\"",
        "\"containers\":",
        "\"name\":\"a\"",
        "\"ports\":",
        "\"protocol\":\"TCP\"",
        "\"finalizers\":[\"a\"]",
        "null",
        ",",
        "\n---\n",
    ],
    made: none,
    short_run: 3_000,
};

const NOW: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-01T00:00:01Z";

fn check(input: &[u8]) {
    let Some((live, config)) = halves(input) else { return };
    let (Some(live), Some(config)) = (decoded(live), decoded(config)) else { return };
    let schema = Catalog::builtin().schema(&GroupVersionKind::new("", "v1", "Pod")).expect("in the catalog");
    // What reaches apply has a form that its type can have.
    let fits = |value: &Value| {
        ironclad_api::schema::check::check(value, schema).error.is_none() && value.is_object()
    };
    if !fits(&live) || !fits(&config) {
        return;
    }
    update(&live, &config, schema);
    let manager = Manager { name: "fuzz", subresource: "", api_version: "v1" };
    let none = FieldSet::new();
    let applied = |live: Option<&Value>, now: &str| apply(live, &config, schema, &manager, now, true, &none);
    drop(applied(None, NOW));
    drop(apply(Some(&live), &config, schema, &manager, NOW, false, &none));
    let Ok(once) = applied(Some(&live), NOW) else { return };
    assert_eq!(applied(Some(&once), LATER).as_ref(), Ok(&once));
}

/// An update is tracked whatever the objects say of their managers.
fn update(live: &Value, config: &Value, schema: &Schema) {
    let manager = Manager { name: "fuzz", subresource: "", api_version: "v1" };
    let mut new = config.clone();
    track_update(Some(live), &mut new, schema, &manager, NOW, &FieldSet::new());
    let mut created = config.clone();
    track_update(None, &mut created, schema, &manager, NOW, &FieldSet::new());
}
