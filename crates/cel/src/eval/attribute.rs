//! Variables and what is read from them: fields, keys, indexes, and whether they are there.

use super::{Answer, Run};
use crate::error::Error;
use crate::plan::{Attribute, Qualifier, QualifierKey, Root};
use crate::value::Value;

impl<'a> Run<'_, 'a> {
    pub(super) fn attribute(&mut self, attribute: &'a Attribute) -> Answer<'a> {
        let answer = self.resolve(attribute);
        // Reading costs one; asking whether something is there, and choosing, cost nothing.
        let free = attribute.test_only || matches!(attribute.root, Root::Conditional(_));
        self.charge(u64::from(!free))?;
        answer
    }

    /// The value of an attribute, without the cost of reading it.
    fn resolve(&mut self, attribute: &'a Attribute) -> Answer<'a> {
        let value = self.root(&attribute.root)?;
        if attribute.qualifiers.is_empty() {
            return Ok(value);
        }
        let (value, mut optional) = match value {
            Value::Optional(None) if attribute.test_only => return Ok(Value::Bool(false)),
            Value::Optional(None) => return Ok(Value::Optional(None)),
            Value::Optional(Some(value)) => (value.as_ref().clone(), true),
            value => (value, false),
        };
        let mut value = value;
        let (last, before) = match attribute.qualifiers.split_last() {
            Some((last, before)) if attribute.test_only => (Some(last), before),
            _ => (None, attribute.qualifiers.as_slice()),
        };
        for qualifier in before {
            optional |= qualifier.optional;
            match self.qualify(&value, qualifier, optional)? {
                Some(found) => value = found,
                None if attribute.test_only => return Ok(Value::Bool(false)),
                None => return Ok(Value::Optional(None)),
            }
        }
        match last {
            Some(last) => self.is_present(&value, last).map(Value::Bool),
            None if optional => Ok(Value::some(value)),
            None => Ok(value),
        }
    }

    fn root(&mut self, root: &'a Root) -> Answer<'a> {
        match root {
            Root::Variable(place) => {
                let name = self.names.get(*place).map_or("", String::as_str);
                let value = self.variables.get(name).cloned();
                value.ok_or_else(|| Error::new(format!("no such attribute(s): {name}")))
            }
            Root::Local(place) => self.local(*place, |value| value.clone()),
            Root::Take(place) => {
                self.local(*place, |value| std::mem::replace(value, Err(Error::no_such_overload())))
            }
            Root::Result(node) => self.eval(node),
            Root::Conditional(branches) => {
                let (condition, then, otherwise) = branches.as_ref();
                match self.eval(condition)? {
                    Value::Bool(true) => self.resolve(then),
                    Value::Bool(false) => self.resolve(otherwise),
                    _ => Err(Error::no_such_overload()),
                }
            }
        }
    }

    fn local(&mut self, place: usize, read: impl Fn(&mut Answer<'a>) -> Answer<'a>) -> Answer<'a> {
        self.locals.get_mut(place).map_or_else(|| Err(Error::no_such_overload()), read)
    }

    /// What is under a key. `None` only if it may be absent.
    fn qualify(
        &mut self,
        value: &Value<'a>,
        qualifier: &'a Qualifier,
        may_be_absent: bool,
    ) -> Result<Option<Value<'a>>, Error> {
        let key = self.key(&qualifier.key)?;
        let found = lookup(value, &key);
        match found {
            Ok(Some(found)) => {
                self.charge(1)?;
                Ok(Some(found))
            }
            Ok(None) if may_be_absent => Ok(None),
            Ok(None) => {
                self.charge(1)?;
                Err(missing(value, &key))
            }
            Err(error) => {
                self.charge(1)?;
                Err(error)
            }
        }
    }

    fn is_present(&mut self, value: &Value<'a>, qualifier: &'a Qualifier) -> Result<bool, Error> {
        let key = self.key(&qualifier.key)?;
        self.charge(1)?;
        Ok(lookup(value, &key)?.is_some())
    }

    /// The key; one that is read from a variable is not charged for the reading.
    fn key(&mut self, key: &'a QualifierKey) -> Answer<'a> {
        match key {
            QualifierKey::Constant(value) => Ok(value.clone()),
            QualifierKey::Computed(crate::plan::Node::Attribute(attribute)) => self.resolve(attribute),
            QualifierKey::Computed(node) => self.eval(node),
        }
    }
}

/// What is under a key of a map or at an index of a list. `None` if nothing is.
fn lookup<'a>(value: &Value<'a>, key: &Value<'a>) -> Result<Option<Value<'a>>, Error> {
    match value {
        Value::Map(map) => map.get(key),
        Value::List(list) => Ok(usize::try_from(index(key)?).ok().and_then(|index| list.get(index))),
        Value::Foreign(foreign) => {
            Ok(match (foreign.as_any().downcast_ref::<crate::library::Message>(), key) {
                (Some(message), Value::String(field)) => message.field(field),
                _ => None,
            })
        }
        _ => Ok(None),
    }
}

fn missing(value: &Value<'_>, key: &Value<'_>) -> Error {
    match value {
        Value::List(_) => Error::out_of_bounds(key),
        _ => Error::no_such_key(key),
    }
}

fn index(key: &Value<'_>) -> Result<i64, Error> {
    match key {
        Value::Int(index) => Ok(*index),
        Value::Uint(index) => Ok(i64::try_from(*index).unwrap_or(i64::MAX)),
        Value::Double(index) if index.fract() == 0.0 && index.abs() < 9.2e18 => Ok(*index as i64),
        Value::Double(_) => Err(Error::new(format!("unsupported index value {key} in list"))),
        _ => Err(Error::new(format!("unsupported index type '{}' in list", key.type_name()))),
    }
}
