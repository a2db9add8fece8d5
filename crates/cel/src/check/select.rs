//! Fields: of objects, of maps, of optionals, and names with dots in them.

use super::{Checker, unwrap_optional};
use crate::ast::{Expr, Kind, Literal};
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn select(&mut self, expr: &mut Expr) {
        // A name with dots is looked up whole before it is taken apart.
        if let Some(name) = expr.qualified_name()
            && let Some((of, reference)) = self.lookup(&name)
        {
            self.references.insert(expr.id, reference);
            return self.set_type(expr, of);
        }
        let at = expr.at;
        let Kind::Select(select) = &mut expr.kind else { return };
        let of = self.field(at, &mut select.operand, &select.field, false);
        let of = if select.test_only { Type::Bool } else { self.mapping.substitute(&of, false) };
        self.set_type(expr, of);
    }

    /// `operand.?field`, which the parser writes as a call.
    pub(super) fn optional_select(&mut self, expr: &mut Expr) {
        let at = expr.at;
        let Kind::Call(call) = &mut expr.kind else { return };
        let [operand, field] = call.args.as_mut_slice() else { return };
        let Kind::Literal(Literal::String(name)) = &field.kind else {
            return self.report(at, "unsupported optional field selection");
        };
        let name = name.clone();
        let of = self.field(at, operand, &name, true);
        let of = self.mapping.substitute(&of, false);
        self.set_type(expr, of);
    }

    fn field(&mut self, at: usize, operand: &mut Expr, field: &str, optional: bool) -> Type {
        self.check(operand);
        let of = self.mapping.substitute(&self.type_of(operand), false);
        let (target, was_optional) = unwrap_optional(&of);
        let found = match &target {
            Type::Map(pair) => pair.1.clone(),
            Type::Object(_) | Type::Message(_) => self.field_type(at, &target, field),
            Type::Param(_) => {
                self.mapping.assign(&Type::Dyn, &target);
                Type::Dyn
            }
            Type::Dyn | Type::Any | Type::Error => Type::Dyn,
            _ => {
                self.report(at, format!("type '{target}' does not support field selection"));
                Type::Dyn
            }
        };
        if optional || was_optional { Type::optional(found) } else { found }
    }

    /// The declared type of a message's field.
    pub(super) fn field_type(&mut self, at: usize, message: &Type, field: &str) -> Type {
        let found = match message {
            Type::Object(declared) => declared.field(field).map(|field| field.cel_type()),
            Type::Message(name) => match crate::library::message_fields(name) {
                Some(fields) => fields(field),
                None => {
                    self.report(at, format!("unexpected failed resolution of '{name}'"));
                    return Type::Error;
                }
            },
            _ => None,
        };
        found.unwrap_or_else(|| {
            self.report(at, format!("undefined field '{field}'"));
            Type::Error
        })
    }
}
