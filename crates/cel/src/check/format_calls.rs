//! `'%d of %s'.format([1, 'b'])`: a pattern that is known, held against the types of its values.

use super::Checked;
use crate::ast::{Call, Element, Expr, Kind, Literal};
use crate::library::{Clause, Piece, read_pattern};

/// Where something is wrong, and what.
pub(super) struct Misfit {
    /// `None`: with the call.
    pub(super) at: Option<usize>,
    pub(super) message: String,
}

impl From<String> for Misfit {
    fn from(message: String) -> Self {
        Self { at: None, message }
    }
}

/// What is wrong with a call of `format`, as far as it can be told before it runs.
pub(super) fn misfit(checked: &Checked, call: &Call) -> Option<Misfit> {
    let Kind::Literal(Literal::String(pattern)) = &call.target.as_ref()?.kind else { return None };
    let [Expr { kind: Kind::List(values), .. }] = call.args.as_slice() else { return None };
    let read = read_pattern(pattern, values.len(), |piece| match piece {
        Piece::Text(_) => Ok(()),
        Piece::Clause(clause) => {
            values.get(clause.index).map_or(Ok(()), |value| check(checked, clause, value))
        }
    });
    match read {
        Err(misfit) => Some(misfit),
        Ok(printed) if printed < values.len() => {
            let given = values.len();
            let why =
                format!("too many arguments supplied to string.format (expected {printed}, got {given})");
            Some(why.into())
        }
        Ok(_) => None,
    }
}

fn check(checked: &Checked, clause: Clause, value: &Element) -> Result<(), Misfit> {
    let wrong = match clause.letter {
        's' => unprintable(checked, clause, &value.value),
        _ => clause.misfit(checked.type_of(&value.value)).map(|why| (value.value.at, why)),
    };
    wrong.map_or(Ok(()), |(at, why)| {
        Err(Misfit { at: Some(at), message: format!("error during formatting: {why}") })
    })
}

/// The first part of a value that cannot be printed as a string.
fn unprintable(checked: &Checked, clause: Clause, value: &Expr) -> Option<(usize, String)> {
    if let Some(why) = clause.misfit(checked.type_of(value)) {
        return Some((value.at, why));
    }
    let parts: Vec<&Expr> = match &value.kind {
        Kind::List(elements) => elements.iter().map(|element| &element.value).collect(),
        Kind::Map(entries) => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
        _ => Vec::new(),
    };
    parts.into_iter().find_map(|part| unprintable(checked, clause, part))
}
