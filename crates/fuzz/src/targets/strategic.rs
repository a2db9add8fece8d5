//! Strategic merge patch of a pod and of a Deployment.

use ironclad_api::patch::strategic;
use ironclad_api::schema::Catalog;
use ironclad_api::{GroupVersionKind, json};

use super::{Target, decoded, halves, none};

pub const TARGET: Target = Target {
    name: "strategic",
    promise: "a patch of nothing changes nothing; a patch does not multiply its document",
    check,
    words: &[
        "\"$patch\":\"delete\"",
        "\"$patch\":\"replace\"",
        "\"$patch\":\"merge\"",
        "\"$retainKeys\":[\"name\"]",
        "\"$setElementOrder/containers\":[{\"name\":\"a\"}]",
        "\"$deleteFromPrimitiveList/finalizers\":[\"a\"]",
        "\"$setElementOrder/finalizers\":[\"a\"]",
        "\"containers\":",
        "\"name\":",
        "\"ports\":",
        "\"containerPort\":80",
        "\"metadata\":",
        "\"spec\":",
        "null",
        "{}",
        "[]",
        ",",
        "\n---\n",
    ],
    made: none,
    short_run: 8_000,
};

fn check(input: &[u8]) {
    let Some((document, patch)) = halves(input) else { return };
    let (Some(document), Some(patch)) = (decoded(document), decoded(patch)) else { return };
    let sizes = [&document, &patch].map(|value| json::encode(value).len());
    for (group, kind) in [("", "Pod"), ("apps", "Deployment")] {
        let schema =
            Catalog::builtin().schema(&GroupVersionKind::new(group, "v1", kind)).expect("in the catalog");
        if let Ok(patched) = strategic(&document, &patch, schema) {
            let size = json::encode(&patched).len();
            assert!(size <= sizes[0] + sizes[1], "{size} bytes of {sizes:?}");
        }
        if document.is_object() {
            let nothing = serde_json::json!({});
            assert_eq!(strategic(&document, &nothing, schema).as_ref(), Ok(&document));
        }
    }
}
