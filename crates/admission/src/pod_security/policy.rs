//! What a namespace's labels ask for.
//!
//! Source: <https://kubernetes.io/docs/concepts/security/pod-security-admission/>.

use std::collections::BTreeMap;

use ironclad_api::field::{FieldError, Path};

use super::level::{Level, LevelVersion, Version};

pub const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
pub const ENFORCE_VERSION: &str = "pod-security.kubernetes.io/enforce-version";
pub const AUDIT: &str = "pod-security.kubernetes.io/audit";
pub const AUDIT_VERSION: &str = "pod-security.kubernetes.io/audit-version";
pub const WARN: &str = "pod-security.kubernetes.io/warn";
pub const WARN_VERSION: &str = "pod-security.kubernetes.io/warn-version";

const BAD_LEVEL: &str = "must be one of privileged, baseline, restricted";
const BAD_VERSION: &str = "must be \"latest\" or \"v1.x\"";

/// What is refused, what is written to the audit log, and what is warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub enforce: LevelVersion,
    pub audit: LevelVersion,
    pub warn: LevelVersion,
}

impl Default for Policy {
    /// Everything goes.
    fn default() -> Self {
        Self {
            enforce: LevelVersion::PRIVILEGED,
            audit: LevelVersion::PRIVILEGED,
            warn: LevelVersion::PRIVILEGED,
        }
    }
}

impl Policy {
    pub fn is_fully_privileged(&self) -> bool {
        [self.enforce, self.audit, self.warn].iter().all(|mode| mode.level == Level::Privileged)
    }

    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.enforce.is_equivalent(other.enforce)
            && self.audit.is_equivalent(other.audit)
            && self.warn.is_equivalent(other.warn)
    }

    /// The policy of a namespace. There always is one: what cannot be read is enforced as restricted, and
    /// neither warned of nor audited.
    pub fn of(labels: &BTreeMap<String, String>, defaults: &Self) -> (Self, Vec<FieldError>) {
        let mut reader = Reader { labels, errors: Vec::new() };
        let mut policy = *defaults;
        let enforced = reader.level(ENFORCE);
        policy.enforce.level = enforced.resolve(policy.enforce.level, Level::Restricted);
        policy.enforce.version = reader.version(ENFORCE_VERSION, policy.enforce.version);
        policy.audit.level = reader.level(AUDIT).resolve(policy.audit.level, Level::Privileged);
        policy.audit.version = reader.version(AUDIT_VERSION, policy.audit.version);
        policy.warn.level = reader.level(WARN).resolve(policy.warn.level, Level::Privileged);
        policy.warn.version = reader.version(WARN_VERSION, policy.warn.version);
        policy.warn_at_least_of_what_is_refused(labels, enforced);
        (policy, reader.errors)
    }

    /// Who asks only for enforcement is warned (of controllers' templates) just as strictly.
    fn warn_at_least_of_what_is_refused(&mut self, labels: &BTreeMap<String, String>, enforced: Given) {
        let explicit = matches!(enforced, Given::Level(_)) && !labels.contains_key(WARN);
        if explicit && self.enforce.level > self.warn.level {
            self.warn.level = self.enforce.level;
            if !labels.contains_key(WARN_VERSION) {
                self.warn.version = self.enforce.version;
            }
        }
    }
}

/// What a level label says.
#[derive(Clone, Copy)]
enum Given {
    Nothing,
    Nonsense,
    Level(Level),
}

impl Given {
    fn resolve(self, default: Level, of_nonsense: Level) -> Level {
        match self {
            Self::Nothing => default,
            Self::Nonsense => of_nonsense,
            Self::Level(level) => level,
        }
    }
}

struct Reader<'a> {
    labels: &'a BTreeMap<String, String>,
    errors: Vec<FieldError>,
}

impl Reader<'_> {
    fn level(&mut self, label: &str) -> Given {
        let Some(text) = self.labels.get(label) else { return Given::Nothing };
        Level::parse(text).map_or_else(
            || {
                self.errors.push(invalid(label, text, BAD_LEVEL));
                Given::Nonsense
            },
            Given::Level,
        )
    }

    fn version(&mut self, label: &str, default: Version) -> Version {
        let Some(text) = self.labels.get(label) else { return default };
        Version::parse(text).unwrap_or_else(|| {
            self.errors.push(invalid(label, text, BAD_VERSION));
            Version::Latest
        })
    }
}

fn invalid(label: &str, text: &str, why: &str) -> FieldError {
    FieldError::invalid(&Path::new("metadata").child("labels").key(label), text, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `modes` are enforce, audit and warn as printed; `errors` the labels that are wrong.
    fn check(labels: &[(&str, &str)], modes: [&str; 3], errors: &[&str]) {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (policy, found) = Policy::of(&labels, &Policy::default());
        let printed = [policy.enforce, policy.audit, policy.warn].map(|mode| mode.to_string());
        assert_eq!(printed, modes, "{labels:?}");
        let fields: Vec<String> = found.iter().map(|error| error.to_string()).collect();
        assert_eq!(fields, errors, "{labels:?}");
    }

    #[test]
    fn labels_make_a_policy_and_what_cannot_be_read_is_told() {
        check(&[], ["privileged:latest"; 3], &[]);
        check(&[("other", "x")], ["privileged:latest"; 3], &[]);
        check(&[(ENFORCE, "baseline")], ["baseline:latest", "privileged:latest", "baseline:latest"], &[]);
        check(
            &[(ENFORCE, "baseline"), (ENFORCE_VERSION, "v1.22")],
            ["baseline:v1.22", "privileged:latest", "baseline:v1.22"],
            &[],
        );
        check(
            &[(ENFORCE, "restricted"), (ENFORCE_VERSION, "v1.22"), (WARN_VERSION, "v1.23")],
            ["restricted:v1.22", "privileged:latest", "restricted:v1.23"],
            &[],
        );
        check(
            &[(ENFORCE, "restricted"), (WARN, "baseline"), (AUDIT, "restricted"), (AUDIT_VERSION, "v1.5")],
            ["restricted:latest", "restricted:v1.5", "baseline:latest"],
            &[],
        );
        check(
            &[(ENFORCE, "privileged"), (WARN, "privileged")],
            ["privileged:latest", "privileged:latest", "privileged:latest"],
            &[],
        );
        check(
            &[(ENFORCE, "foo"), (AUDIT, "bar"), (WARN, "baz"), (WARN_VERSION, "1.2")],
            ["restricted:latest", "privileged:latest", "privileged:latest"],
            &[
                "metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"foo\": must be one of privileged, baseline, restricted",
                "metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: \"bar\": must be one of privileged, baseline, restricted",
                "metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: \"baz\": must be one of privileged, baseline, restricted",
                "metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: \"1.2\": must be \"latest\" or \"v1.x\"",
            ],
        );
    }
}
