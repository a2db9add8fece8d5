//! Amounts of resources: `quantity('1.5Gi').isLessThan(quantity('2Gi'))`.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library>

use std::any::Any;

use ironclad_api::quantity::{Notation, Quantity};

use super::Library;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{Foreign, Value};

const NAME: &str = "kubernetes.Quantity";

impl Foreign for Quantity {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Foreign) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self == other)
    }
}

pub(super) fn declare(library: &mut Library) {
    use Type::{Bool, Double, Int, String};
    let own = || Type::message(NAME);
    library.function("quantity", "string_to_quantity", [String], own(), |args| match args {
        [Value::String(text)] => {
            Quantity::parse(text).map(Value::foreign).map_err(|error| Error::new(error.to_string()))
        }
        _ => Err(Error::no_such_overload()),
    });
    library.function("isQuantity", "is_quantity_string", [String], Bool, |args| match args {
        [Value::String(text)] => Ok(Value::Bool(Quantity::parse(text).is_ok())),
        _ => Err(Error::no_such_overload()),
    });
    library
        .function("sign", "quantity_sign", [own()], Int, |args| Ok(Value::Int(first(args)?.sign().into())));
    library.method("isGreaterThan", "quantity_is_greater_than", [own(), own()], Bool, |args| {
        let (a, b) = two(args)?;
        Ok(Value::Bool(a > b))
    });
    library.method("isLessThan", "quantity_is_less_than", [own(), own()], Bool, |args| {
        let (a, b) = two(args)?;
        Ok(Value::Bool(a < b))
    });
    library.method("compareTo", "quantity_compare_to", [own(), own()], Int, |args| {
        let (a, b) = two(args)?;
        Ok(Value::Int(a.cmp(b) as i64))
    });
    library.method("asApproximateFloat", "quantity_get_float", [own()], Double, |args| {
        Ok(Value::Double(first(args)?.as_f64()))
    });
    library.method("asInteger", "quantity_get_int", [own()], Int, |args| {
        let whole = first(args)?.as_i64();
        whole.map(Value::Int).ok_or_else(|| Error::new("cannot convert value to integer"))
    });
    library.method("isInteger", "quantity_is_integer", [own()], Bool, |args| {
        Ok(Value::Bool(first(args)?.as_i64().is_some()))
    });
    library.method("add", "quantity_add", [own(), own()], own(), |args| {
        let (a, b) = two(args)?;
        Ok(Value::foreign(a.clone() + b))
    });
    library.method("add", "quantity_add_int", [own(), Int], own(), |args| with_int(args, |a, b| a + &b));
    library.method("sub", "quantity_sub", [own(), own()], own(), |args| {
        let (a, b) = two(args)?;
        Ok(Value::foreign(a.clone() - b))
    });
    library.method("sub", "quantity_sub_int", [own(), Int], own(), |args| with_int(args, |a, b| a - &b));
}

fn first<'v>(args: &'v [Value<'_>]) -> Result<&'v Quantity, Error> {
    args.first().and_then(Value::as_foreign).ok_or_else(Error::no_such_overload)
}

fn two<'v>(args: &'v [Value<'_>]) -> Result<(&'v Quantity, &'v Quantity), Error> {
    let second = args.get(1).and_then(Value::as_foreign).ok_or_else(Error::no_such_overload)?;
    Ok((first(args)?, second))
}

fn with_int<'a>(args: &mut [Value<'a>], combine: fn(Quantity, Quantity) -> Quantity) -> Answer<'a> {
    let number = args.get(1).and_then(Value::as_int).ok_or_else(Error::no_such_overload)?;
    Ok(Value::foreign(combine(first(args)?.clone(), Quantity::new(number, Notation::DecimalExponent))))
}
