//! Expressions and what they evaluate to, held against the documents of CEL and Kubernetes.

mod language;
mod libraries;
mod robustness;

use crate::{Activation, Budget, Environment};

/// What an expression without variables evaluates to, printed; or its error.
fn result(expression: &str) -> String {
    let program = match Environment::new().compile(expression) {
        Ok(program) => program,
        Err(error) => return error.to_string(),
    };
    match program.evaluate(&Activation::new(), &mut Budget::default()) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    }
}
