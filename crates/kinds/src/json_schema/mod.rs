//! Values held against the OpenAPI v3 schema of a custom resource, with upstream's errors.
//!
//! A schema is compiled once ([`Rules::compile`]) and then checks any number of values. On an
//! update, what is wrong already in the old object and has not changed is let pass
//! (upstream's ratcheting).
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation>,
//! [KEP-4008](https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4008-crd-ratcheting)

mod check;
mod combine;
mod compile;
pub(crate) mod embedded;
pub(crate) mod format;
mod lists;
mod number;
mod old;
mod outcome;
mod text;
mod trail;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use format::Format;
use ironclad_api::field::{FieldErrors, Path};
use regex::Regex;
use serde_json::Value;

use old::Old;
use trail::Trail;

/// A schema that values are held against.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// The JSON types that are allowed; none means all. Two only for int-or-string.
    types: Vec<String>,
    nullable: bool,
    /// As the schema writes it; absent where upstream ignores it.
    format: Option<Format>,
    number: number::Limits,
    text: text::Limits,
    members: Vec<Value>,
    all_of: Vec<Rules>,
    any_of: Vec<Rules>,
    one_of: Vec<Rules>,
    not: Option<Box<Rules>>,
    properties: BTreeMap<String, Rules>,
    additional: Additional,
    required: Vec<String>,
    min_properties: Option<i64>,
    max_properties: Option<i64>,
    items: Option<Box<Rules>>,
    min_items: Option<i64>,
    max_items: Option<i64>,
    unique_items: bool,
    list: ListType,
    embedded_resource: bool,
}

/// `additionalProperties`
#[derive(Debug, Default)]
enum Additional {
    #[default]
    Allowed,
    Forbidden,
    Each(Box<Rules>),
}

/// `x-kubernetes-list-type`
#[derive(Debug, Default, PartialEq, Eq)]
enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

/// A pattern as the schema writes it, and compiled or why it cannot be.
#[derive(Debug)]
struct Pattern {
    source: String,
    regex: Result<Regex, String>,
}

impl Rules {
    /// Reads an `openAPIV3Schema`; what is not a schema allows everything.
    pub(crate) fn compile(schema: &Value) -> Self {
        compile::rules(schema)
    }

    /// Everything wrong with a value; `base` is the path of the value itself, where it has one.
    pub(crate) fn check(&self, value: &Value, base: Option<&Path>) -> FieldErrors {
        check::rules(self, value, None, &Trail::root()).into_field_errors(base)
    }

    /// Everything wrong with a value that was not wrong in the same way before. `whole` says
    /// that the value is a whole object, whose apiVersion and kind are always checked.
    pub(crate) fn check_update(
        &self,
        value: &Value,
        old: &Value,
        whole: bool,
        base: Option<&Path>,
    ) -> FieldErrors {
        let old = Old::new(old, self, whole);
        check::ratcheted(self, value, Some(old), &Trail::root()).into_field_errors(base)
    }

    /// The elements that lists of type set or map have twice.
    pub(crate) fn duplicates(&self, value: &Value) -> FieldErrors {
        lists::duplicates(self, value, &Path::root())
    }

    /// What is wrong with apiVersion, kind and metadata of objects inside the value, and of
    /// the value itself if its schema says that it is an object.
    pub(crate) fn embedded_errors(&self, value: &Value, path: &Path) -> FieldErrors {
        embedded::errors(self, value, path)
    }

    /// The schema of a declared property.
    pub(crate) fn property(&self, name: &str) -> Option<&Rules> {
        self.properties.get(name)
    }

    /// The schema of a declared property or of a map's values.
    fn field(&self, name: &str) -> Option<&Rules> {
        match (self.properties.get(name), &self.additional) {
            (Some(rules), _) => Some(rules),
            (None, Additional::Each(rules)) => Some(rules),
            (None, _) => None,
        }
    }
}
