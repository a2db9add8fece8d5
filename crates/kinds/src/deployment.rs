//! `apps/v1 Deployment`.

use ironclad_api::apply::FieldSet;
use ironclad_api::object::object_in;
use ironclad_api::{FieldError, Object, Path, Status};
use ironclad_engine::Column;
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use serde_json::{Value, json};

use crate::columns::{age, column, name, text};
use crate::go_form;
use crate::pod_template::columns::{containers_images_selector, selector_text};
use crate::pod_template::workload;
use crate::rollout;
use crate::spec::{default_to, names, spec};

const ROLLING_UPDATE: &str = "RollingUpdate";
const RECREATE: &str = "Recreate";
const SHARE: &str = "25%";
const HISTORY: i64 = 10;
const PROGRESS_SECONDS: i64 = 600;

pub struct Deployment {
    spec: KindSpec,
}

impl Deployment {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["deploy"]),
                categories: names(["all"]),
                columns: columns(),
                subresources: vec![Subresource::scale(workload::scale_paths()), Subresource::status()],
                generation: true,
                ..spec("apps", "v1", "Deployment", "deployments", Scope::Namespaced)
            },
        }
    }
}

impl Default for Deployment {
    fn default() -> Self {
        Self::new()
    }
}

fn number(object: &Object, section: &str, field: &str) -> i64 {
    object.at(&[section, field]).and_then(Value::as_i64).unwrap_or(0)
}

fn columns() -> Vec<Column> {
    let ready = |object: &Object| {
        format!("{}/{}", number(object, "status", "readyReplicas"), number(object, "spec", "replicas"))
    };
    // Upstream declares these as strings and prints numbers.
    let count = |name: &'static str, field: &'static str| {
        column(name, "string", 0, move |object, _| number(object, "status", field).into())
    };
    let mut columns = vec![
        name(),
        text("Ready", ready),
        count("Up-to-date", "updatedReplicas"),
        count("Available", "availableReplicas"),
        age(),
    ];
    columns.extend(containers_images_selector(|object| {
        selector_text(object).unwrap_or_else(|| "<invalid>".to_owned())
    }));
    columns
}

impl Strategy for Deployment {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, deployment: &mut Object) {
        let spec = deployment.section_mut("spec");
        default_to(spec, "replicas", 1);
        default_to(spec, "revisionHistoryLimit", HISTORY);
        default_to(spec, "progressDeadlineSeconds", PROGRESS_SECONDS);
        let strategy = object_in(spec, "strategy");
        default_to(strategy, "type", ROLLING_UPDATE);
        if strategy.get("type").and_then(Value::as_str) == Some(ROLLING_UPDATE) {
            let rolling = object_in(strategy, "rollingUpdate");
            default_to(rolling, "maxUnavailable", SHARE);
            default_to(rolling, "maxSurge", SHARE);
        }
        workload::default_template(deployment);
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match (old, preparation.part) {
            (None, _) => {
                workload::clear_status(new);
                workload::prepare_template(new, None);
            }
            (Some(old), Part::Status) => keep_labels(new, old),
            (Some(old), _) => {
                workload::prepare_template(new, Some(old));
                count_annotations(new, old);
            }
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match (old, preparation.part) {
            (Some(old), Part::Status) => validate_status(new, old),
            _ => {
                let mut errors = validate_spec(new, old);
                errors.extend(
                    old.into_iter()
                        .flat_map(|old| workload::immutable(new, old, "selector", "*LabelSelector")),
                );
                errors
            }
        }
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        match part {
            Part::Status => FieldSet::of_fields(&[&["spec"], &["metadata", "labels"]]),
            Part::Main | Part::Named(_) => FieldSet::of_fields(&[&["status"]]),
        }
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        workload::warnings(new, old)
    }
}

fn keep_labels(new: &mut Object, old: &Object) {
    match old.metadata().and_then(|metadata| metadata.get("labels")) {
        Some(labels) => new.set_meta("labels", labels.clone()),
        None => drop(new.remove_meta("labels")),
    }
}

/// Annotations are copied to the ReplicaSets, so that their change is a generation too.
fn count_annotations(new: &mut Object, old: &Object) {
    let annotations = |object: &Object| {
        let annotations = object.metadata().and_then(|metadata| metadata.get("annotations"));
        annotations.cloned().unwrap_or_else(|| json!({}))
    };
    if annotations(new) != annotations(old) {
        new.set_meta("generation", old.generation() + 1);
    }
}

// === validation ===

