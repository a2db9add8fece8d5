//! The Common Expression Language with the libraries, types and limits of Kubernetes 1.36.
//!
//! An [`Environment`] names the variables of an expression and their [`Type`]s. It compiles the
//! expression's text to a [`Program`], or says what is wrong with it in cel-go's words. The
//! program is evaluated over an [`Activation`], the variables' [`Value`]s, which read the
//! object's own JSON, and within a [`Budget`].
//!
//! ```
//! use ironclad_cel::{Activation, Budget, Environment, Type, Value};
//! let environment = Environment::new().variable("self", Type::map(Type::String, Type::Dyn));
//! let program = environment.compile("self.replicas + 1 <= 10").unwrap();
//! let object = serde_json::json!({"replicas": 3});
//! let variables = Activation::new().bind("self", Value::from_json(&object));
//! assert_eq!(program.evaluate(&variables, &mut Budget::default()), Ok(Value::Bool(true)));
//! ```
//!
//! Language: <https://github.com/google/cel-spec>. Kubernetes' part:
//! <https://kubernetes.io/docs/reference/using-api/cel/>

mod ast;
mod check;
mod cost;
mod declared;
mod environment;
mod error;
mod escaping;
mod eval;
mod issue;
mod library;
pub mod limits;
mod parser;
mod plan;
pub mod policy;
mod program;
mod source;
mod types;
mod value;

pub use cost::{Estimate, Sizes};
pub use declared::Declared;
pub use environment::{CompileError, Environment};
pub use error::Error;
pub use escaping::{escape, unescape};
pub use eval::{Activation, Budget};
pub use issue::{Issue, Issues};
pub use library::authorization;
pub use program::Program;
pub use types::Type;
pub use value::{Fields, Key, List, Map, Text, Timestamp, Value};

#[cfg(test)]
mod tests;
