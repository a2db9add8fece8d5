//! DefaultIngressClass: an ingress that asks for no class gets the default one.
//!
//! Source: <https://kubernetes.io/docs/concepts/services-networking/ingress/#default-ingress-class>.

use ironclad_api::{GroupResource, Object, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};

use super::{is_about, newest_default};
use crate::{Cluster, Plugin};

const GROUP: &str = "networking.k8s.io";
const DEFAULT_ANNOTATION: &str = "ingressclass.kubernetes.io/is-default-class";
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

pub(super) struct DefaultIngressClass;

impl Plugin for DefaultIngressClass {
    fn name(&self) -> &'static str {
        "DefaultIngressClass"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        let creates = request.operation == AdmissionOperation::Create;
        let Some(ingress) = request.object.as_ref().filter(|_| creates) else { return Ok(()) };
        if !is_about(request, GROUP, "ingresses", "") || asks_for_class(ingress) {
            return Ok(());
        }
        let classes = GroupResource::new(GROUP, "ingressclasses");
        let default = newest_default(cluster, &classes, &[DEFAULT_ANNOTATION]);
        if let (Some(class), Some(ingress)) = (default, request.object.as_mut()) {
            ingress.section_mut("spec").insert("ingressClassName".into(), class.into());
        }
        Ok(())
    }
}

fn asks_for_class(ingress: &Object) -> bool {
    let field = ingress.at(&["spec", "ingressClassName"]).is_some_and(|class| class.is_string());
    field || ingress.annotation(CLASS_ANNOTATION).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Ask, mutate};

    #[test]
    fn a_class_is_given_to_who_asks_for_none() {
        let annotations = json!({ DEFAULT_ANNOTATION: "true" });
        let class = json!({"metadata": {"name": "nginx", "annotations": annotations}});
        let check = |ingress: Value, want: Value| {
            let object = Object::from_value(ingress.clone()).expect("an object");
            let world = [(GROUP, "ingressclasses", class.clone())];
            let made = mutate(&DefaultIngressClass, &world, Ask::create("a", (GROUP, "ingresses"), object));
            let made = made.expect("is let through");
            assert_eq!(
                made.at(&["spec", "ingressClassName"]).cloned().unwrap_or_default(),
                want,
                "{ingress}"
            );
        };
        check(json!({"metadata": {"name": "i"}, "spec": {}}), json!("nginx"));
        check(json!({"metadata": {"name": "i"}, "spec": {"ingressClassName": "x"}}), json!("x"));
        let annotated = json!({ CLASS_ANNOTATION: "x" });
        check(json!({"metadata": {"name": "i", "annotations": annotated}, "spec": {}}), Value::Null);
    }
}
