//! One version: its schema, subresources, columns and selectable fields.

use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};
use ironclad_api::goprint::is_printable;
use serde_json::{Value, json};

use super::lifted::Lifted;
use super::schema;
use crate::definition::{Definition, PrinterColumn, SelectablePath, Spec, Subresources, Version};
use crate::validation_rules::path as schema_path;

const MAX_SELECTABLE: usize = 8;
const MAX_WARNING: usize = 256;
const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const FORMATS: [&str; 8] = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

/// What a version says beyond what all versions have in common.
pub(super) fn validate(version: &Version, lifted: Lifted, path: &Path) -> FieldErrors {
    let mut errors = deprecation(version, &path.child("deprecationWarning"));
    let own_schema = version.open_api_schema().filter(|_| !lifted.schema);
    if let Some(schema) = own_schema {
        errors.extend(schema::validate(schema, version.has_status(), &path.child("schema")));
    }
    if !lifted.subresources {
        errors.extend(subresources(version.subresources.as_ref(), &path.child("subresources")));
    }
    if !lifted.columns {
        errors.extend(columns(&version.additional_printer_columns, &path.child("additionalPrinterColumns")));
    }
    if !lifted.selectable && !version.selectable_fields.is_empty() {
        let at = path.child("selectableFields");
        match own_schema {
            Some(schema) => errors.extend(selectable(&version.selectable_fields, schema, &at)),
            None => {
                let detail = "may only be set when `version.schema.openAPIV3Schema` is not included";
                errors.push(FieldError::invalid(&at, "", detail));
            }
        }
    }
    errors
}

/// What all versions have in common, which stands at the top in upstream's errors.
pub(super) fn validate_common(spec: &Spec, lifted: Lifted, path: &Path) -> FieldErrors {
    let Some(first) = spec.versions.first() else { return FieldErrors::new() };
    let mut errors = FieldErrors::new();
    let schema = first.open_api_schema().filter(|_| lifted.schema);
    if let Some(schema) = schema {
        let any_status = spec.versions.iter().any(Version::has_status);
        errors.extend(schema::validate(schema, any_status, &path.child("validation")));
    }
    if lifted.subresources {
        errors.extend(subresources(first.subresources.as_ref(), &path.child("subresources")));
    }
    if lifted.columns {
        errors.extend(columns(&first.additional_printer_columns, &path.child("additionalPrinterColumns")));
    }
    if lifted.selectable && !first.selectable_fields.is_empty() {
        let at = path.child("selectableFields");
        match schema {
            Some(schema) => errors.extend(selectable(&first.selectable_fields, schema, &at)),
            None => errors.push(FieldError::invalid(
                &at,
                "",
                "may only be set when validations.schema is included",
            )),
        }
    }
    errors
}

/// Versions that objects may be stored in must stay.
pub(super) fn validate_stored(definition: &Definition) -> FieldErrors {
    let (stored, versions) = (&definition.status.stored_versions, &definition.spec.versions);
    let path = Path::new("status").child("storedVersions");
    if stored.is_empty() {
        let empty = BadValue::Json(Value::Null);
        return vec![FieldError::invalid(&path, empty, "must have at least one stored version")];
    }
    let mut errors = FieldErrors::new();
    for version in versions.iter().filter(|version| version.storage && !stored.contains(&version.name)) {
        let detail = format!("must have the storage version {}", version.name);
        errors.push(FieldError::invalid(&path, json!(stored), detail));
    }
    let gone =
        stored.iter().enumerate().filter(|(_, name)| versions.iter().all(|version| version.name != **name));
    errors.extend(gone.map(|(index, name)| {
        let detail = format!(
            "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions \
             until a storage migration ensures no data remains persisted in {name} and removes {name} from \
             status.storedVersions"
        );
        FieldError::invalid(&path.index(index), name, detail)
    }));
    errors
}

fn deprecation(version: &Version, path: &Path) -> FieldErrors {
    let Some(text) = &version.deprecation_warning else { return FieldErrors::new() };
    let mut faults = Vec::new();
    if !version.deprecated {
        faults.push("can only be set for deprecated versions".to_owned());
    } else {
        if text.len() > MAX_WARNING {
            faults.push("must be <= 256 characters long".to_owned());
        }
        if text.is_empty() {
            faults.push("must not be an empty string".to_owned());
        }
        if let Some((at, _)) = text.char_indices().find(|(_, c)| !is_printable(*c)) {
            faults.push(format!(
                "must only contain printable UTF-8 characters; non-printable character found at index {at}"
            ));
        }
    }
    faults.into_iter().map(|fault| FieldError::invalid(path, text, fault)).collect()
}

