//! Kubeconfigs.

use std::path::Path;

use ironclad_pki::kubeconfig::Kubeconfig;

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "kubeconfig",
    promise: "what is read can be written and read again, and is the same",
    check,
    words: &[
        "apiVersion: v1\n",
        "kind: Config\n",
        "clusters:\n",
        "contexts:\n",
        "users:\n",
        "- name: a\n",
        "  cluster:\n",
        "  user:\n",
        "current-context: a\n",
        "server: https://x:6443\n",
        "certificate-authority-data: ",
        "token: ",
        "exec:\n",
        "&a ",
        "*a",
        "null",
    ],
    made: none,
    short_run: 3_000,
};

fn check(input: &[u8]) {
    let Ok(config) = Kubeconfig::from_yaml(&String::from_utf8_lossy(input)) else { return };
    let written = config.to_yaml().expect("what was read can be written");
    let again = Kubeconfig::from_yaml(&written).expect("what was written can be read");
    assert_eq!(again.to_yaml().expect("as before"), written);
    let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    drop(config.resolve(None, Path::new("/"), &no_file));
}
