//! Loops over lists and maps.

use super::{Answer, Run};
use crate::error::Error;
use crate::plan::Fold;
use crate::value::Value;

impl<'a> Run<'_, 'a> {
    pub(super) fn fold(&mut self, fold: &'a Fold) -> Answer<'a> {
        let outer = self.locals.len();
        let answer = self.turns(fold);
        self.locals.truncate(outer);
        answer
    }

    fn turns(&mut self, fold: &'a Fold) -> Answer<'a> {
        let range = self.eval(&fold.range)?;
        let init = self.eval(&fold.init);
        self.locals.push(init);
        match &range {
            Value::List(list) => {
                for (index, item) in list.iter().enumerate() {
                    let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                    let (first, second) = if fold.two_variables { (index, Some(item)) } else { (item, None) };
                    if !self.turn(fold, first, second)? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for key in map.keys() {
                    let second = if fold.two_variables { map.get(&key)? } else { None };
                    if !self.turn(fold, key, second)? {
                        break;
                    }
                }
            }
            other => {
                return Err(Error::new(format!("got '{}', expected iterable type", other.go_type())));
            }
        }
        self.eval(&fold.result)
    }

    /// One turn of a loop; whether there may be another.
    fn turn(&mut self, fold: &'a Fold, first: Value<'a>, second: Option<Value<'a>>) -> Result<bool, Error> {
        let inner = self.locals.len();
        self.locals.push(Ok(first));
        self.locals.extend(second.map(Ok));
        let condition = self.eval(&fold.condition);
        let more = match condition {
            Err(Error::CostLimit) => return Err(Error::CostLimit),
            Ok(Value::Bool(more)) => more,
            // An error in the condition is the accumulator's, which the result will tell.
            _ => true,
        };
        if more {
            let step = self.eval(&fold.step);
            if let Err(Error::CostLimit) = step {
                return Err(Error::CostLimit);
            }
            self.locals.truncate(inner);
            if let Some(accumulator) = self.locals.last_mut() {
                *accumulator = step;
            }
        }
        self.locals.truncate(inner);
        Ok(more)
    }
}
