//! `scheduling.k8s.io/v1 PriorityClass`.

use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy};
use serde_json::Value;

use crate::columns::{age, column, name, number, text};
use crate::spec::{default_to, names, spec};

const SYSTEM_PREFIX: &str = "system-";
/// The classes that exist in every cluster, with the only values they may have.
pub const SYSTEM_CLASSES: [(&str, i64, &str); 2] = [
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
];
const HIGHEST_USER_PRIORITY: i64 = 1_000_000_000;
const LOWER_PRIORITY: &str = "PreemptLowerPriority";

pub struct PriorityClass {
    spec: KindSpec,
}

impl PriorityClass {
    pub fn new() -> Self {
        let global = column("Global-Default", "boolean", 0, |class, _| is_global_default(class).into());
        let policy = text("PreemptionPolicy", |class| class.str_at(&["preemptionPolicy"]).to_owned());
        Self {
            spec: KindSpec {
                short_names: names(["pc"]),
                columns: vec![name(), number("Value", value), global, age(), policy],
                generation: true,
                ..spec("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", Scope::Cluster)
            },
        }
    }
}

impl Default for PriorityClass {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for PriorityClass {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// It is 1 for ever, as upstream's.
    fn counts_generation(&self, _: Part) -> bool {
        false
    }

    fn default(&self, class: &mut Object) {
        default_to(&mut class.0, "preemptionPolicy", LOWER_PRIORITY);
        default_to(&mut class.0, "value", 0);
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        match old {
            Some(old) => validate_update(new, old),
            None => validate_create(new),
        }
    }
}

fn value(class: &Object) -> i64 {
    class.at(&["value"]).and_then(Value::as_i64).unwrap_or(0)
}

fn is_global_default(class: &Object) -> bool {
    class.at(&["globalDefault"]).and_then(Value::as_bool).unwrap_or(false)
}

fn validate_create(class: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if class.name().starts_with(SYSTEM_PREFIX) {
        if let Some(why) = not_a_system_class(class) {
            let detail = format!(
                "priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {why}"
            );
            errors.push(FieldError::forbidden(&Path::new("metadata").child("name"), detail));
        }
    } else if value(class) > HIGHEST_USER_PRIORITY {
        let detail = format!("maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}");
        errors.push(FieldError::forbidden(&Path::new("value"), detail));
    }
    let policy = class.str_at(&["preemptionPolicy"]);
    if ![LOWER_PRIORITY, "Never"].contains(&policy) {
        let supported = [LOWER_PRIORITY, "Never"];
        errors.push(FieldError::not_supported(&Path::new("preemptionPolicy"), policy, supported));
    }
    errors
}

fn not_a_system_class(class: &Object) -> Option<String> {
    let Some((name, wanted, _)) = SYSTEM_CLASSES.into_iter().find(|(name, ..)| *name == class.name()) else {
        return Some(format!("{} is not a known system priority class", class.name()));
    };
    if value(class) != wanted {
        return Some(format!("value of {name} PriorityClass must be {wanted}"));
    }
    is_global_default(class).then(|| format!("globalDefault of {name} PriorityClass must be false"))
}

fn validate_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if value(new) != value(old) {
        errors.push(FieldError::forbidden(&Path::new("value"), "may not be changed in an update."));
    }
    let policy = |class: &Object| class.at(&["preemptionPolicy"]).cloned().unwrap_or_default();
    errors.extend(validation::meta::immutable(&Path::new("preemptionPolicy"), &policy(new), &policy(old)));
    errors
}
