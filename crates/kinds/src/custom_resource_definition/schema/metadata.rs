//! apiVersion, kind and metadata are implicit; a schema may say little about them.

use ironclad_api::field::{FieldError, FieldErrors, Path};

use super::structural::Level;
use super::{Keywords, named, one, text};

/// Checks what a whole object's schema says about them, and what any other says of `metadata`.
pub(super) fn validate(
    keywords: &Keywords,
    level: Level,
    embedded: bool,
    path: &Path,
    errors: &mut FieldErrors,
) {
    let Some(properties) = one(keywords, "properties") else { return };
    let whole = level == Level::Root || embedded;
    let properties_path = path.child("properties");
    let property = |name: &str| properties.get(name).and_then(|schema| schema.as_object());
    let mut of_type = |name: &str, wanted: &str| {
        if let Some(found) =
            property(name).map(|schema| text(schema, "type")).filter(|found| *found != wanted)
        {
            let at = properties_path.key(name).child("type");
            errors.push(FieldError::invalid(&at, found, format!("must be {wanted}")));
        }
    };
    if whole {
        of_type("kind", "string");
        of_type("apiVersion", "string");
        of_type("metadata", "object");
    }
    if let Some(metadata) = property("metadata").filter(|_| level == Level::Root)
        && !only_names(metadata)
    {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(FieldError::forbidden(&properties_path.key("metadata"), detail));
    }
}

/// Whether it restricts nothing but the names.
fn only_names(metadata: &Keywords) -> bool {
    metadata.keys().all(|name| matches!(name.as_str(), "type" | "properties" | "default"))
        && named(metadata, "properties").all(|(name, _)| matches!(name, "name" | "generateName"))
}
