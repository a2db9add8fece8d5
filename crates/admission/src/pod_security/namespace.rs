//! Labels of namespaces: they must be readable, and who makes them stricter is told which pods that are there
//! already would be refused.

use ironclad_api::object::string_map;
use ironclad_api::{Object, Status};
use ironclad_engine::gate::AdmissionRequest;

use super::level::{Level, LevelVersion};
use super::policy::{AUDIT, AUDIT_VERSION, ENFORCE, ENFORCE_VERSION, Policy, WARN, WARN_VERSION};
use super::{PodSecurity, existing_pods};
use crate::Cluster;

impl PodSecurity {
    pub(super) fn namespace(
        &self,
        request: &AdmissionRequest<'_>,
        cluster: &Cluster<'_>,
    ) -> Result<(), Status> {
        let Some(namespace) = request.object.as_deref() else { return Ok(()) };
        let (new, errors) = self.policy_of(namespace);
        let Some(old) = request.old else {
            if errors.is_empty() {
                self.warn_if_exempt(request, namespace, &new);
                return Ok(());
            }
            return Err(Status::invalid(&request.kind.group_kind(), &request.target.name, &errors));
        };
        let (old, old_errors) = self.policy_of(old);
        // What was wrong before may stay so.
        if !errors.is_empty() && errors != old_errors {
            return Err(Status::invalid(&request.kind.group_kind(), &request.target.name, &errors));
        }
        if !is_stricter(new.enforce, old.enforce) || self.warn_if_exempt(request, namespace, &new) {
            return Ok(());
        }
        let exemptions = &self.settings.exemptions;
        let warnings = existing_pods::warnings(namespace.name(), new.enforce, exemptions, cluster);
        warnings.into_iter().for_each(|warning| request.context.warn(warning));
        Ok(())
    }

    fn policy_of(&self, namespace: &Object) -> (Policy, Vec<ironclad_api::field::FieldError>) {
        let labels = string_map(namespace.metadata().and_then(|metadata| metadata.get("labels")));
        Policy::of(&labels, &self.settings.defaults)
    }

    /// Whether the namespace is exempt. Who sets a policy there is told that it does nothing.
    fn warn_if_exempt(&self, request: &AdmissionRequest<'_>, namespace: &Object, policy: &Policy) -> bool {
        let name = namespace.name();
        if !self.settings.exemptions.namespaces.iter().any(|exempt| exempt == name) {
            return false;
        }
        if !policy.is_fully_privileged() && !policy.is_equivalent(&self.settings.defaults) {
            request.context.warn(format!(
                "namespace \"{name}\" is exempt from Pod Security, and the policy ({}) will be ignored",
                explicit_modes(namespace, policy)
            ));
        }
        true
    }
}

/// Whether pods that were allowed may be refused now.
fn is_stricter(new: LevelVersion, old: LevelVersion) -> bool {
    let relaxed = new.version == old.version && new.level <= old.level;
    new != old && new.level != Level::Privileged && !relaxed
}

/// The modes that labels set to something: `enforce=baseline:latest, warn=restricted:v1.22`.
fn explicit_modes(namespace: &Object, policy: &Policy) -> String {
    let modes = [
        ("enforce", policy.enforce, [ENFORCE, ENFORCE_VERSION]),
        ("audit", policy.audit, [AUDIT, AUDIT_VERSION]),
        ("warn", policy.warn, [WARN, WARN_VERSION]),
    ];
    let explicit = modes.into_iter().filter(|(_, mode, labels)| {
        mode.level != Level::Privileged && labels.iter().any(|label| namespace.label(label).is_some())
    });
    explicit.map(|(name, mode, _)| format!("{name}={mode}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod_security::level::Version;

    #[test]
    fn only_a_stricter_policy_is_held_against_pods() {
        let of = |level, version| LevelVersion { level, version };
        let (v22, latest) = (Version::Minor(22), Version::Latest);
        let check = |new, old, expected| assert_eq!(is_stricter(new, old), expected, "{old} to {new}");
        check(of(Level::Baseline, latest), of(Level::Baseline, latest), false);
        check(of(Level::Restricted, latest), of(Level::Baseline, latest), true);
        check(of(Level::Baseline, latest), of(Level::Restricted, latest), false);
        check(of(Level::Baseline, latest), of(Level::Restricted, v22), true);
        check(of(Level::Privileged, latest), of(Level::Restricted, v22), false);
    }
}
