//! A compiled expression, or why it does not compile.

use crate::{Environment, Program, Type};

/// What an expression has to evaluate to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Bool,
    Text,
    TextOrNull,
    /// A list of `JSONPatch`.
    Patches,
    /// An `Object`.
    Configuration,
    Anything,
}

#[derive(Debug)]
pub struct Expression {
    pub text: String,
    /// Kept as it is until somebody evaluates it: stored objects may be older than a rule.
    pub program: Result<Program, String>,
}

impl Expression {
    pub fn compile(environment: &Environment, text: &str, wanted: Wanted) -> Self {
        let program = environment.compile(text).map_err(|error| error.to_string());
        let program = program.and_then(|program| match wanted.misfit(program.output_type()) {
            None => Ok(program),
            Some(why) => Err(why),
        });
        Self { text: text.to_owned(), program }
    }
}

impl Wanted {
    /// Upstream's text if the type is not what is wanted.
    fn misfit(self, got: &Type) -> Option<String> {
        let (fits, wanted) = match self {
            Self::Bool => (*got == Type::Bool, "must evaluate to bool"),
            Self::Text => (*got == Type::String, "must evaluate to string"),
            Self::TextOrNull => {
                (matches!(got, Type::String | Type::Null), "must evaluate to one of [string null_type]")
            }
            Self::Patches => {
                let list = matches!(got, Type::List(inner) if inner.name() == "JSONPatch");
                (list, "must evaluate to list(JSONPatch)")
            }
            Self::Configuration => (got.name() == "Object", "must evaluate to Object"),
            Self::Anything => (true, ""),
        };
        (!fits).then(|| format!("{wanted} but got {}", go_name(got)))
    }
}

/// As cel-go prints types outside of its checker.
fn go_name(of: &Type) -> String {
    match of {
        Type::Null | Type::Duration | Type::Timestamp => match of {
            Type::Null => "null_type".to_owned(),
            other => other.name().to_owned(),
        },
        other => other.to_string(),
    }
}
