//! `PriorityLevelConfiguration`: how much of the server a sort of requests may have, and what
//! becomes of those beyond it.

use ironclad_api::apply::FieldSet;
use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::{Object, Status};
use ironclad_engine::Column;
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Strategy};
use serde_json::{Map, Value, json};

use super::shape::{Body, Exempt, LimitResponse, Limited, PriorityLevelSpec, Queuing, printed};
use super::{bootstrap, validate_conditions};
use crate::columns::{NONE, age, column, name, text};
use crate::spec::{default_to, object_at, typed};
use crate::status_metadata;

const EXEMPT: &str = "exempt";
const MOST_QUEUES: i64 = 10_000_000;
/// Bits of a flow's hash that dealing it a hand of queues may use up.
const HASH_BITS: u32 = 60;
/// Upstream's note to itself in objects of v1beta3.
const ROUND_TRIP: &str = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";

pub struct PriorityLevelConfiguration {
    spec: KindSpec,
}

impl PriorityLevelConfiguration {
    pub fn new() -> Self {
        let enablement = text("Type", |level| level.str_at(&["spec", "type"]).to_owned());
        let queuing = |name, field| {
            optional(name, move |level| level.at(&["spec", "limited", "limitResponse", "queuing", field]))
        };
        let shares = optional("NominalConcurrencyShares", |level| {
            level.at(&["spec", "limited", "nominalConcurrencyShares"])
        });
        let columns = vec![
            name(),
            enablement,
            shares,
            queuing("Queues", "queues"),
            queuing("HandSize", "handSize"),
            queuing("QueueLengthLimit", "queueLengthLimit"),
            age(),
        ];
        let kind = super::kind("PriorityLevelConfiguration", "prioritylevelconfigurations");
        Self { spec: KindSpec { columns, ..kind } }
    }
}

impl Default for PriorityLevelConfiguration {
    fn default() -> Self {
        Self::new()
    }
}

/// A number, or `<none>`.
fn optional(name: &'static str, value: impl Fn(&Object) -> Option<&Value> + Send + Sync + 'static) -> Column {
    column(name, "string", 0, move |level, _| {
        value(level).filter(|value| !value.is_null()).cloned().unwrap_or_else(|| NONE.into())
    })
}

impl Strategy for PriorityLevelConfiguration {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, level: &mut Object) {
        let Some(spec) = object_at(&mut level.0, "spec") else { return };
        if let Some(exempt) = object_at(spec, "exempt") {
            default_to(exempt, "nominalConcurrencyShares", 0);
            default_to(exempt, "lendablePercent", 0);
        }
        let Some(limited) = object_at(spec, "limited") else { return };
        default_to(limited, "nominalConcurrencyShares", 30);
        default_to(limited, "lendablePercent", 0);
        let queuing = object_at(limited, "limitResponse").and_then(|response| object_at(response, "queuing"));
        if let Some(queuing) = queuing {
            for (field, value) in [("handSize", 8), ("queues", 64), ("queueLengthLimit", 50)] {
                default_if_zero(queuing, field, value);
            }
        }
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match (old, preparation.part) {
            (None, _) => drop(new.0.insert("status".into(), json!({}))),
            (Some(old), Part::Status) => status_metadata::keep(new, old),
            _ => {}
        }
        Ok(())
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        status_metadata::reset_fields(part)
    }

    fn validate(&self, new: &Object, _: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let mut errors = FieldErrors::new();
        if preparation.part != Part::Status {
            errors.extend(new.annotation(ROUND_TRIP).map(|_| {
                let path = Path::new("metadata").child("annotations");
                FieldError::forbidden(&path, format!("annotation '{ROUND_TRIP}' is forbidden"))
            }));
            errors.extend(validate(new.name(), &typed::<Body<PriorityLevelSpec>>(new).spec));
        }
        errors.extend(validate_conditions(new));
        errors
    }
}

fn default_if_zero(parent: &mut Map<String, Value>, field: &str, value: i64) {
    if parent.get(field).and_then(Value::as_i64).unwrap_or(0) == 0 {
        parent.insert(field.to_owned(), value.into());
    }
}

pub(super) fn validate(name: &str, spec: &PriorityLevelSpec) -> FieldErrors {
    let path = Path::new("spec");
    let mut errors = FieldErrors::new();
    if (name == EXEMPT) != (spec.enablement == "Exempt") {
        let detail = "must be 'Exempt' if and only if `name` is 'exempt'";
        errors.push(FieldError::invalid(&path.child("type"), &spec.enablement, detail));
    }
    let (exempt, limited) = (path.child("exempt"), path.child("limited"));
    match spec.enablement.as_str() {
        "Exempt" => {
            let detail = "must be nil if the type is not Limited";
            errors.extend(spec.limited.as_ref().map(|_| FieldError::forbidden(&limited, detail)));
            errors.extend(spec.exempt.iter().flat_map(|given| validate_exempt(given, &exempt)));
        }
        "Limited" => {
            let detail = "must be nil if the type is Limited";
            errors.extend(spec.exempt.as_ref().map(|_| FieldError::forbidden(&exempt, detail)));
            match &spec.limited {
                None => errors.push(FieldError::required(&limited, "must not be empty when type is Limited")),
                Some(given) => errors.extend(validate_limited(given, &limited)),
            }
        }
        other => errors.push(FieldError::not_supported(&path.child("type"), other, ["Exempt", "Limited"])),
    }
    errors.extend(validate_fixed(name, spec, &path));
    errors
}

