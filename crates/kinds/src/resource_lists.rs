//! Lists of amounts by the name of their resource.

use ironclad_api::quantity::{MILLI, Quantity};
use serde_json::{Map, Value};

use crate::spec::object_at;

/// Amounts are kept to the thousandth, rounded up.
pub(crate) fn round(parent: &mut Map<String, Value>, field: &str) {
    let Some(list) = object_at(parent, field) else { return };
    for amount in list.values_mut() {
        if let Ok(mut quantity) = Quantity::from_json(amount)
            && !quantity.round_up(MILLI)
        {
            *amount = quantity.to_string().into();
        }
    }
}
