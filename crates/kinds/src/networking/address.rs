//! `IPAddress`: who holds an address (KEP-1880).

use ironclad_api::validation::{self, Faults, name::NameRule};
use ironclad_api::{FieldError, Object, Path, Status};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::networking::v1 as api;

use super::{GROUP, path_segment};
use crate::columns::{NONE, name, text};
use crate::fields::{text as of, value_at};
use crate::go_form;
use crate::spec::{names, spec, typed};

/// Who made it.
const MANAGED_BY: &str = "ipaddress.kubernetes.io/managed-by";
const ALLOCATOR: &str = "ipallocator.k8s.io";

pub struct IpAddress {
    spec: KindSpec,
}

impl IpAddress {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["ip"]),
                // As upstream, which has no column for the age.
                columns: vec![name(), text("ParentRef", parent)],
                ..spec(GROUP, "v1", "IPAddress", "ipaddresses", Scope::Cluster)
            },
        }
    }
}

impl Default for IpAddress {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for IpAddress {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// The address in its canonical form.
    fn name_rule(&self) -> NameRule {
        address
    }

    /// An address that somebody reserves is no service's. Those of services are the services' claims.
    fn claims(&self, address: &Object) -> Vec<String> {
        let made_here = address.label(MANAGED_BY) == Some(ALLOCATOR);
        if made_here { Vec::new() } else { vec![format!("ip/{}", address.name())] }
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        let taken = self.claims(new).iter().any(|claim| (preparation.claimed)(claim));
        if old.is_none() && taken {
            return Err(Status::already_exists(&self.group_resource(), new.name()));
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let address: api::IPAddress = typed(new);
        let path = Path::new("spec").child("parentRef");
        let given = new.at(&["spec", "parentRef"]).is_some_and(serde_json::Value::is_object);
        let parent = given.then_some(&address.spec.parent_ref);
        let mut errors = match parent {
            None => vec![FieldError::required(&path, "")],
            Some(parent) => validate(parent, &path),
        };
        let changed = |old: &Object| {
            let reference = |object: &Object| value_at(object, &["spec", "parentRef"]);
            reference(old) != reference(new)
        };
        if old.is_some_and(changed) {
            let shown = go_form::compact("*ParentReference", &parent);
            errors.push(FieldError::invalid(&path, shown, validation::meta::IMMUTABLE));
        }
        errors
    }
}

fn address(name: &str, _: bool) -> Faults {
    validation::ip::ip(&Path::root(), name).into_iter().map(|error| error.detail).collect()
}

/// `services/default/kubernetes`
fn parent(address: &Object) -> String {
    let Some(parent) = address.at(&["spec", "parentRef"]).filter(|parent| parent.is_object()) else {
        return NONE.into();
    };
    let part = |field: &str| parent[field].as_str().unwrap_or_default();
    let resource = match part("group") {
        "" => part("resource").to_owned(),
        group => format!("{}.{group}", part("resource")),
    };
    let resource = resource.to_lowercase();
    match part("namespace") {
        "" => format!("{resource}/{}", part("name")),
        namespace => format!("{resource}/{namespace}/{}", part("name")),
    }
}

fn validate(parent: &api::ParentReference, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    // Empty for the group of services.
    let group = of(&parent.group);
    if !group.is_empty() {
        let faults = validation::dns1123_subdomain(group);
        errors.extend(validation::invalid_each(&path.child("group"), group, faults));
    }
    errors.extend(path_segment(&parent.resource, &path.child("resource")));
    errors.extend(path_segment(&parent.name, &path.child("name")));
    let namespace = of(&parent.namespace);
    if !namespace.is_empty() {
        errors.extend(path_segment(namespace, &path.child("namespace")));
    }
    errors
}
