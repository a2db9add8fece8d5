//! `apps/v1 DaemonSet`.

use ironclad_api::goprint::quote;
use ironclad_api::labels::LabelSelector;
use ironclad_api::object::object_in;
use ironclad_api::{FieldError, Object, Path, Status};
use ironclad_engine::Column;
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use serde_json::{Value, json};

use crate::columns::{age, name, number, text};
use crate::go_form;
use crate::pod_template::columns::{containers_images_selector, labels_text, selector};
use crate::pod_template::workload;
use crate::rollout;
use crate::spec::{default_to, names, spec};

const ROLLING_UPDATE: &str = "RollingUpdate";
const ON_DELETE: &str = "OnDelete";
const HISTORY: i64 = 10;
/// Counts the changes of the template. It was a field once, which older controllers read.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

pub struct DaemonSet {
    spec: KindSpec,
}

impl DaemonSet {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["ds"]),
                categories: names(["all"]),
                columns: columns(),
                subresources: vec![Subresource::status()],
                generation: true,
                ..spec("apps", "v1", "DaemonSet", "daemonsets", Scope::Namespaced)
            },
        }
    }
}

impl Default for DaemonSet {
    fn default() -> Self {
        Self::new()
    }
}

fn columns() -> Vec<Column> {
    let count = |name: &'static str, field: &'static str| {
        number(name, move |set| set.at(&["status", field]).and_then(Value::as_i64).unwrap_or(0))
    };
    let mut columns = vec![
        name(),
        count("Desired", "desiredNumberScheduled"),
        count("Current", "currentNumberScheduled"),
        count("Ready", "numberReady"),
        count("Up-to-date", "updatedNumberScheduled"),
        count("Available", "numberAvailable"),
        text("Node Selector", |set| labels_text(set.at(&["spec", "template", "spec", "nodeSelector"]))),
        age(),
    ];
    columns.extend(containers_images_selector(selector));
    columns
}

impl Strategy for DaemonSet {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, set: &mut Object) {
        let spec = set.section_mut("spec");
        let strategy = object_in(spec, "updateStrategy");
        default_to(strategy, "type", ROLLING_UPDATE);
        if strategy.get("type").and_then(Value::as_str) == Some(ROLLING_UPDATE) {
            let rolling = object_in(strategy, "rollingUpdate");
            default_to(rolling, "maxUnavailable", 1);
            default_to(rolling, "maxSurge", 0);
        }
        default_to(spec, "revisionHistoryLimit", HISTORY);
        workload::default_template(set);
        // A conversion of upstream's writes it, so that who writes the object owns it.
        if set.annotation(TEMPLATE_GENERATION).is_none() {
            count_template(set, 0);
        }
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        let given = template_generation(new)?;
        let Some(old) = old else {
            new.0.insert("status".into(), empty_status());
            workload::prepare_template(new, None);
            count_template(new, given.max(1));
            return Ok(());
        };
        let mut count = template_generation(old)?;
        if preparation.part == Part::Main {
            workload::prepare_template(new, Some(old));
            count += i64::from(template_changed(new, old));
        }
        count_template(new, count);
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match (old, preparation.part) {
            (Some(old), Part::Status) => validate_status(new, old),
            (Some(old), _) => {
                let mut errors = workload::immutable(new, old, "selector", "*LabelSelector");
                errors.extend(validate_spec(new, Some(old)));
                errors
            }
            (None, _) => validate_spec(new, None),
        }
    }

    /// Upstream looks at a template again only when it has changed.
    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        match old.is_none_or(|old| template_changed(new, old)) {
            true => workload::template_warnings(new),
            false => Vec::new(),
        }
    }
}

fn empty_status() -> Value {
    json!({
        "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0,
    })
}

// === the template's generation ===

fn template_changed(new: &Object, old: &Object) -> bool {
    new.at(&["spec", "template"]) != old.at(&["spec", "template"])
}

fn template_generation(set: &Object) -> Result<i64, Status> {
    let Some(text) = set.annotation(TEMPLATE_GENERATION) else { return Ok(0) };
    text.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        Status::bad_request(format!(
            "DaemonSet in version \"v1\" cannot be handled as a DaemonSet: strconv.ParseInt: parsing {}: {why}",
            quote(text)
        ))
    })
}

fn count_template(set: &mut Object, count: i64) {
    set.set_annotation(TEMPLATE_GENERATION, count.to_string());
}

// === validation ===

