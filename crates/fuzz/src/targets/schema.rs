//! Structural schemas of custom resources, and objects by them.

use ironclad_api::prune;
use ironclad_api::schema::{check, defaulting, structural};
use ironclad_cel::Declared;

use super::{Target, decoded, halves, none};

pub const TARGET: Target = Target {
    name: "schema",
    promise: "what is pruned or defaulted once stays as it is; nothing that is left is unknown",
    check: check_input,
    words: &[
        "\"type\":\"object\"",
        "\"type\":\"array\"",
        "\"type\":\"string\"",
        "\"properties\":",
        "\"items\":",
        "\"additionalProperties\":true",
        "\"additionalProperties\":{}",
        "\"default\":",
        "\"nullable\":true",
        "\"x-kubernetes-preserve-unknown-fields\":true",
        "\"x-kubernetes-int-or-string\":true",
        "\"x-kubernetes-embedded-resource\":true",
        "\"x-kubernetes-list-type\":\"map\"",
        "\"x-kubernetes-list-map-keys\":[\"a\"]",
        "\"x-kubernetes-list-type\":\"set\"",
        "\"maxItems\":3",
        "\"enum\":[1]",
        "\"anyOf\":[{}]",
        "null",
        ",",
        "\n---\n",
    ],
    made: none,
    short_run: 10_000,
};

fn check_input(input: &[u8]) {
    let Some((schema, object)) = halves(input) else { return };
    let (Some(openapi), Some(mut object)) = (decoded(schema), decoded(object)) else { return };
    drop(Declared::from_openapi(&openapi, "self", true));
    let schema = structural::resource(&openapi);
    defaulting::apply(&mut object, &schema);
    let defaulted = object.clone();
    defaulting::apply(&mut object, &schema);
    assert_eq!(object, defaulted, "defaults of defaults");
    prune::unknown_fields(&mut object, &schema);
    let pruned = object.clone();
    prune::unknown_fields(&mut object, &schema);
    assert_eq!(object, pruned, "pruned twice");
    let unknown = check::unknown_fields(&object, &schema);
    assert!(unknown.is_empty(), "{unknown:?} is left");
}
