//! The type checker: gives every expression its type, every name its meaning and every call
//! its overloads.

mod aggregate;
mod assign;
mod call;
mod format_calls;
mod literals;
mod select;

use std::collections::HashMap;

use crate::ast::{Comprehension, Expr, Id, Kind, Literal};
use crate::environment::Environment;
use crate::issue::Issues;
use crate::library::{self, Overload};
use crate::source::Source;
use crate::types::Type;
use assign::Mapping;

/// What the checker has found out about an expression.
pub(crate) struct Checked {
    pub(crate) expr: Expr,
    types: Vec<Type>,
    references: HashMap<Id, Reference>,
}

/// What a name or a call stands for.
#[derive(Clone, Debug)]
pub(crate) enum Reference {
    /// A variable of the environment or of a macro.
    Variable(String),
    /// A type used as a value, by its name.
    Type(&'static str),
    /// The overloads that a call may run.
    Overloads(Vec<&'static Overload>),
}

impl Checked {
    pub(crate) fn type_of(&self, expr: &Expr) -> &Type {
        self.types.get(expr.id as usize).unwrap_or(&Type::Dyn)
    }

    pub(crate) fn reference(&self, expr: &Expr) -> Option<&Reference> {
        self.references.get(&expr.id)
    }

    pub(crate) fn overloads(&self, expr: &Expr) -> &[&'static Overload] {
        match self.references.get(&expr.id) {
            Some(Reference::Overloads(overloads)) => overloads,
            _ => &[],
        }
    }
}

/// Checks a parsed expression, whose ids are all less than `ids`.
pub(crate) fn check(
    environment: &Environment,
    source: &Source,
    mut expr: Expr,
    ids: Id,
) -> Result<Checked, Issues> {
    let mut checker = Checker {
        environment,
        source,
        issues: Issues::default(),
        types: vec![Type::Dyn; ids as usize],
        references: HashMap::new(),
        mapping: Mapping::default(),
        scope: Vec::new(),
        next_parameter: 0,
    };
    checker.check(&mut expr);
    let Checker { mut issues, types, references, mapping, .. } = checker;
    let types = types.iter().map(|known| mapping.substitute(known, true)).collect();
    let checked = Checked { expr, types, references };
    if issues.is_empty() {
        literals::validate(&checked, source, &mut issues);
    }
    if issues.is_empty() { Ok(checked) } else { Err(issues.sorted()) }
}

struct Checker<'e> {
    environment: &'e Environment,
    source: &'e Source,
    issues: Issues,
    types: Vec<Type>,
    references: HashMap<Id, Reference>,
    mapping: Mapping,
    /// The variables of the macros around, innermost last.
    scope: Vec<(String, Type)>,
    next_parameter: u32,
}

impl Checker<'_> {
    fn check(&mut self, expr: &mut Expr) {
        match &mut expr.kind {
            Kind::Literal(literal) => {
                let of = type_of_literal(literal);
                self.set_type(expr, of);
            }
            Kind::Ident(_) => self.ident(expr),
            Kind::Select(_) => self.select(expr),
            Kind::Call(_) => self.call(expr),
            Kind::List(_) => self.list(expr),
            Kind::Map(_) => self.map(expr),
            Kind::Struct(..) => self.message(expr),
            Kind::Comprehension(_) => self.comprehension(expr),
        }
    }

    fn ident(&mut self, expr: &Expr) {
        let Kind::Ident(name) = &expr.kind else { return };
        match self.lookup(name) {
            Some((of, reference)) => {
                self.references.insert(expr.id, reference);
                self.set_type(expr, of);
            }
            None => {
                self.undeclared(expr.at, name);
                self.set_type(expr, Type::Error);
            }
        }
    }

    /// The type and the meaning of a name.
    fn lookup(&self, name: &str) -> Option<(Type, Reference)> {
        let name = name.strip_prefix('.').unwrap_or(name);
        let variable = |of: &Type| (of.clone(), Reference::Variable(name.to_owned()));
        if let Some((_, of)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return Some(variable(of));
        }
        if let Some(of) = self.environment.variable_type(name) {
            return Some(variable(of));
        }
        let (of, name) = library::type_named(name)?;
        Some((Type::of(of), Reference::Type(name)))
    }

    fn comprehension(&mut self, expr: &mut Expr) {
        let id = expr.id;
        let Kind::Comprehension(comprehension) = &mut expr.kind else { return };
        let Comprehension { range, first, second, accumulator, init, condition, step, result } =
            comprehension.as_mut();
        self.check(range);
        self.check(init);
        let (key, value) = self.iteration_types(range, second.is_some());
        let accumulated = self.type_of(init);
        let outer = self.scope.len();
        self.scope.push((accumulator.clone(), accumulated.clone()));
        self.scope.push((first.clone(), key));
        self.scope.extend(second.iter().map(|name| (name.clone(), value.clone())));
        self.check(condition);
        self.expect(condition, &Type::Bool);
        self.check(step);
        self.expect(step, &accumulated);
        self.scope.truncate(outer + 1);
        self.check(result);
        self.scope.truncate(outer);
        let of = self.mapping.substitute(&self.type_of(result), false);
        self.set_type_of(id, of);
    }

    /// The types of a comprehension's variables over a range.
    fn iteration_types(&mut self, range: &Expr, two: bool) -> (Type, Type) {
        let of = self.mapping.substitute(&self.type_of(range), false);
        match &of {
            Type::List(element) if two => (Type::Int, (**element).clone()),
            Type::List(element) => ((**element).clone(), Type::Dyn),
            Type::Map(pair) => (pair.0.clone(), pair.1.clone()),
            Type::Dyn | Type::Error | Type::Param(_) => {
                self.mapping.assign(&Type::Dyn, &of);
                (Type::Dyn, Type::Dyn)
            }
            _ => {
                let what = format!(
                    "expression of type '{of}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.report(range.at, what);
                (Type::Error, Type::Error)
            }
        }
    }

    fn expect(&mut self, expr: &Expr, wanted: &Type) {
        let found = self.type_of(expr);
        if !self.mapping.assign(wanted, &found) {
            self.mismatch(expr.at, wanted, &found);
        }
    }

    fn type_of(&self, expr: &Expr) -> Type {
        self.types.get(expr.id as usize).cloned().unwrap_or(Type::Dyn)
    }

    fn set_type(&mut self, expr: &Expr, of: Type) {
        self.set_type_of(expr.id, of);
    }

    fn set_type_of(&mut self, id: Id, of: Type) {
        if let Some(place) = self.types.get_mut(id as usize) {
            *place = of;
        }
    }

    /// A parameter that nothing is known of yet.
    fn new_parameter(&mut self) -> Type {
        self.next_parameter += 1;
        Type::Param(self.next_parameter - 1)
    }

    fn report(&mut self, at: usize, message: impl Into<String>) {
        self.issues.report(self.source, at, message);
    }

    fn mismatch(&mut self, at: usize, wanted: &Type, found: &Type) {
        self.report(at, format!("expected type '{wanted}' but found '{found}'"));
    }

    fn undeclared(&mut self, at: usize, name: &str) {
        self.report(at, format!("undeclared reference to '{name}' (in container '')"));
    }
}

fn type_of_literal(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Uint(_) => Type::Uint,
        Literal::Double(_) => Type::Double,
        Literal::String(_) => Type::String,
        Literal::Bytes(_) => Type::Bytes,
    }
}

/// The value inside an optional, or the type itself; and whether it was one.
fn unwrap_optional(of: &Type) -> (Type, bool) {
    match of {
        Type::Optional(value) => ((**value).clone(), true),
        _ => (of.clone(), false),
    }
}
