//! Holds the imports between our crates against `crates/edges.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

type Edges = BTreeMap<String, BTreeSet<String>>;

#[test]
fn crates_import_only_what_edges_txt_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let allowed = read_allowed(&std::fs::read_to_string(root.join("crates/edges.txt")).expect("edges.txt"));
    let actual = read_actual(&root);
    for (name, imports) in &actual {
        let allowed = allowed.get(name).unwrap_or_else(|| panic!("crates/edges.txt has no line for {name}"));
        let surplus: Vec<_> = imports.difference(allowed).collect();
        assert!(surplus.is_empty(), "{name} imports {surplus:?}, which crates/edges.txt does not allow");
    }
    let gone: Vec<_> = allowed.keys().filter(|name| !actual.contains_key(*name)).collect();
    assert!(gone.is_empty(), "crates/edges.txt names crates that are gone: {gone:?}");
}

fn read_allowed(text: &str) -> Edges {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let split = lines.map(|line| line.split_once(':').unwrap_or_else(|| panic!("no colon in {line:?}")));
    split
        .map(|(name, imports)| (name.to_owned(), imports.split_whitespace().map(str::to_owned).collect()))
        .collect()
}

/// The normal and build dependencies between workspace members, by their short names.
fn read_actual(root: &Path) -> Edges {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(|package| (short(&package["name"]), imports(package))).collect()
}

fn imports(package: &serde_json::Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
    let ours = dependencies.filter(|d| !d["path"].is_null() && d["kind"] != "dev");
    ours.map(|dependency| short(&dependency["name"])).collect()
}

fn short(name: &serde_json::Value) -> String {
    let name = name.as_str().expect("a name");
    name.strip_prefix("ironclad-").unwrap_or(name).to_owned()
}
