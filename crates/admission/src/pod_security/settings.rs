//! What an operator may set: upstream's PodSecurityConfiguration.

use super::policy::Policy;

/// Which policy namespaces without labels have, and what is let through whatever it is.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub defaults: Policy,
    pub exemptions: Exemptions,
}

#[derive(Clone, Debug, Default)]
pub struct Exemptions {
    pub usernames: Vec<String>,
    pub namespaces: Vec<String>,
    pub runtime_classes: Vec<String>,
}