// === subresources ===

fn subresources(subresources: Option<&Subresources>, path: &Path) -> FieldErrors {
    let Some(scale) = subresources.and_then(|subresources| subresources.scale.as_ref()) else {
        return FieldErrors::new();
    };
    let mut errors = FieldErrors::new();
    let required = |field: &str, value: &str, section: &str| -> Option<FieldError> {
        let path = path.child(field);
        if value.is_empty() {
            return Some(FieldError::required(&path, ""));
        }
        let under = format!("should be a json path under .{section}");
        simple_path(value, &path)
            .or_else(|| (!is_under(value, &[section])).then(|| FieldError::invalid(&path, value, under)))
    };
    errors.extend(required("scale.specReplicasPath", &scale.spec_replicas_path, "spec"));
    errors.extend(required("scale.statusReplicasPath", &scale.status_replicas_path, "status"));
    if let Some(selector) = scale.label_selector_path.as_deref().filter(|selector| !selector.is_empty()) {
        let path = path.child("scale.labelSelectorPath");
        let detail = "should be a json path under either .spec or .status";
        let outside =
            (!is_under(selector, &["spec", "status"])).then(|| FieldError::invalid(&path, selector, detail));
        errors.extend(simple_path(selector, &path).or(outside));
    }
    errors
}

fn is_under(path: &str, sections: &[&str]) -> bool {
    sections.iter().any(|section| path.starts_with(&format!(".{section}.")))
}

fn simple_path(text: &str, path: &Path) -> Option<FieldError> {
    let detail = "must be a simple json path starting with .";
    (!text.starts_with('.')).then(|| FieldError::invalid(path, text, detail))
}

// === columns ===

fn columns(columns: &[PrinterColumn], path: &Path) -> FieldErrors {
    columns.iter().enumerate().flat_map(|(index, column)| self::column(column, &path.index(index))).collect()
}

fn column(column: &PrinterColumn, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if column.name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    let one_of = |words: &[&str]| format!("must be one of {}", words.join(","));
    let (at, kind) = (path.child("type"), column.column_type.as_str());
    match kind {
        "" => errors.push(FieldError::required(&at, one_of(&TYPES))),
        kind if !TYPES.contains(&kind) => errors.push(FieldError::invalid(&at, kind, one_of(&TYPES))),
        _ => {}
    }
    if !column.format.is_empty() && !FORMATS.contains(&column.format.as_str()) {
        errors.push(FieldError::invalid(&path.child("format"), &column.format, one_of(&FORMATS)));
    }
    let at = path.child("JSONPath");
    match column.json_path.as_str() {
        "" => errors.push(FieldError::required(&at, "")),
        given => errors.extend(simple_path(given, &at)),
    }
    errors
}

// === selectable fields ===

fn selectable(fields: &[SelectablePath], schema: &Value, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let mut known: Vec<String> = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let (at, given) = (path.index(index).child("jsonPath"), field.json_path.as_str());
        if given.is_empty() {
            errors.push(FieldError::required(&at, ""));
            continue;
        }
        let found = match schema_path::find(given, schema, false) {
            Ok(found) => found,
            Err(why) => {
                errors.push(FieldError::invalid(&at, given, format!("is an invalid path: {why}")));
                continue;
            }
        };
        if found.first == "metadata" {
            errors.push(FieldError::invalid(&at, given, "must not point to fields in metadata"));
        }
        let field_type = found.schema.get("type").and_then(Value::as_str).unwrap_or_default();
        if !matches!(field_type, "string" | "boolean" | "integer") {
            let detail = "must point to a field of type string, boolean or integer. Enum string fields and \
                          strings with formats are allowed.";
            errors.push(FieldError::invalid(&at, given, detail));
        }
        match known.contains(&found.path) {
            true => errors.push(FieldError::duplicate(&at, given)),
            false => known.push(found.path),
        }
    }
    if known.len() > MAX_SELECTABLE {
        errors.push(FieldError::too_many(path, known.len(), MAX_SELECTABLE));
    }
    errors
}
