//! The functions that expressions may call: CEL's own, cel-go's extensions and Kubernetes'
//! libraries, one file each.

mod addresses;
mod aggregates;
pub mod authorization;
mod comparison;
mod conversions;
mod format_string;
mod formats;
mod list_extensions;
mod lists;
mod message;
mod networks;
mod operators;
mod optionals;
mod quantities;
mod regexes;
mod sets;
mod strings;
mod text;
mod time;
mod urls;
mod versions;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::Value;

pub(crate) use conversions::{is_duration, is_timestamp};
pub(crate) use format_string::{Clause, Piece, read_pattern};
pub(crate) use formats::pattern_length;
pub(crate) use message::{Message, message_fields};
pub(crate) use regexes::Pattern;

/// What a function does with its arguments, which it may take.
pub(crate) type Run = for<'a> fn(&mut [Value<'a>]) -> Answer<'a>;

/// A function and the types it takes.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) overloads: Vec<Overload>,
    /// One implementation for all overloads, which looks at the types itself.
    singleton: Option<Run>,
    /// An error may be an argument.
    pub(crate) takes_errors: bool,
}

/// One signature of a function.
pub(crate) struct Overload {
    /// Upstream's name for it, by which cost is reckoned.
    pub(crate) id: &'static str,
    /// `target.function(args)`; the target is the first parameter.
    pub(crate) member: bool,
    pub(crate) params: Vec<Type>,
    pub(crate) result: Type,
    run: Run,
}

impl std::fmt::Debug for Overload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

impl Overload {
    fn fits(&self, args: &[Value<'_>]) -> bool {
        self.params.len() == args.len() && self.params.iter().zip(args).all(|(param, arg)| arg.fits(param))
    }
}

impl Function {
    /// Runs the overload that the checker found, or the first one that fits the values.
    pub(crate) fn call<'a>(&self, overload: Option<&Overload>, args: &mut [Value<'a>]) -> Answer<'a> {
        if let Some(run) = self.singleton {
            return run(args);
        }
        let mut candidates: &[Overload] = &self.overloads;
        if let Some(only) = overload {
            candidates = std::slice::from_ref(only);
        }
        match candidates.iter().find(|candidate| candidate.fits(args)) {
            Some(fitting) => (fitting.run)(args),
            None => {
                let types: Vec<_> = args.iter().map(Value::type_name).collect();
                Err(Error::new(format!("no such overload: {}({})", self.name, types.join(", "))))
            }
        }
    }
}

/// All functions, by name.
#[derive(Default)]
pub(crate) struct Library {
    functions: BTreeMap<&'static str, Function>,
}

impl Library {
    fn entry(&mut self, name: &'static str) -> &mut Function {
        let new = || Function { name, overloads: Vec::new(), singleton: None, takes_errors: false };
        self.functions.entry(name).or_insert_with(new)
    }

    /// `name(params) -> result`.
    fn function(
        &mut self,
        name: &'static str,
        id: &'static str,
        params: impl Into<Vec<Type>>,
        result: Type,
        run: Run,
    ) {
        let overload = Overload { id, member: false, params: params.into(), result, run };
        self.entry(name).overloads.push(overload);
    }

    /// `params[0].name(params[1..]) -> result`.
    fn method(
        &mut self,
        name: &'static str,
        id: &'static str,
        params: impl Into<Vec<Type>>,
        result: Type,
        run: Run,
    ) {
        let overload = Overload { id, member: true, params: params.into(), result, run };
        self.entry(name).overloads.push(overload);
    }

    /// One implementation for all overloads of a function.
    fn singleton(&mut self, name: &'static str, run: Run) {
        self.entry(name).singleton = Some(run);
    }
}

/// For overloads whose function has one implementation for all.
fn by_singleton<'a>(_: &mut [Value<'a>]) -> Answer<'a> {
    Err(Error::no_such_overload())
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let mut library = Library::default();
        for declare in [
            operators::declare,
            comparison::declare,
            conversions::declare,
            text::declare,
            time::declare,
            aggregates::declare,
            optionals::declare,
            lists::declare,
            regexes::declare,
            strings::declare,
            format_string::declare,
            list_extensions::declare,
            sets::declare,
            urls::declare,
            quantities::declare,
            addresses::declare,
            networks::declare,
            formats::declare,
            versions::declare,
            authorization::declare,
            message::declare,
        ] {
            declare(&mut library);
        }
        library
    })
}

/// The function of that name.
pub(crate) fn function(name: &str) -> Option<&'static Function> {
    library().functions.get(name)
}

/// The type that a name stands for in an expression, as in `type(x) == string`.
pub(crate) fn type_named(name: &str) -> Option<(Type, &'static str)> {
    let of = match name {
        "bool" => Type::Bool,
        "bytes" => Type::Bytes,
        "double" => Type::Double,
        "google.protobuf.Duration" => Type::Duration,
        "google.protobuf.Timestamp" => Type::Timestamp,
        "int" => Type::Int,
        "list" => Type::list(Type::Dyn),
        "map" => Type::map(Type::Dyn, Type::Dyn),
        "null_type" => Type::Null,
        "optional_type" => Type::optional(Type::Dyn),
        "string" => Type::String,
        "type" => Type::Type(None),
        "uint" => Type::Uint,
        "net.IP" => Type::Opaque("net.IP"),
        "net.CIDR" => Type::Opaque("net.CIDR"),
        _ => return None,
    };
    const NAMES: [&str; 15] = [
        "bool",
        "bytes",
        "double",
        "google.protobuf.Duration",
        "google.protobuf.Timestamp",
        "int",
        "list",
        "map",
        "null_type",
        "optional_type",
        "string",
        "type",
        "uint",
        "net.IP",
        "net.CIDR",
    ];
    Some((of, NAMES.into_iter().find(|known| *known == name)?))
}
