//! YAML bodies.

use ironclad_api::{json, yaml};

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "yaml",
    promise: "what is read can be written and read again, and is the same; aliases do not multiply",
    check,
    words: &[
        "&a ",
        "*a",
        "<<: *a",
        "- ",
        "? ",
        ": ",
        "|",
        ">",
        "|-",
        "!!str ",
        "!!binary ",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "# ",
        "'",
        "\"",
        "0x1F",
        "0o17",
        "017",
        "1_000",
        "~",
        ".inf",
        ".nan",
        "yes",
        "2001-01-01",
        "\n  ",
        "\t",
        "{",
        "[",
    ],
    made: none,
    short_run: 6_000,
};

/// A tree holds what its text says, and what its aliases repeat: not more than this many times the text.
const MAX_GROWTH: usize = 64;

fn check(input: &[u8]) {
    let Ok(read) = yaml::decode(input) else { return };
    let size = json::encode(&read.value).len();
    assert!(size <= MAX_GROWTH * input.len().max(4096), "{size} bytes of JSON from {} of YAML", input.len());
    let written = yaml::encode(&read.value);
    let again = yaml::decode(written.as_bytes()).unwrap_or_else(|error| panic!("{error} in {written:?}"));
    assert_eq!(again.value, read.value, "{written:?}");
}
