//! Reads struct declarations out of Kubernetes' Go source: enough of the language for
//! types.go files, which are flat lists of fields with tags.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::Context;

/// `(folder of the Go package, prefix of its definitions' names)`.
const PACKAGES: &[(&str, &str)] = &[
    ("staging/src/k8s.io/api", "io.k8s.api"),
    ("staging/src/k8s.io/apimachinery/pkg", "io.k8s.apimachinery.pkg"),
    ("staging/src/k8s.io/apiextensions-apiserver/pkg/apis", "io.k8s.apiextensions-apiserver.pkg.apis"),
    ("staging/src/k8s.io/kube-aggregator/pkg/apis", "io.k8s.kube-aggregator.pkg.apis"),
];

pub struct Field {
    /// Empty for an embedded struct.
    pub name: String,
    /// Types of other packages are written with the package's name, others bare.
    pub go_type: String,
    pub json: String,
    pub protobuf: String,
    /// The markers of its comment (`+default="TCP"`), without the plus sign.
    pub markers: Vec<String>,
}

/// The fields of each struct by its full definition name.
pub type Structs = BTreeMap<String, Vec<Field>>;

/// Reads every package below the folders that hold API types.
pub fn read(kubernetes: &Path) -> anyhow::Result<Structs> {
    let mut structs = Structs::new();
    for (folder, prefix) in PACKAGES {
        folder_structs(&kubernetes.join(folder), prefix, &mut structs)?;
    }
    Ok(structs)
}

fn folder_structs(folder: &Path, prefix: &str, structs: &mut Structs) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            folder_structs(&path, &format!("{prefix}.{name}"), structs)?;
        } else if is_source(&name) {
            file_structs(&std::fs::read_to_string(&path)?, prefix, structs);
        }
    }
    Ok(())
}

fn is_source(name: &str) -> bool {
    name.ends_with(".go") && !name.ends_with("_test.go") && !name.contains("generated")
}

fn file_structs(text: &str, prefix: &str, structs: &mut Structs) {
    let imports = imports(text);
    let constants = constants(text);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("type ").and_then(|l| l.strip_suffix(" struct {")) else {
            continue;
        };
        let mut fields = Vec::new();
        let mut markers = Vec::new();
        for line in lines.by_ref().map(str::trim).take_while(|line| *line != "}") {
            if let Some(comment) = line.strip_prefix("//") {
                markers.extend(comment.trim().strip_prefix('+').map(|marker| resolved(marker, &constants)));
            } else if let Some(mut field) = field(line, &imports) {
                field.markers = std::mem::take(&mut markers);
                fields.push(field);
            }
        }
        structs.insert(format!("{prefix}.{name}"), fields);
    }
}

/// Import aliases and the last segment of what they stand for (`metav1` is `v1`).
fn imports(text: &str) -> HashMap<String, String> {
    let mut imports = HashMap::new();
    for line in text.lines().take_while(|line| !line.starts_with("type ")) {
        let line = line.trim().trim_start_matches("import ");
        let mut quotes = line.split('"');
        if let (Some(alias), Some(path)) = (quotes.next(), quotes.next()) {
            let package = path.rsplit('/').next().unwrap_or(path);
            let alias = if alias.trim().is_empty() { package } else { alias.trim() };
            imports.insert(alias.to_owned(), package.to_owned());
        }
    }
    imports
}

/// String constants by name: `Name Type = "value"`.
fn constants(text: &str) -> HashMap<&str, &str> {
    text.lines()
        .filter_map(|line| {
            let (declaration, value) = line.strip_prefix('\t')?.split_once(" = ")?;
            let value = value.split("//").next()?.trim();
            value.starts_with('"').then_some((declaration.split_whitespace().next()?, value))
        })
        .collect()
}

/// A marker with the constant it refers to in its place: `default=ref(Name)`.
fn resolved(marker: &str, constants: &HashMap<&str, &str>) -> String {
    let name = marker.strip_prefix("default=ref(").and_then(|rest| rest.strip_suffix(')'));
    match name.and_then(|name| constants.get(name)) {
        Some(value) => format!("default={value}"),
        None => marker.to_owned(),
    }
}

/// `Name type `tags`` or an embedded `type `tags``.
fn field(line: &str, imports: &HashMap<String, String>) -> Option<Field> {
    let mut halves = line.split('`');
    let (declaration, tags) = (halves.next()?.trim(), halves.next()?);
    let (name, go_type) = match declaration.split_once(char::is_whitespace) {
        Some((name, go_type)) => (name, go_type.trim()),
        None => ("", declaration),
    };
    Some(Field {
        name: name.to_owned(),
        go_type: resolve(go_type, imports),
        json: tag(tags, "json"),
        protobuf: tag(tags, "protobuf"),
        markers: Vec::new(),
    })
}

/// Replaces an import alias inside a type by the package's own name.
fn resolve(go_type: &str, imports: &HashMap<String, String>) -> String {
    let Some((before, name)) = go_type.split_once('.') else { return go_type.to_owned() };
    let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    let alias = &before[start..];
    let package = imports.get(alias).map_or(alias, String::as_str);
    // `map[ResourceName]resource.Quantity` holds one dot; no type of the API holds two.
    format!("{}{package}.{name}", &before[..start])
}

fn tag(tags: &str, name: &str) -> String {
    let opening = format!("{name}:\"");
    let Some(at) = tags.find(&opening) else { return String::new() };
    tags[at + opening.len()..].split('"').next().unwrap_or_default().to_owned()
}
