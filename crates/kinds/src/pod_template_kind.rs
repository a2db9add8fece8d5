//! `v1 PodTemplate`: a template of pods that is stored for itself.

use ironclad_api::object::object_in;
use ironclad_api::{FieldError, Object, Path, Status};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::core::v1 as core;

use crate::columns::{name, text};
use crate::pod_template::columns::{labels_text, of_containers};
use crate::pod_template::{defaults, rules, warnings, workload};
use crate::spec::{spec, typed};

pub struct PodTemplate {
    spec: KindSpec,
}

impl PodTemplate {
    pub fn new() -> Self {
        let columns = vec![
            name(),
            text("Containers", |object| of_containers(object.at(&["template"]), "name")),
            text("Images", |object| of_containers(object.at(&["template"]), "image")),
            text("Pod Labels", |object| labels_text(object.at(&["template", "metadata", "labels"]))),
        ];
        Self {
            spec: KindSpec {
                columns,
                generation: true,
                ..spec("", "v1", "PodTemplate", "podtemplates", Scope::Namespaced)
            },
        }
    }
}

impl Default for PodTemplate {
    fn default() -> Self {
        Self::new()
    }
}

fn template(object: &Object) -> core::PodTemplateSpec {
    typed::<core::PodTemplate>(object).template.unwrap_or_default()
}

impl Strategy for PodTemplate {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn default(&self, object: &mut Object) {
        defaults::template(object_in(&mut object.0, "template"));
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, _: &Preparation<'_>) -> Result<(), Status> {
        let old = old.and_then(|old| old.at(&["template"]));
        workload::prepare(object_in(&mut new.0, "template"), old);
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let path = Path::new("template");
        match old {
            None => rules::template(&template(new), &path),
            Some(old) => rules::changed_template(&template(new), &template(old), &path),
        }
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        match old {
            Some(old) if old.generation() == new.generation() => Vec::new(),
            _ => warnings::of_template(&template(new), &Path::new("template")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_create, check_table, check_warnings, object};
    use serde_json::{Value, json};

    fn pods(spec: Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "t", "namespace": "b"},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec},
        })
    }

    #[test]
    fn a_template_is_that_of_a_pod() {
        let spec = json!({"containers": [{"name": "c", "image": "i"}]});
        let defaulted = object(&PodTemplate::new(), pods(spec.clone()));
        assert_eq!(defaulted.0["template"]["spec"]["restartPolicy"], "Always");
        let check = |spec: Value, want: &[&str]| check_create(&PodTemplate::new(), pods(spec), want);
        check(spec, &[]);
        check(json!({}), &["template.spec.containers: Required value"]);
        check_warnings(
            &PodTemplate::new(),
            pods(json!({"containers": [], "nodeSelector": {"beta.kubernetes.io/os": "linux"}})),
            &[
                "template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead",
            ],
        );
    }

    #[test]
    fn columns_are_upstreams() {
        let containers = json!([{"name": "c", "image": "i"}, {"name": "d", "image": "j"}]);
        let want = [
            ("Name", json!("t")),
            ("Containers", json!("c,d")),
            ("Images", json!("i,j")),
            ("Pod Labels", json!("a=b")),
        ];
        check_table(&PodTemplate::new(), pods(json!({ "containers": containers })), &want);
    }
}
