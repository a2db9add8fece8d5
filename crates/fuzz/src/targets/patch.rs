//! JSON patch and JSON merge patch: a document and a patch.

use ironclad_api::json;
use ironclad_api::patch::{MAX_COPY_BYTES, json_patch, merge_patch};

use super::{Target, decoded, halves, none};

pub const TARGET: Target = Target {
    name: "patch",
    promise: "a merge patch once is a merge patch twice; a JSON patch does not multiply its document",
    check,
    words: &[
        "{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}",
        "\"op\":",
        "\"add\"",
        "\"remove\"",
        "\"replace\"",
        "\"move\"",
        "\"test\"",
        "\"path\":",
        "\"from\":",
        "\"value\":",
        "/-",
        "/0",
        "/01",
        "/a/b",
        "~01",
        "null",
        "\n---\n",
        ",",
    ],
    made: none,
    short_run: 10_000,
};

fn check(input: &[u8]) {
    let Some((document, patch)) = halves(input) else { return };
    let Some(document) = decoded(document) else { return };
    if let Ok(patched) = json_patch(&document, patch) {
        let size = json::encode(&patched).len();
        let bound = json::encode(&document).len() + patch.len() * 8 + MAX_COPY_BYTES;
        assert!(size <= bound, "{size} bytes, more than {bound}");
    }
    let Some(patch) = decoded(patch) else { return };
    if let Ok(once) = merge_patch(&document, &patch) {
        assert_eq!(merge_patch(&once, &patch).as_ref(), Ok(&once));
    }
}
