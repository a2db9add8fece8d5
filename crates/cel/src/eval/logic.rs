//! `&&`, `||`, `==`, `in` over constants, and optionals with something to fall back on.

use super::{Answer, Run};
use crate::cost;
use crate::error::Error;
use crate::plan::Node;
use crate::value::Value;

impl<'a> Run<'_, 'a> {
    /// `&&` and `||`: the side that is `decisive` decides, whatever the other one is.
    pub(super) fn logic(&mut self, sides: &'a [Node; 2], decisive: bool) -> Answer<'a> {
        let mut error = None;
        for side in sides {
            match self.eval(side) {
                Err(Error::CostLimit) => return Err(Error::CostLimit),
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => {}
                Ok(_) => error = error.or_else(|| Some(Error::no_such_overload())),
                Err(other) => error = error.or(Some(other)),
            }
        }
        match error {
            Some(error) => Err(error),
            None => Ok(Value::Bool(!decisive)),
        }
    }

    pub(super) fn equal(&mut self, sides: &'a [Node; 2], negated: bool) -> Answer<'a> {
        let left = self.eval(&sides[0]);
        if let Err(Error::CostLimit) = left {
            return left;
        }
        let right = self.eval(&sides[1]);
        if let Err(Error::CostLimit) = right {
            return right;
        }
        if left.is_err() || right.is_err() {
            self.charge(1)?;
        }
        let (left, right) = (left?, right?);
        self.charge(cost::equality(&left, &right, negated))?;
        Ok(Value::Bool((left == right) != negated))
    }

    pub(super) fn one_of(&mut self, value: &'a Node, constants: &'a Value<'static>) -> Answer<'a> {
        let value = self.eval(value)?;
        let Value::List(constants) = constants else { return Err(Error::no_such_overload()) };
        Ok(Value::Bool(constants.iter().any(|constant| constant == value)))
    }

    pub(super) fn or_else(&mut self, sides: &'a [Node; 2], unwrap: bool) -> Answer<'a> {
        match self.eval(&sides[0])? {
            Value::Optional(None) => self.eval(&sides[1]),
            Value::Optional(Some(value)) if unwrap => Ok(value.as_ref().clone()),
            value => Ok(value),
        }
    }
}
