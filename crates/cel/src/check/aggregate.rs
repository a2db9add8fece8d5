//! Lists, maps and messages: their elements have one type, or `dyn` between them.

use super::assign::more_general;
use super::{Checker, unwrap_optional};
use crate::ast::{Expr, Kind};
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn list(&mut self, expr: &mut Expr) {
        let Kind::List(elements) = &mut expr.kind else { return };
        let mut of = None;
        for element in elements {
            self.check(&mut element.value);
            let found = self.type_of(&element.value);
            let found = self.without_optional(&element.value, found, element.optional);
            of = Some(self.join(of, found));
        }
        let of = of.unwrap_or_else(|| self.new_parameter());
        self.set_type(expr, Type::list(of));
    }

    pub(super) fn map(&mut self, expr: &mut Expr) {
        let Kind::Map(entries) = &mut expr.kind else { return };
        let (mut key_type, mut value_type) = (None, None);
        for entry in entries {
            self.check(&mut entry.key);
            let found = self.type_of(&entry.key);
            key_type = Some(self.join(key_type, found));
            self.check(&mut entry.value);
            let found = self.type_of(&entry.value);
            let found = self.without_optional(&entry.value, found, entry.optional);
            value_type = Some(self.join(value_type, found));
        }
        let key = key_type.unwrap_or_else(|| self.new_parameter());
        let value = value_type.unwrap_or_else(|| self.new_parameter());
        self.set_type(expr, Type::map(key, value));
    }

    /// The type of what `?value` puts into a list, a map or a message.
    fn without_optional(&mut self, value: &Expr, found: Type, optional: bool) -> Type {
        if !optional {
            return found;
        }
        let (inner, was_optional) = unwrap_optional(&found);
        if !was_optional && !inner.is_dyn() {
            self.mismatch(value.at, &Type::optional(inner.clone()), &inner);
        }
        inner
    }

    /// The type of elements of both types: `dyn` if they do not agree. That a literal is of one
    /// type is checked when all types are known.
    fn join(&mut self, known: Option<Type>, found: Type) -> Type {
        match known {
            None => found,
            Some(known) if self.mapping.assign(&known, &found) => more_general(&known, &found).clone(),
            Some(_) => Type::Dyn,
        }
    }

    pub(super) fn message(&mut self, expr: &mut Expr) {
        let at = expr.at;
        let Kind::Struct(name, fields) = &mut expr.kind else { return };
        let name = name.strip_prefix('.').unwrap_or(name).to_owned();
        let message = Type::message(name.clone());
        let known = self.environment.makes_messages() && crate::library::message_fields(&name).is_some();
        if !known {
            self.undeclared(at, &name);
            return self.set_type(expr, Type::Error);
        }
        for field in fields {
            self.check(&mut field.value);
            let wanted = self.field_type(field.at, &message, &field.name);
            let found = self.type_of(&field.value);
            let found = self.without_optional(&field.value, found, field.optional);
            if !self.mapping.assign(&wanted, &found) {
                let what = format!(
                    "expected type of field '{}' is '{wanted}' but provided type is '{found}'",
                    field.name
                );
                self.report(field.at, what);
            }
        }
        self.set_type(expr, message);
    }
}
