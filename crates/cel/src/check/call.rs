//! Calls: which function is meant, and which of its overloads take the arguments.

use super::assign::instantiate;
use super::{Checker, Reference};
use crate::ast::{Expr, Kind, operator};
use crate::library::{self, Function, Overload};
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn call(&mut self, expr: &mut Expr) {
        let Kind::Call(call) = &mut expr.kind else { return };
        if call.function == operator::OPT_SELECT {
            return self.optional_select(expr);
        }
        for arg in &mut call.args {
            self.check(arg);
        }
        let Some(target) = &mut call.target else {
            let rooted = call.function.strip_prefix('.');
            if let Some(function) = self.function(rooted.unwrap_or(&call.function)) {
                if rooted.is_some() {
                    call.function = function.name.to_owned();
                }
                return self.resolve(expr, function, false);
            }
            let name = call.function.clone();
            return self.undeclared_function(expr, &name);
        };
        // `a.b(c)` may be the function `a.b`.
        let qualified = target.qualified_name().map(|prefix| format!("{prefix}.{}", call.function));
        if let Some(function) = qualified.as_deref().and_then(|name| self.function(name)) {
            call.function = function.name.to_owned();
            call.target = None;
            return self.resolve(expr, function, false);
        }
        self.check(target);
        match self.function(&call.function) {
            Some(function) => self.resolve(expr, function, true),
            None => {
                let name = call.function.clone();
                self.undeclared_function(expr, &name);
            }
        }
    }

    /// What is for patches is there for those who may make patches.
    fn function(&self, name: &str) -> Option<&'static Function> {
        let of_patches = name.starts_with("jsonpatch.");
        library::function(name).filter(|_| !of_patches || self.environment.makes_messages())
    }

    fn undeclared_function(&mut self, expr: &Expr, name: &str) {
        self.undeclared(expr.at, name);
        self.set_type(expr, Type::Error);
    }

    fn resolve(&mut self, expr: &Expr, function: &'static Function, member: bool) {
        let Kind::Call(call) = &expr.kind else { return };
        let given: Vec<Type> = call.target.iter().chain(&call.args).map(|arg| self.type_of(arg)).collect();
        let of = match function.name {
            operator::AND | operator::OR => self.logical(&call.args, function, expr),
            _ => self.overloads(expr, function, member, &given),
        };
        self.set_type(expr, of);
    }

    /// `&&` and `||` take booleans and say which operand is none.
    fn logical(&mut self, args: &[Expr], function: &'static Function, expr: &Expr) -> Type {
        let mut of = Type::Bool;
        for arg in args {
            let found = self.type_of(arg);
            if !self.mapping.assign(&found, &Type::Bool) {
                self.mismatch(arg.at, &Type::Bool, &found);
                of = Type::Error;
            }
        }
        self.references.insert(expr.id, Reference::Overloads(function.overloads.iter().collect()));
        of
    }

    /// The type of a call: that of the first overload that fits, `dyn` if several disagree.
    fn overloads(&mut self, expr: &Expr, function: &'static Function, member: bool, given: &[Type]) -> Type {
        let mut chosen: Vec<&'static Overload> = Vec::new();
        let mut result: Option<Type> = None;
        for overload in function.overloads.iter().filter(|overload| overload.member == member) {
            let base = self.next_parameter;
            self.next_parameter += 4;
            let wanted: Vec<Type> = overload.params.iter().map(|param| instantiate(param, base)).collect();
            if !self.mapping.assign_all(given, &wanted) {
                continue;
            }
            chosen.push(overload);
            let of = self.mapping.substitute(&instantiate(&overload.result, base), false);
            result = Some(match result {
                None => of,
                Some(known) if known.is_dyn() || known == of => known,
                Some(_) => Type::Dyn,
            });
        }
        self.references.insert(expr.id, Reference::Overloads(chosen));
        result.unwrap_or_else(|| {
            self.no_overload(expr.at, function.name, member, given);
            Type::Error
        })
    }

    fn no_overload(&mut self, at: usize, name: &str, member: bool, given: &[Type]) {
        let mut given = given.iter().map(|of| self.mapping.substitute(of, true).to_string());
        let target = if member { given.next().map(|target| format!("{target}.")) } else { None };
        let args = given.collect::<Vec<_>>().join(", ");
        let target = target.unwrap_or_default();
        self.report(at, format!("found no matching overload for '{name}' applied to '{target}({args})'"));
    }
}
