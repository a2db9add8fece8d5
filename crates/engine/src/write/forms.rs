//! The forms that a write's objects have in other versions of their kind, for the managers that
//! wrote in those.

use ironclad_api::apply::{ApplyError, Versions};
use ironclad_api::schema::Schema;
use ironclad_api::status::Status;
use ironclad_api::{GroupVersion, Object};
use parking_lot::Mutex;
use serde_json::Value;

use crate::engine::Engine;
use crate::registry::Served;

/// A write asks for a few forms in each version that its object was written in.
const MOST: usize = 256;

/// What has been converted so far. Work that lacks a form leaves its wish here, and is done again
/// when the form is there.
pub(crate) struct Forms<'a> {
    served: &'a Served,
    known: Vec<Form>,
    wish: Mutex<Option<Wish>>,
}

struct Form {
    of: Value,
    version: String,
    object: Value,
}

struct Wish {
    object: Value,
    version: String,
}

impl<'a> Forms<'a> {
    pub fn of(served: &'a Served) -> Self {
        Self { served, known: Vec::new(), wish: Mutex::default() }
    }
}

impl Versions for Forms<'_> {
    fn schema(&self, version: &str) -> Option<&Schema> {
        Some(self.served.kind.version(version)?)
    }

    fn form(&self, object: &Value, version: &str) -> Result<Value, ApplyError> {
        if object.get("apiVersion").and_then(Value::as_str) == Some(version) {
            return Ok(object.clone());
        }
        match self.known.iter().find(|form| form.version == version && form.of == *object) {
            Some(form) => Ok(form.object.clone()),
            None => {
                let wish = Wish { object: object.clone(), version: version.to_owned() };
                *self.wish.lock() = Some(wish);
                Err(ApplyError::Unconverted)
            }
        }
    }
}

impl Engine {
    /// Converts what the last attempt lacked; false if it lacked nothing.
    pub(crate) async fn fulfil(&self, forms: &mut Forms<'_>) -> Result<bool, Status> {
        let Some(Wish { object, version }) = forms.wish.get_mut().take() else { return Ok(false) };
        let to = GroupVersion::parse(&version).filter(|_| forms.known.len() < MOST);
        let to = to.ok_or_else(|| Status::internal_error("managed fields in too many versions"))?;
        let given = Object::from_value(object.clone()).unwrap_or_default();
        let converted = self.convert_one(forms.served, given, &to).await?;
        forms.known.push(Form { of: object, version, object: converted.into_value() });
        Ok(true)
    }
}