fn validate_spec(new: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let path = Path::new("spec");
    let mut errors = workload::not_negative(new, "spec", &["replicas"]);
    errors.extend(workload::selector_and_template(new, old));
    errors.extend(validate_strategy(new, &path.child("strategy")));
    errors.extend(workload::not_negative(
        new,
        "spec",
        &["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"],
    ));
    let progress = new.at(&["spec", "progressDeadlineSeconds"]).and_then(Value::as_i64);
    if let Some(seconds) = progress.filter(|seconds| *seconds <= number(new, "spec", "minReadySeconds")) {
        let path = path.child("progressDeadlineSeconds");
        errors.push(FieldError::invalid(&path, seconds, "must be greater than minReadySeconds"));
    }
    errors
}

fn validate_strategy(deployment: &Object, path: &Path) -> Vec<FieldError> {
    let strategy = deployment.at(&["spec", "strategy"]).cloned().unwrap_or_default();
    let rolling = strategy.get("rollingUpdate").filter(|rolling| rolling.is_object());
    let at = path.child("rollingUpdate");
    match (strategy["type"].as_str().unwrap_or_default(), rolling) {
        (RECREATE, None) => Vec::new(),
        (RECREATE, Some(_)) => {
            vec![FieldError::forbidden(&at, "may not be specified when strategy `type` is 'Recreate'")]
        }
        (ROLLING_UPDATE, None) => {
            vec![FieldError::required(&at, "this should be defaulted and never be nil")]
        }
        (ROLLING_UPDATE, Some(rolling)) => validate_rolling(rolling, &at),
        _ => vec![FieldError::not_supported(
            path,
            go_form::compact("DeploymentStrategy", &strategy),
            [RECREATE, ROLLING_UPDATE],
        )],
    }
}

fn validate_rolling(rolling: &Value, path: &Path) -> Vec<FieldError> {
    let (unavailable, surge) =
        (rollout::amount(rolling, "maxUnavailable"), rollout::amount(rolling, "maxSurge"));
    let at = path.child("maxUnavailable");
    let mut errors = rollout::validate(&at, &unavailable);
    errors.extend(rollout::validate(&path.child("maxSurge"), &surge));
    if rollout::value(&unavailable) == 0 && rollout::value(&surge) == 0 {
        let detail = "may not be 0 when `maxSurge` is 0";
        errors.push(FieldError::invalid(&at, rollout::shown(&unavailable), detail));
    }
    errors.extend(rollout::not_above_100_percent(&at, &unavailable));
    errors
}

