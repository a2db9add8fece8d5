//! Whether a value of one type may stand where another is wanted, and what that says of the
//! parameters in them.

use std::collections::BTreeMap;

use crate::types::Type;

/// What is known of type parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    known: BTreeMap<u32, Type>,
}

impl Mapping {
    /// Whether each of `given` may stand for its partner in `wanted`. Learns only if all do.
    pub(super) fn assign_all(&mut self, given: &[Type], wanted: &[Type]) -> bool {
        let mut attempt = self.clone();
        let fits = given.len() == wanted.len()
            && given.iter().zip(wanted).all(|(given, wanted)| attempt.assign_inner(given, wanted));
        if fits {
            *self = attempt;
        }
        fits
    }

    pub(super) fn assign(&mut self, given: &Type, wanted: &Type) -> bool {
        self.assign_all(std::slice::from_ref(given), std::slice::from_ref(wanted))
    }

    fn assign_inner(&mut self, a: &Type, b: &Type) -> bool {
        if let Type::Param(parameter) = b {
            match self.substitute_for(a, *parameter) {
                Substitution::Fits => return true,
                Substitution::Conflicts => return false,
                Substitution::Circular => {}
            }
        }
        if let Type::Param(parameter) = a {
            return matches!(self.substitute_for(b, *parameter), Substitution::Fits);
        }
        match (a, b) {
            _ if a.is_dyn_or_error() || b.is_dyn_or_error() => true,
            (Type::Null, other) | (other, Type::Null) => nullable(other),
            (Type::Type(_), Type::Type(_)) => true,
            _ => self.assign_parts(a, b),
        }
    }

    fn assign_parts(&mut self, a: &Type, b: &Type) -> bool {
        let same = std::mem::discriminant(a) == std::mem::discriminant(b) && a.name() == b.name();
        let (inner_a, inner_b) = (a.parameters(), b.parameters());
        same && inner_a.len() == inner_b.len()
            && inner_a.into_iter().zip(inner_b).all(|(a, b)| self.assign_inner(a, b))
    }

    /// Takes the type for the parameter, or the more general of it and what is known.
    fn substitute_for(&mut self, given: &Type, parameter: u32) -> Substitution {
        if *given == Type::Param(parameter) {
            return Substitution::Fits;
        }
        if let Some(known) = self.known.get(&parameter).cloned() {
            if *given == known {
                return Substitution::Fits;
            }
            if !self.assign_inner(given, &known) {
                return Substitution::Conflicts;
            }
            let general = more_general(given, &known).clone();
            if self.is_free_of(&general, parameter) {
                self.known.insert(parameter, general);
            }
            return Substitution::Fits;
        }
        if !self.is_free_of(given, parameter) {
            return Substitution::Circular;
        }
        self.known.insert(parameter, given.clone());
        Substitution::Fits
    }

    /// Whether the parameter does not occur in the type.
    fn is_free_of(&self, within: &Type, parameter: u32) -> bool {
        match within {
            Type::Param(other) if *other == parameter => false,
            Type::Param(other) => self.known.get(other).is_none_or(|known| self.is_free_of(known, parameter)),
            _ => within.parameters().into_iter().all(|inner| self.is_free_of(inner, parameter)),
        }
    }

    /// The type with what is known in the place of its parameters. `finally`, an unknown
    /// parameter is `dyn`.
    pub(super) fn substitute(&self, within: &Type, finally: bool) -> Type {
        let inner = |within: &Type| self.substitute(within, finally);
        match within {
            Type::Param(parameter) => match self.known.get(parameter) {
                Some(known) => self.substitute(known, finally),
                None if finally => Type::Dyn,
                None => within.clone(),
            },
            Type::List(element) => Type::list(inner(element)),
            Type::Map(pair) => Type::map(inner(&pair.0), inner(&pair.1)),
            Type::Optional(value) => Type::optional(inner(value)),
            Type::Type(Some(of)) => Type::of(inner(of)),
            _ => within.clone(),
        }
    }
}

enum Substitution {
    Fits,
    Conflicts,
    /// The type contains the parameter.
    Circular,
}

fn nullable(other: &Type) -> bool {
    matches!(
        other,
        Type::Null
            | Type::Opaque(_)
            | Type::Optional(_)
            | Type::Message(_)
            | Type::Object(_)
            | Type::Duration
            | Type::Timestamp
    )
}

/// The less specific of two types that agree.
pub(super) fn more_general<'t>(a: &'t Type, b: &'t Type) -> &'t Type {
    if is_as_general(a, b) { a } else { b }
}

fn is_as_general(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Dyn | Type::Any | Type::Param(_), _) => true,
        (_, Type::Dyn | Type::Any | Type::Param(_)) => false,
        (Type::Type(_), Type::Type(_)) => true,
        _ => {
            let same = std::mem::discriminant(a) == std::mem::discriminant(b) && a.name() == b.name();
            same && a.parameters().into_iter().zip(b.parameters()).all(|(a, b)| is_as_general(a, b))
        }
    }
}

/// A signature's type with parameters of its own: its first is `base`.
pub(super) fn instantiate(signature: &Type, base: u32) -> Type {
    match signature {
        Type::Param(number) => Type::Param(base + number),
        Type::List(element) => Type::list(instantiate(element, base)),
        Type::Map(pair) => Type::map(instantiate(&pair.0, base), instantiate(&pair.1, base)),
        Type::Optional(value) => Type::optional(instantiate(value, base)),
        Type::Type(Some(of)) => Type::of(instantiate(of, base)),
        _ => signature.clone(),
    }
}
