use ironclad_api::Object;
use ironclad_engine::Response;
use ironclad_engine::table::{self, IncludeObject, TableOptions};
use ironclad_env::Environment;
use serde_json::{Value, json};

use crate::world::{Call, World, config_map, contains};

fn check(got: Object, want: Value) {
    let got = got.into_value();
    if let Err(why) = contains(&got, &want, "") {
        panic!("{why} in {got:#}");
    }
}

#[test]
fn a_kind_without_columns_shows_name_and_creation() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "v"})), 201, json!({}));
    let Ok(Response::List(list)) = world.response("list", "v1/configmaps ns/", (), &Call::default()).0 else {
        panic!("no list")
    };
    let options = |include| TableOptions {
        api_version: "meta.k8s.io/v1",
        include,
        with_columns: true,
        now: world.env.now(),
    };
    let row = |object: Value| {
        json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "1"},
            "columnDefinitions": [{"name": "Name", "type": "string", "format": "name"},
                {"name": "Created At", "type": "date", "priority": 0}],
            "rows": [{"cells": ["a", "2026-01-01T00:00:00Z"], "object": object}]})
    };
    let partial = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "a", "namespace": "ns"}, "data": null});
    check(table::of_list(&list, &options(IncludeObject::Metadata)), row(partial.clone()));
    check(table::of_list(&list, &options(IncludeObject::Object)), row(json!({"data": {"k": "v"}})));
    check(table::of_list(&list, &options(IncludeObject::None)), row(Value::Null));
    check(
        table::partial_list(&list, "meta.k8s.io/v1"),
        json!({"kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": "1"}, "items": [partial]}),
    );
}
