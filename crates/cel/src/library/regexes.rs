//! `matches`, and Kubernetes' `find` and `findAll`.

use ironclad_api::go_regex;
use regex::Regex;

use super::Library;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::Value;

/// What is done with a pattern that is compiled when the expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Matches,
    Find,
    FindAll,
}

impl Pattern {
    /// The function with a pattern as its second argument.
    pub(crate) fn of(function: &str) -> Option<Self> {
        match function {
            "matches" => Some(Pattern::Matches),
            "find" => Some(Pattern::Find),
            "findAll" => Some(Pattern::FindAll),
            _ => None,
        }
    }

    pub(crate) fn run<'a>(self, regex: &Regex, text: &Value<'a>) -> Answer<'a> {
        let Value::String(text) = text else { return Err(Error::no_such_overload()) };
        Ok(match self {
            Pattern::Matches => Value::Bool(regex.is_match(text)),
            Pattern::Find => Value::string(regex.find(text).map_or("", |found| found.as_str()).to_owned()),
            Pattern::FindAll => find_all(regex, text, usize::MAX),
        })
    }
}

fn find_all<'a>(regex: &Regex, text: &str, most: usize) -> Value<'a> {
    Value::list(
        regex.find_iter(text).take(most).map(|found| Value::string(found.as_str().to_owned())).collect(),
    )
}

pub(super) fn declare(library: &mut Library) {
    let two = || [Type::String, Type::String];
    let strings = || Type::list(Type::String);
    library.function("matches", "matches", two(), Type::Bool, |args| run(Pattern::Matches, args));
    library.method("matches", "matches_string", two(), Type::Bool, |args| run(Pattern::Matches, args));
    library.method("find", "string_find_string", two(), Type::String, |args| run(Pattern::Find, args));
    library.method("findAll", "string_find_all_string", two(), strings(), |args| run(Pattern::FindAll, args));
    let with_count = [Type::String, Type::String, Type::Int];
    library.method("findAll", "string_find_all_string_int", with_count, strings(), |args| {
        let [Value::String(text), Value::String(pattern), Value::Int(most)] = args else {
            return Err(Error::no_such_overload());
        };
        let regex = compile(pattern)?;
        // A negative count means all.
        Ok(find_all(&regex, text, usize::try_from(*most).unwrap_or(usize::MAX)))
    });
}

fn compile(pattern: &str) -> Result<Regex, Error> {
    go_regex::compile(pattern).map_err(|why| Error::new(format!("Illegal regex: {why}")))
}

fn run<'a>(with: Pattern, args: &mut [Value<'a>]) -> Answer<'a> {
    let [text, Value::String(pattern)] = args else { return Err(Error::no_such_overload()) };
    let regex = match with {
        Pattern::Matches => go_regex::compile(pattern).map_err(Error::new)?,
        Pattern::Find | Pattern::FindAll => compile(pattern)?,
    };
    with.run(&regex, text)
}
