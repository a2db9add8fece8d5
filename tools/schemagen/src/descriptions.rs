//! The descriptions, in a file of their own, because only OpenAPI and `kubectl explain`
//! read them. `= definition` opens a definition, a line without a name is its own text and
//! `name text` that of a property; newlines are `\n`, backslashes `\\`.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::schemas::{Definition, properties};

pub fn render(definitions: &BTreeMap<String, Definition>) -> String {
    let mut text = String::new();
    for (name, definition) in definitions {
        let _ = writeln!(text, "= {name}\n {}", description(&definition.schema));
        for (property, schema) in properties(&definition.schema) {
            let _ = writeln!(text, "{property} {}", description(&schema));
        }
    }
    text
}

fn description(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.replace('\\', "\\\\").replace('\n', "\\n")
}