fn validate_spec(new: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let path = Path::new("spec");
    let mut errors = validate_selector(new, old, &path.child("selector"));
    errors.extend(workload::template_rules(new, old));
    errors.extend(workload::runs_for_ever(new, "DaemonSet"));
    errors.extend(workload::not_negative(new, "spec", &["minReadySeconds"]));
    let strategy = new.at(&["spec", "updateStrategy"]).cloned().unwrap_or_default();
    errors.extend(validate_strategy(&strategy, &path.child("updateStrategy")));
    errors.extend(workload::not_negative(new, "spec", &["revisionHistoryLimit"]));
    errors
}

fn validate_selector(new: &Object, old: Option<&Object>, path: &Path) -> Vec<FieldError> {
    // No selector selects nothing, so that the template cannot match it.
    let Some(given) = workload::selector_value(new) else { return vec![workload::unselected(new)] };
    let read = |value: &Value| serde_json::from_value::<LabelSelector>(value.clone()).unwrap_or_default();
    let selector = read(given);
    let lenient =
        old.and_then(workload::selector_value).is_some_and(|selector| read(selector).has_invalid_value());
    let mut errors = match lenient {
        true => selector.validate_allowing_invalid_values(path),
        false => selector.validate(path),
    };
    let mismatch = |parsed: ironclad_api::labels::Selector| !parsed.matches(&workload::template_labels(new));
    if selector.to_selector().is_ok_and(mismatch) {
        errors.push(workload::unselected(new));
    }
    if selector.is_empty() {
        errors.push(FieldError::invalid(path, given, "empty selector is invalid for daemonset"));
    }
    errors
}

fn validate_strategy(strategy: &Value, path: &Path) -> Vec<FieldError> {
    let rolling = strategy.get("rollingUpdate").filter(|rolling| rolling.is_object());
    match (strategy["type"].as_str().unwrap_or_default(), rolling) {
        (ON_DELETE, _) => Vec::new(),
        (ROLLING_UPDATE, None) => vec![FieldError::required(&path.child("rollingUpdate"), "")],
        (ROLLING_UPDATE, Some(rolling)) => validate_rolling(rolling, &path.child("rollingUpdate")),
        _ => {
            let shown = go_form::compact("DaemonSetUpdateStrategy", strategy);
            vec![FieldError::not_supported(path, shown, [ROLLING_UPDATE, ON_DELETE])]
        }
    }
}

/// Either old pods go before new ones come, or new ones come first.
fn validate_rolling(rolling: &Value, path: &Path) -> Vec<FieldError> {
    let (unavailable, surge) =
        (rollout::amount(rolling, "maxUnavailable"), rollout::amount(rolling, "maxSurge"));
    let (unavailable_path, surge_path) = (path.child("maxUnavailable"), path.child("maxSurge"));
    let mut errors = rollout::validate(&unavailable_path, &unavailable);
    errors.extend(rollout::validate(&surge_path, &surge));
    errors.extend(rollout::not_above_100_percent(&unavailable_path, &unavailable));
    errors.extend(rollout::not_above_100_percent(&surge_path, &surge));
    match (rollout::value(&unavailable) != 0, rollout::value(&surge) != 0) {
        (true, true) => {
            let detail = "may not be set when maxUnavailable is non-zero";
            errors.push(FieldError::invalid(&surge_path, rollout::shown(&surge), detail));
        }
        (false, false) => {
            errors.push(FieldError::required(&unavailable_path, "cannot be 0 when maxSurge is 0"));
        }
        _ => {}
    }
    errors
}

