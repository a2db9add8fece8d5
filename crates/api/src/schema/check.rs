//! What Go's JSON decoder says of a document read into a kind's type: the first type error,
//! and the fields the type does not have. Texts are those of sigs.k8s.io/json.
//!
//! The order differs in one thing: fields are visited sorted by name, which is the order in
//! which clients send them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::base64_check::bad_base64;
use super::rfc3339::{self, MICRO, SECONDS};
use super::{Object, Schema, Shape, Width, json_type};
use crate::quantity::Quantity;

/// Unknown fields that are reported of one document.
const MAX_UNKNOWN: usize = 100;

/// What decoding into a type finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`
    pub error: Option<String>,
    /// Paths of the fields that the type does not have: `spec.containers[0].foo`.
    pub unknown: Vec<String>,
}

/// Checks a document against a built-in kind's schema.
pub fn check(value: &Value, schema: &Schema) -> Findings {
    let mut checker = Checker { typed: true, ..Checker::default() };
    let fatal = checker.value(value, schema).err();
    checker.findings.error = fatal.or(checker.findings.error);
    checker.findings
}

/// The fields that a custom resource's schema does not declare. Its types are checked by
/// validation, whose errors have paths of their own.
pub fn unknown_fields(value: &Value, schema: &Schema) -> Vec<String> {
    let mut checker = Checker::default();
    // Without types there is nothing that ends the walk early.
    let _ = checker.value(value, schema);
    checker.findings.unknown
}

#[derive(Default)]
struct Checker<'a> {
    typed: bool,
    /// The struct whose field is being read, and the fields that lead there.
    in_struct: &'a str,
    fields: Vec<&'a str>,
    /// The same way with indices and map keys, for unknown fields.
    path: String,
    /// Inside a type that reads its own JSON, unknown fields go unnoticed.
    lenient: bool,
    findings: Findings,
    seen: BTreeSet<String>,
}

/// An `Err` ends decoding: it is from a type that reads its own JSON.
impl<'a> Checker<'a> {
    fn value(&mut self, value: &'a Value, schema: &'a Schema) -> Result<(), String> {
        let resolved = schema.resolve();
        match (&resolved.shape, value) {
            (_, value) if resolved.hollow => self.hollow(value),
            (_, Value::Null) | (Shape::Json | Shape::Raw | Shape::Ref(_), _) => {}
            (Shape::Object(object), Value::Object(fields)) => self.object(fields, object, schema)?,
            (Shape::Map(values), Value::Object(fields)) => self.map(fields, values)?,
            (Shape::List(items), Value::Array(elements)) => self.list(elements, items)?,
            (Shape::Union(_), _) if !self.typed => {}
            (Shape::Object(object), _) if !self.typed && object.preserve_unknown => {}
            // What is not of its type has no fields that the schema declares.
            (_, value) if !self.typed => self.hollow(value),
            (Shape::Union(members), value) => self.union(value, members)?,
            (Shape::IntOrString, value) => self.int_or_string(value)?,
            (Shape::Quantity, value) => {
                Quantity::from_json(value).map_err(|error| error.to_string())?;
            }
            (Shape::Time, value) => self.time(value, &SECONDS)?,
            (Shape::MicroTime, value) => self.time(value, &MICRO)?,
            (Shape::Bytes, Value::String(text)) => self.bytes(text),
            (Shape::Integer(width), Value::Number(number)) => self.integer(number, *width, schema),
            (Shape::String, Value::String(_))
            | (Shape::Boolean, Value::Bool(_))
            | (Shape::Number, Value::Number(_)) => {}
            (_, value) => self.save(self.type_error(json_type(value), &schema.go_type())),
        }
        Ok(())
    }

    fn object(
        &mut self,
        values: &'a Map<String, Value>,
        object: &'a Object,
        schema: &'a Schema,
    ) -> Result<(), String> {
        for (name, value) in values {
            let Some(property) = object.property(name) else {
                if !object.preserve_unknown {
                    self.unknown(name);
                } else if object.hollow_unknown {
                    let length = self.path.len();
                    self.enter(name);
                    self.hollow(value);
                    self.path.truncate(length);
                }
                continue;
            };
            let outer = (self.in_struct, self.fields.len(), self.path.len());
            self.in_struct = schema.struct_name();
            self.fields.extend(property.embedded_in.split('.').filter(|name| !name.is_empty()));
            self.fields.push(&property.name);
            self.enter(name);
            // Left as it is on the way out of a fatal error, whose text has been made.
            self.value(value, &property.schema)?;
            self.in_struct = outer.0;
            self.fields.truncate(outer.1);
            self.path.truncate(outer.2);
        }
        Ok(())
    }