fn validate_status(new: &Object, old: &Object) -> Vec<FieldError> {
    let fields = [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ];
    let mut errors = workload::not_negative(new, "status", &fields);
    errors.extend(workload::replica_counts(new, &["updatedReplicas", "readyReplicas", "availableReplicas"]));
    errors.extend(workload::collisions(new, old));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod_template::workload::selector_and_template;
    use jiff::Timestamp;

    /// A defaulted Deployment with `spec` merged over a valid one.
    fn deployment(spec: Value) -> Object {
        let labels = json!({"app": "a"});
        let mut whole = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "d", "namespace": "b"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
            },
        });
        for (field, value) in spec.as_object().cloned().unwrap_or_default() {
            whole["spec"][field] = value;
        }
        let mut object = Object::from_value(whole).expect("an object");
        Deployment::new().default(&mut object);
        object
    }

    fn check(spec: Value, want: &[&str]) {
        let errors: Vec<String> =
            validate_spec(&deployment(spec), None).iter().map(FieldError::to_string).collect();
        assert_eq!(errors, want);
    }

    #[test]
    fn discovery_is_upstreams() {
        let kind = Deployment::new();
        let spec = kind.spec();
        assert_eq!((&*spec.short_names, &*spec.categories), (&names(["deploy"])[..], &names(["all"])[..]));
        let subresources: Vec<_> = spec.subresources.iter().map(|sub| (&*sub.name, sub.verbs)).collect();
        let verbs = &["get", "patch", "update"][..];
        assert_eq!(subresources, [("scale", verbs), ("status", verbs)]);
    }

    #[test]
    fn defaults_are_upstreams() {
        let spec = |given: Value, pointer: &str| deployment(given).0["spec"].pointer(pointer).cloned();
        assert_eq!(spec(json!({}), "/replicas"), Some(json!(1)));
        assert_eq!(spec(json!({"replicas": 0}), "/replicas"), Some(json!(0)));
        assert_eq!(spec(json!({}), "/revisionHistoryLimit"), Some(json!(10)));
        assert_eq!(spec(json!({}), "/progressDeadlineSeconds"), Some(json!(600)));
        let rolling =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}});
        assert_eq!(spec(json!({}), "/strategy"), Some(rolling));
        let recreate = json!({"type": "Recreate"});
        assert_eq!(spec(json!({"strategy": recreate}), "/strategy"), Some(recreate));
        assert_eq!(spec(json!({}), "/template/spec/restartPolicy"), Some(json!("Always")));
        assert_eq!(spec(json!({}), "/template/spec/enableServiceLinks"), None);
    }

    #[test]
    fn selectors_select_the_template() {
        check(json!({}), &[]);
        let mismatch = "spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`";
        check(json!({"selector": {"matchLabels": {"app": "x"}}}), &[mismatch]);
        check(json!({"selector": null}), &["spec.selector: Required value", mismatch]);
        check(
            json!({"selector": {}}),
            &["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
        );
        let bad = json!({"matchExpressions": [{"key": "a", "operator": "x"}]});
        assert_eq!(selector_and_template(&deployment(json!({"selector": bad})), None).len(), 2);
    }

    #[test]
    fn templates_are_of_pods_that_go_on() {
        let template = |spec: Value| {
            let mut whole = json!({"containers": [{"name": "c", "image": "i"}]});
            whole.as_object_mut().expect("an object").extend(spec.as_object().cloned().unwrap_or_default());
            json!({"template": {"metadata": {"labels": {"app": "a"}}, "spec": whole}})
        };
        check(
            template(json!({"restartPolicy": "Never"})),
            &["spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""],
        );
        check(
            template(json!({"activeDeadlineSeconds": 5})),
            &[
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
            ],
        );
        check(template(json!({"containers": []})), &["spec.template.spec.containers: Required value"]);
    }

    #[test]
    fn strategies() {
        let at = "spec.strategy.rollingUpdate";
        let rolling = |unavailable: Value, surge: Value| json!({"strategy": {"rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}});
        check(rolling(json!(1), json!(0)), &[]);
        check(
            rolling(json!(0), json!("0%")),
            &[&format!("{at}.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0")],
        );
        check(
            rolling(json!("101%"), json!(0)),
            &[&format!("{at}.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%")],
        );
        check(
            rolling(json!(-1), json!(1)),
            &[&format!("{at}.maxUnavailable: Invalid value: -1: must be greater than or equal to 0")],
        );
        check(
            rolling(json!("1"), json!(1)),
            &[&format!(
                "{at}.maxUnavailable: Invalid value: \"1\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
            )],
        );
        check(
            json!({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}),
            &[&format!("{at}: Forbidden: may not be specified when strategy `type` is 'Recreate'")],
        );
        check(
            json!({"strategy": {"type": "x"}}),
            &[
                "spec.strategy: Unsupported value: {\"Type\":\"x\",\"RollingUpdate\":null}: supported values: \"Recreate\", \"RollingUpdate\"",
            ],
        );
        check(
            json!({"minReadySeconds": 600}),
            &["spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"],
        );
    }

    #[test]
    fn the_selector_stays() {
        let errors = workload::immutable(
            &deployment(json!({"selector": {"matchLabels": {"app": "b"}}})),
            &deployment(json!({})),
            "selector",
            "*LabelSelector",
        );
        let texts: Vec<String> = errors.iter().map(FieldError::to_string).collect();
        assert_eq!(
            texts,
            ["spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable"]
        );
    }

    #[test]
    fn annotations_are_a_generation() {
        let mut new = deployment(json!({}));
        new.set_meta("generation", 1);
        let old = new.clone();
        count_annotations(&mut new, &old);
        assert_eq!(new.generation(), 1);
        new.set_annotation("a", "b");
        count_annotations(&mut new, &old);
        assert_eq!(new.generation(), 2);
    }

    #[test]
    fn columns_are_upstreams() {
        let mut object = deployment(json!({"replicas": 3}));
        object.0.insert(
            "status".into(),
            json!({"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1}),
        );
        let cells: Vec<Value> =
            columns().iter().map(|column| (column.cell)(&object, Timestamp::UNIX_EPOCH)).collect();
        let want = [
            json!("d"),
            json!("2/3"),
            json!(3),
            json!(1),
            json!("<unknown>"),
            json!("c"),
            json!("i"),
            json!("app=a"),
        ];
        assert_eq!(cells, want);
    }
}