fn validate_status(new: &Object, old: &Object) -> Vec<FieldError> {
    let fields = [
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ];
    let mut errors = workload::not_negative(new, "status", &fields);
    errors.extend(workload::collisions(new, old));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_create, check_table, check_update, write};

    fn set(spec: Value) -> Value {
        let labels = json!({"app": "a"});
        let mut whole = json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d", "namespace": "b"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
            },
        });
        for (field, value) in spec.as_object().cloned().unwrap_or_default() {
            whole["spec"][field] = value;
        }
        whole
    }

    fn check(spec: Value, want: &[&str]) {
        check_create(&DaemonSet::new(), set(spec), want);
    }

    #[test]
    fn discovery_is_upstreams() {
        let kind = DaemonSet::new();
        let spec = kind.spec();
        assert_eq!((&*spec.short_names, &*spec.categories), (&names(["ds"])[..], &names(["all"])[..]));
        let subresources: Vec<_> = spec.subresources.iter().map(|sub| &*sub.name).collect();
        assert_eq!(subresources, ["status"]);
    }

    #[test]
    fn defaults_are_upstreams() {
        let (made, _) = write(&DaemonSet::new(), Part::Main, set(json!({})), None);
        let strategy =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}});
        assert_eq!(made.0["spec"]["updateStrategy"], strategy);
        assert_eq!(made.0["spec"]["revisionHistoryLimit"], 10);
        assert_eq!(made.0["status"], empty_status());
        let on_delete = json!({"type": "OnDelete"});
        let (made, _) = write(&DaemonSet::new(), Part::Main, set(json!({"updateStrategy": on_delete})), None);
        assert_eq!(made.0["spec"]["updateStrategy"], on_delete);
    }

    #[test]
    fn changes_of_the_template_are_counted() {
        let count = |new: Value, old: Option<Value>, part: Part| {
            let (made, _) = write(&DaemonSet::new(), part, new, old);
            made.annotation(TEMPLATE_GENERATION).map(str::to_owned)
        };
        let counted = |spec: Value, count: &str| {
            let mut set = set(spec);
            set["metadata"]["annotations"] = json!({ TEMPLATE_GENERATION: count });
            set
        };
        let changed = json!({"template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "j"}]}}});
        assert_eq!(count(set(json!({})), None, Part::Main).as_deref(), Some("1"));
        assert_eq!(count(counted(json!({}), "7"), None, Part::Main).as_deref(), Some("7"));
        let old = || Some(counted(json!({}), "3"));
        assert_eq!(count(set(json!({"minReadySeconds": 1})), old(), Part::Main).as_deref(), Some("3"));
        assert_eq!(count(counted(changed.clone(), "9"), old(), Part::Main).as_deref(), Some("4"));
        assert_eq!(count(set(json!({})), old(), Part::Status).as_deref(), Some("3"));
    }

    #[test]
    fn selectors_select_the_template() {
        check(json!({}), &[]);
        let mismatch = "spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`";
        check(json!({"selector": {"matchLabels": {"app": "x"}}}), &[mismatch]);
        check(json!({"selector": null}), &[mismatch]);
        check(
            json!({"selector": {}}),
            &["spec.selector: Invalid value: {}: empty selector is invalid for daemonset"],
        );
        let other = json!({"selector": {"matchLabels": {"app": "b"}}});
        check_update(
            &DaemonSet::new(),
            set(other),
            set(json!({})),
            &[
                "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable",
                mismatch,
            ],
        );
    }

    #[test]
    fn templates_are_of_pods_that_go_on() {
        let template = |field: &str, value: Value| {
            let mut template = set(json!({}))["spec"]["template"].clone();
            template["spec"][field] = value;
            json!({ "template": template })
        };
        check(
            template("restartPolicy", json!("Never")),
            &["spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""],
        );
        check(
            template("activeDeadlineSeconds", json!(5)),
            &[
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported",
            ],
        );
    }

    #[test]
    fn strategies() {
        let at = "spec.updateStrategy";
        let rolling = |unavailable: Value, surge: Value| json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}});
        check(rolling(json!("10%"), json!(0)), &[]);
        check(rolling(json!(0), json!("100%")), &[]);
        check(
            rolling(json!(1), json!(1)),
            &[&format!(
                "{at}.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"
            )],
        );
        check(
            rolling(json!("0%"), json!(0)),
            &[&format!("{at}.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0")],
        );
        check(
            rolling(json!("101%"), json!(0)),
            &[&format!(
                "{at}.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"
            )],
        );
        check(
            json!({"updateStrategy": {"type": "x"}}),
            &[&format!(
                "{at}: Unsupported value: {{\"Type\":\"x\",\"RollingUpdate\":null}}: supported values: \"RollingUpdate\", \"OnDelete\""
            )],
        );
    }

    #[test]
    fn a_status_goes_forward() {
        let status = |status: Value| {
            let mut set = set(json!({}));
            set["status"] = status;
            set
        };
        let (_, errors) = write(
            &DaemonSet::new(),
            Part::Status,
            status(json!({"numberReady": -1, "collisionCount": 1})),
            Some(status(json!({"collisionCount": 2}))),
        );
        assert_eq!(
            errors,
            [
                "status.numberReady: Invalid value: -1: must be greater than or equal to 0",
                "status.collisionCount: Invalid value: 1: cannot be decremented",
            ]
        );
    }

    #[test]
    fn columns_are_upstreams() {
        let mut object = set(json!({}));
        object["spec"]["template"]["spec"]["nodeSelector"] = json!({"a": "b", "c": "d"});
        object["status"] = json!({
            "desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3,
            "updatedNumberScheduled": 2, "numberAvailable": 1,
        });
        let want = [
            ("Name", json!("d")),
            ("Desired", json!(5)),
            ("Current", json!(4)),
            ("Ready", json!(3)),
            ("Up-to-date", json!(2)),
            ("Available", json!(1)),
            ("Node Selector", json!("a=b,c=d")),
            ("Containers", json!("c")),
            ("Images", json!("i")),
            ("Selector", json!("app=a")),
        ];
        check_table(&DaemonSet::new(), object, &want);
    }
}
