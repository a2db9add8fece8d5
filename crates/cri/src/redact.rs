//! Registry credentials must never reach a log, so their message is printed by hand.

use std::fmt;

use crate::v1::AuthConfig;

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig")
            .field("username", &self.username)
            .field("server_address", &self.server_address)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_is_printed() {
        let auth = AuthConfig {
            username: "robot".into(),
            password: "hunter2".into(),
            auth: "hunter2".into(),
            server_address: "registry.example".into(),
            identity_token: "hunter2".into(),
            registry_token: "hunter2".into(),
        };
        let printed = format!("{auth:?}");
        assert!(printed.contains("robot") && printed.contains("registry.example"));
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
