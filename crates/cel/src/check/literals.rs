//! What can be told to fail before it runs: literals that are no duration, time or pattern,
//! and aggregates whose elements have different types.

use ironclad_api::go_regex;

use super::{Checked, format_calls};
use crate::ast::{Expr, Kind, Literal};
use crate::issue::Issues;
use crate::library;
use crate::source::Source;
use crate::types::Type;

pub(super) fn validate(checked: &Checked, source: &Source, issues: &mut Issues) {
    walk(&checked.expr, false, &mut |expr, in_format| match &expr.kind {
        Kind::Call(call) => {
            if call.function == "format"
                && let Some(misfit) = format_calls::misfit(checked, call)
            {
                issues.report(source, misfit.at.unwrap_or(expr.at), misfit.message);
            }
            let Some(arg) = call.args.first() else { return };
            let Kind::Literal(literal) = &arg.kind else { return };
            let valid = match call.function.as_str() {
                "duration" => library::is_duration(literal),
                "timestamp" => library::is_timestamp(literal),
                "matches" if call.target.is_some() => {
                    !matches!(literal, Literal::String(text) if go_regex::compile(text).is_err())
                }
                _ => true,
            };
            if !valid {
                issues.report(source, arg.at, format!("invalid {} argument", call.function));
            }
        }
        // The values of a format string need not have one type.
        Kind::List(_) | Kind::Map(_) if in_format => {}
        Kind::List(elements) => {
            let of = elements.iter().map(|element| (&element.value, element.optional));
            homogeneous(checked, source, of, 1, issues);
        }
        Kind::Map(entries) => {
            let all = entries.len();
            homogeneous(checked, source, entries.iter().map(|entry| (&entry.key, false)), all, issues);
            let of = entries.iter().map(|entry| (&entry.value, entry.optional));
            homogeneous(checked, source, of, all, issues);
        }
        _ => {}
    });
}

/// Visits every expression, and says whether it is inside a call of `format`.
fn walk(expr: &Expr, in_format: bool, visit: &mut impl FnMut(&Expr, bool)) {
    visit(expr, in_format);
    let in_format = in_format || matches!(&expr.kind, Kind::Call(call) if call.function == "format");
    for child in expr.children() {
        walk(child, in_format, visit);
    }
}

/// Reports elements whose type is not that of the first one, up to `most` of them.
fn homogeneous<'a>(
    checked: &Checked,
    source: &Source,
    elements: impl Iterator<Item = (&'a Expr, bool)>,
    most: usize,
    issues: &mut Issues,
) {
    let mut first: Option<&Type> = None;
    let mut reported = 0;
    for (element, optional) in elements {
        let of = match checked.type_of(element) {
            Type::Optional(inner) if optional => inner,
            of => of,
        };
        match first {
            None => first = Some(of),
            Some(wanted) if wanted != of => {
                issues.report(source, element.at, format!("expected type '{wanted}' but found '{of}'"));
                reported += 1;
                if reported == most {
                    return;
                }
            }
            Some(_) => {}
        }
    }
}
