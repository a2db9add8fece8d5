//! The options of writes, checked as upstream checks them.

use ironclad_api::field::{FieldError, Path};
use ironclad_api::params::WriteOptions;
use ironclad_api::status::Status;
use ironclad_api::validation::meta;
use ironclad_api::{FieldErrors, GroupKind};

use super::input::Options;
use crate::gate::Context;

/// The options of a create or update.
pub(crate) fn of_write(
    context: &Context,
    options: &WriteOptions,
    kind: &'static str,
) -> Result<Options, Status> {
    let errors = meta::field_manager(&Path::new("fieldManager"), &options.field_manager);
    settled(context, options, kind, errors)
}

/// The options of a patch. An apply must name its manager; nothing else may be forced.
pub(crate) fn of_patch(context: &Context, options: &WriteOptions, apply: bool) -> Result<Options, Status> {
    let path = Path::new("fieldManager");
    let mut errors = FieldErrors::new();
    if apply && options.field_manager.is_empty() {
        errors.push(FieldError::required(&path, "is required for apply patch"));
    }
    if !apply && options.force {
        errors.push(FieldError::forbidden(&Path::new("force"), "may not be specified for non-apply patch"));
    }
    errors.extend(meta::field_manager(&path, &options.field_manager));
    settled(context, options, "PatchOptions", errors)
}

fn settled(
    context: &Context,
    options: &WriteOptions,
    kind: &'static str,
    errors: FieldErrors,
) -> Result<Options, Status> {
    if !errors.is_empty() {
        return Err(Status::invalid(&GroupKind::new("meta.k8s.io", kind), "", &errors));
    }
    let manager = match options.field_manager.as_str() {
        "" => context.default_manager(),
        manager => manager.to_owned(),
    };
    Ok(Options {
        manager,
        validation: options.field_validation,
        force: options.force,
        generates_name: false,
        sent: Some(options.clone()),
    })
}
