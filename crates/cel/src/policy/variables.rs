//! A policy's own variables, compiled.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Expression, Scope, Wanted};
use crate::{Declared, Type};

/// A variable as the policy has it, compiled.
#[derive(Debug)]
pub struct Definition {
    pub name: String,
    pub expression: Expression,
}

pub type Definitions = Vec<Definition>;

/// Compiles variables in their order: each may use those before it. The scope comes back
/// with all of them in it.
pub fn compile(variables: Vec<(String, String)>, mut scope: Scope) -> (Definitions, Scope) {
    let mut definitions = Definitions::new();
    let mut known = HashSet::new();
    let mut fields: Vec<(String, Type)> = Vec::new();
    scope.variables = Some(declared(&fields));
    for (name, text) in variables {
        // A second one of the same name could read itself.
        if !known.insert(name.clone()) {
            continue;
        }
        let expression = Expression::compile(&scope.environment(), &text, Wanted::Anything);
        let output = expression.program.as_ref().map_or(Type::Dyn, |program| program.output_type().clone());
        fields.push((name.clone(), output));
        scope.variables = Some(declared(&fields));
        definitions.push(Definition { name, expression });
    }
    (definitions, scope)
}

fn declared(fields: &[(String, Type)]) -> Arc<Declared> {
    let fields = fields.iter().map(|(name, of)| (name.clone(), of_type(of)));
    Arc::new(Declared::object("kubernetes.variables", fields))
}

/// What has no simple type is checked when it is used.
fn of_type(of: &Type) -> Declared {
    match of {
        Type::Bool => Declared::boolean(),
        Type::Int => Declared::int(),
        Type::String => Declared::string(),
        Type::List(element) => Declared::list(of_type(element)),
        Type::Map(pair) if pair.0 == Type::String => Declared::map(of_type(&pair.1)),
        _ => Declared::dynamic(),
    }
}
