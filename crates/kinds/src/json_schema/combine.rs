//! `anyOf`, `oneOf`, `allOf` and `not`.

use ironclad_api::goprint::quote;
use serde_json::Value;

use super::old::Old;
use super::outcome::{Outcome, Problem};
use super::trail::Trail;
use super::{Rules, check};

pub(super) fn all(rules: &Rules, value: &Value, old: Option<Old<'_>>, trail: &Trail<'_>) -> Outcome {
    let mut outcome = Outcome::met();
    let run = |rules: &Rules| check::rules(rules, value, old, trail);
    if !rules.any_of.is_empty() {
        outcome.merge(any_of(rules.any_of.iter().map(run), trail));
    }
    if !rules.one_of.is_empty() {
        outcome.merge(one_of(rules.one_of.iter().map(run), trail));
    }
    if !rules.all_of.is_empty() {
        outcome.merge(all_of(rules.all_of.iter().map(run), trail));
    }
    if rules.not.as_deref().is_some_and(|not| run(not).is_valid()) {
        outcome.add(said(trail, "must not validate the schema (not)"));
    }
    outcome
}

fn said(trail: &Trail<'_>, what: &str) -> Problem {
    Problem::whole(format!("{} {what}", quote(&trail.to_string())))
}

/// The outcome that met more checks; the earlier one if both met as many.
fn better(best: Option<Outcome>, next: Outcome) -> Option<Outcome> {
    match best {
        Some(best) if best.matches >= next.matches => Some(best),
        _ => Some(next),
    }
}

fn any_of(outcomes: impl Iterator<Item = Outcome>, trail: &Trail<'_>) -> Outcome {
    let mut closest = None;
    for outcome in outcomes {
        if outcome.is_valid() {
            return outcome;
        }
        closest = better(closest, outcome);
    }
    let mut failure = Outcome::failed(said(trail, "must validate at least one schema (anyOf)"));
    closest.into_iter().for_each(|closest| failure.merge(closest));
    failure
}

fn one_of(outcomes: impl Iterator<Item = Outcome>, trail: &Trail<'_>) -> Outcome {
    let (mut valid, mut first, mut closest) = (0, None, None);
    for outcome in outcomes {
        if outcome.is_valid() {
            valid += 1;
            closest = None;
            first = first.or(Some(outcome));
        } else if valid == 0 {
            closest = better(closest, outcome);
        }
    }
    let found = match (valid, first) {
        (1, Some(outcome)) => return outcome,
        (0, _) => "Found none valid".to_owned(),
        (valid, _) => format!("Found {valid} valid alternatives"),
    };
    let mut failure =
        Outcome::failed(said(trail, &format!("must validate one and only one schema (oneOf). {found}")));
    closest.into_iter().for_each(|closest| failure.merge(closest));
    failure
}

fn all_of(outcomes: impl Iterator<Item = Outcome>, trail: &Trail<'_>) -> Outcome {
    let (mut together, mut valid, mut total) = (Outcome::default(), 0, 0);
    for outcome in outcomes {
        total += 1;
        valid += usize::from(outcome.is_valid());
        together.merge(outcome);
    }
    if valid != total {
        let none = if valid == 0 { ". None validated" } else { "" };
        together.add(said(trail, &format!("must validate all the schemas (allOf){none}")));
    }
    together
}
