//! The names of a kind.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::dns::dns1035_label;

use crate::definition::Names;

/// Names that are there must be well-formed; accepted ones may be missing.
pub(super) fn validate(names: &Names, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (field, name) in [("plural", &names.plural), ("singular", &names.singular)] {
        errors.extend(label(name, &path.child(field)).filter(|_| !name.is_empty()));
    }
    for (field, name) in [("kind", &names.kind), ("listKind", &names.list_kind)] {
        let faults = dns1035_label(&name.to_lowercase());
        if !name.is_empty() && !faults.is_empty() {
            let detail = format!("may have mixed case, but should otherwise match: {}", faults.join(","));
            errors.push(FieldError::invalid(&path.child(field), name, detail));
        }
    }
    let each = |list: &[String], field: &str| -> FieldErrors {
        let path = path.child(field);
        list.iter().enumerate().filter_map(|(index, name)| label(name, &path.index(index))).collect()
    };
    errors.extend(each(&names.short_names, "shortNames"));
    if !names.kind.is_empty() && names.kind == names.list_kind {
        let detail = "kind and listKind may not be the same";
        errors.push(FieldError::invalid(&path.child("listKind"), &names.list_kind, detail));
    }
    errors.extend(each(&names.categories, "categories"));
    errors
}

/// What makes a name no DNS label.
pub(super) fn label(name: &str, path: &Path) -> Option<FieldError> {
    let faults = dns1035_label(name);
    (!faults.is_empty()).then(|| FieldError::invalid(path, name, faults.join(",")))
}

/// What the specification must say.
pub(super) fn required(names: &Names, path: &Path) -> FieldErrors {
    let all = [
        ("plural", &names.plural),
        ("singular", &names.singular),
        ("kind", &names.kind),
        ("listKind", &names.list_kind),
    ];
    let missing = all.iter().filter(|(_, name)| name.is_empty());
    missing.map(|(field, _)| FieldError::required(&path.child(field), "")).collect()
}