    fn map(&mut self, fields: &'a Map<String, Value>, values: &'a Schema) -> Result<(), String> {
        let length = self.path.len();
        for (key, value) in fields {
            self.enter(key);
            self.value(value, values)?;
            self.path.truncate(length);
        }
        Ok(())
    }

    /// Of what nothing is known, every field of an object is unknown.
    fn hollow(&mut self, value: &'a Value) {
        match value {
            Value::Object(fields) => fields.keys().for_each(|name| self.unknown(name)),
            Value::Array(elements) => {
                let length = self.path.len();
                for (index, element) in elements.iter().enumerate() {
                    self.path.push_str(&format!("[{index}]"));
                    self.hollow(element);
                    self.path.truncate(length);
                }
            }
            _ => {}
        }
    }

    fn list(&mut self, elements: &'a [Value], items: &'a Schema) -> Result<(), String> {
        let length = self.path.len();
        for (index, element) in elements.iter().enumerate() {
            self.path.push_str(&format!("[{index}]"));
            self.value(element, items)?;
            self.path.truncate(length);
        }
        Ok(())
    }

    /// A schema or something simpler. What is neither is dropped without a word, but for
    /// the one type that insists on a boolean.
    fn union(&mut self, value: &'a Value, members: &'a [Schema]) -> Result<(), String> {
        let member = members.iter().find(|member| match member.resolve().shape {
            Shape::Object(_) => value.is_object(),
            Shape::List(_) => value.is_array(),
            Shape::Boolean => value.is_boolean(),
            _ => false,
        });
        let Some(member) = member else {
            let wants_boolean = members.iter().any(|member| member.shape == Shape::Boolean);
            return match wants_boolean {
                true => Err("boolean or JSON schema expected".to_owned()),
                false => Ok(()),
            };
        };
        let outer = std::mem::replace(&mut self.lenient, true);
        self.value(value, member)?;
        self.lenient = outer;
        Ok(())
    }

    // === scalars ===

    fn integer(&mut self, number: &serde_json::Number, width: Width, schema: &Schema) {
        let fits = number.as_i64().is_some_and(|n| match width {
            Width::I32 => i32::try_from(n).is_ok(),
            Width::I64 => true,
        });
        if !fits {
            self.save(self.type_error(&format!("number {number}"), &schema.go_type()));
        }
    }

    fn int_or_string(&mut self, value: &Value) -> Result<(), String> {
        let found = match value {
            Value::String(_) => return Ok(()),
            Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {
                return Ok(());
            }
            Value::Number(number) => format!("number {number}"),
            other => json_type(other).to_owned(),
        };
        Err(self.type_error(&found, "int32"))
    }

    fn time(&mut self, value: &Value, layout: &rfc3339::Layout) -> Result<(), String> {
        match value {
            Value::String(text) => rfc3339::check(text, layout),
            other => Err(self.type_error(json_type(other), "string")),
        }
    }

    fn bytes(&mut self, text: &str) {
        if let Some(offset) = bad_base64(text) {
            self.save(format!("illegal base64 data at input byte {offset}"));
        }
    }

    // === reports ===

    fn type_error(&self, found: &str, go_type: &str) -> String {
        if self.fields.is_empty() {
            return format!("json: cannot unmarshal {found} into Go value of type {go_type}");
        }
        let (in_struct, fields) = (self.in_struct, self.fields.join("."));
        format!("json: cannot unmarshal {found} into Go struct field {in_struct}.{fields} of type {go_type}")
    }

    /// Keeps the first error and goes on, as Go does.
    fn save(&mut self, error: String) {
        self.findings.error.get_or_insert(error);
    }

    fn unknown(&mut self, name: &str) {
        if self.lenient || self.findings.unknown.len() >= MAX_UNKNOWN {
            return;
        }
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        if self.seen.insert(path.clone()) {
            self.findings.unknown.push(path);
        }
    }

    fn enter(&mut self, name: &str) {
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
    }
}
