//! What all versions have in common. Upstream moves it out of the versions before it
//! validates, which shows in the paths of errors: `spec.validation.openAPIV3Schema` instead of
//! `spec.versions[0].schema.openAPIV3Schema`.

use ironclad_api::goprint;
use serde_json::json;

use crate::definition::{Spec, Version};

/// Which fields are the same in all versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifted {
    pub schema: bool,
    pub subresources: bool,
    pub columns: bool,
    pub selectable: bool,
}

impl Lifted {
    pub(super) fn of(spec: &Spec) -> Self {
        fn same<T: PartialEq>(versions: &[Version], field: fn(&Version) -> &T) -> bool {
            versions.windows(2).all(|pair| matches!(pair, [a, b] if field(a) == field(b)))
        }
        let versions = &spec.versions;
        Self {
            schema: same(versions, |version| &version.schema),
            subresources: same(versions, |version| &version.subresources),
            columns: same(versions, |version| &version.additional_printer_columns),
            selectable: same(versions, |version| &version.selectable_fields),
        }
    }
}

/// The versions as Go prints them in errors: under its own names, without what was lifted.
pub(super) fn printed(versions: &[Version]) -> String {
    let each = versions.iter().map(|version| {
        format!(
            "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\"Schema\":null,\
             \"Subresources\":null,\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}}",
            goprint::json(&json!(version.name)),
            version.served,
            version.storage,
            version.deprecated,
            goprint::json(&json!(version.deprecation_warning)),
        )
    });
    match versions.is_empty() {
        true => "null".to_owned(),
        false => format!("[{}]", each.collect::<Vec<_>>().join(",")),
    }
}
