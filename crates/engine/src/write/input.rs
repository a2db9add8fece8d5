//! What is to be written, before anything is known of what stands there.

use ironclad_api::Object;
use ironclad_api::params::WriteOptions;
use ironclad_api::status::Status;
use ironclad_client::{Body, Patch, PatchKind};

use crate::strategy::Strategy;

/// The source of the new object. It is turned into one anew on every attempt.
pub(crate) enum Input<'a> {
    Create(Body, Options),
    Replace(Body, Options),
    Patch(Patch, Options),
    /// From inside: alters the newest version, or refuses.
    Change(&'a (dyn Fn(&mut Object) -> Result<(), Status> + Send + Sync), Options),
}

/// What a write says about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Never empty but for writes without managed fields.
    pub manager: String,
    pub validation: ironclad_api::params::FieldValidation,
    pub force: bool,
    /// Of a create whose object has no name but a prefix for one.
    pub generates_name: bool,
    /// As the client sent them; `None` for changes from inside.
    pub sent: Option<WriteOptions>,
}

impl Input<'_> {
    pub fn options(&self) -> &Options {
        match self {
            Self::Create(_, options)
            | Self::Replace(_, options)
            | Self::Patch(_, options)
            | Self::Change(_, options) => options,
        }
    }

    pub fn set_generates_name(&mut self, generates: bool) {
        if let Self::Create(_, options) = self {
            options.generates_name = generates;
        }
    }

    pub fn is_create(&self) -> bool {
        matches!(self, Self::Create(..))
    }

    pub fn is_apply(&self) -> bool {
        matches!(self, Self::Patch(Patch { kind: PatchKind::Apply, .. }, _))
    }

    /// Whether an absent object is created.
    pub fn creates_absent(&self, strategy: &dyn Strategy) -> bool {
        match self {
            Self::Create(..) => true,
            Self::Replace(..) => strategy.create_on_update(),
            Self::Patch(..) => self.is_apply(),
            Self::Change(..) => false,
        }
    }

    pub fn generates_name(&self) -> bool {
        self.options().generates_name
    }

    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create(..) => "create",
            _ => "update",
        }
    }
}