/// Two levels every server has, and nobody can bend; only the shares of `exempt` are free.
fn validate_fixed(name: &str, spec: &PriorityLevelSpec, path: &Path) -> Option<FieldError> {
    let fixed = typed::<Body<PriorityLevelSpec>>(&bootstrap::mandatory_priority_level(name)?).spec;
    let (have, except) = match name {
        EXEMPT => (
            PriorityLevelSpec { exempt: fixed.exempt.clone(), ..spec.clone() },
            " except the 'spec.exempt' field",
        ),
        _ => (spec.clone(), ""),
    };
    let detail = format!("spec of '{name}'{except} must equal the fixed value");
    (have != fixed).then(|| FieldError::invalid(path, printed(spec), detail))
}

fn not_negative(value: i64, path: &Path, detail: &str) -> Option<FieldError> {
    (value < 0).then(|| FieldError::invalid(path, value, detail))
}

fn percent(value: Option<i64>, path: &Path) -> Option<FieldError> {
    let value = value.filter(|value| !(0..=100).contains(value))?;
    Some(FieldError::invalid(path, value, "must be between 0 and 100, inclusive"))
}

fn validate_exempt(exempt: &Exempt, path: &Path) -> FieldErrors {
    let shares = path.child("nominalConcurrencyShares");
    let nominal = exempt.nominal_concurrency_shares.unwrap_or(0);
    let errors = not_negative(nominal, &shares, "must be a non-negative integer").into_iter();
    errors.chain(percent(exempt.lendable_percent, &path.child("lendablePercent"))).collect()
}

fn validate_limited(limited: &Limited, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let shares = path.child("nominalConcurrencyShares");
    errors.extend(not_negative(
        limited.nominal_concurrency_shares,
        &shares,
        "must be a non-negative integer",
    ));
    errors.extend(validate_response(&limited.limit_response, &path.child("limitResponse")));
    errors.extend(percent(limited.lendable_percent, &path.child("lendablePercent")));
    let borrowing = limited.borrowing_limit_percent.unwrap_or(0);
    let detail = "if specified, must be a non-negative integer";
    errors.extend(not_negative(borrowing, &path.child("borrowingLimitPercent"), detail));
    errors
}

fn validate_response(response: &LimitResponse, path: &Path) -> FieldErrors {
    let at = path.child("queuing");
    match (response.response.as_str(), &response.queuing) {
        ("Reject", Some(_)) => {
            let detail = "must be nil if limited.limitResponse.type is not Limited";
            vec![FieldError::forbidden(&at, detail)]
        }
        ("Queue", None) => {
            let detail = "must not be empty if limited.limitResponse.type is Limited";
            vec![FieldError::required(&at, detail)]
        }
        ("Reject", None) => FieldErrors::new(),
        ("Queue", Some(queuing)) => validate_queuing(queuing, &at),
        (other, _) => vec![FieldError::not_supported(&path.child("type"), other, ["Queue", "Reject"])],
    }
}

fn validate_queuing(queuing: &Queuing, path: &Path) -> FieldErrors {
    let (queues, hand) = (queuing.queues, queuing.hand_size);
    let invalid = |field: &str, value: i64, detail: String| {
        vec![FieldError::invalid(&path.child(field), value, detail)]
    };
    let positive = || "must be positive".to_owned();
    let mut errors = FieldErrors::new();
    if queuing.queue_length_limit <= 0 {
        errors.extend(invalid("queueLengthLimit", queuing.queue_length_limit, positive()));
    }
    if queues <= 0 {
        errors.extend(invalid("queues", queues, positive()));
    } else if queues > MOST_QUEUES {
        errors.extend(invalid("queues", queues, format!("must not be greater than {MOST_QUEUES}")));
    }
    if hand <= 0 {
        errors.extend(invalid("handSize", hand, positive()));
    } else if hand > queues {
        errors.extend(invalid("handSize", hand, format!("should not be greater than queues ({queues})")));
    } else if entropy_bits(queues, hand) > f64::from(HASH_BITS) {
        let detail = format!(
            "required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {HASH_BITS}"
        );
        errors.extend(invalid("handSize", hand, detail));
    }
    errors
}

/// Upstream's estimate of what dealing a hand out of a deck takes.
#[expect(clippy::cast_precision_loss, reason = "both are below 2^32")]
fn entropy_bits(deck: i64, hand: i64) -> f64 {
    ((deck as f64).log2() * hand as f64).ceil()
}
