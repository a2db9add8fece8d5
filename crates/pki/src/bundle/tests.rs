//! The files of a cluster, through its life.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::testing::{later, now};

const DAY: i64 = 24 * 60 * 60;

fn wanted(dir: &Path) -> Description {
    Description {
        dir: dir.join("state"),
        cluster_name: "ironclad".into(),
        api_url: "https://10.0.0.1:6443".into(),
        server_dns: api_server_names("cluster.local"),
        server_ips: vec!["10.0.0.1".parse().unwrap(), "10.96.0.1".parse().unwrap()],
        nodes: vec![NodeDescription {
            name: "n1".into(),
            dns: vec!["n1".into()],
            ips: vec!["10.0.0.1".parse().unwrap()],
        }],
    }
}

fn open_at(wanted: &Description, seconds: i64) -> Result<(Bundle, Vec<String>), BundleError> {
    let mut next = 0u8;
    let mut serial = || {
        next += 1;
        [next; 16]
    };
    let (bundle, changes) = open(wanted, later(seconds), &mut serial)?;
    let prefix = format!("{}/", wanted.dir.display());
    Ok((bundle, changes.iter().map(|change| change.to_string().replace(&prefix, "")).collect()))
}

fn files_under(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_under(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn the_first_start_makes_everything_and_the_second_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = wanted(dir.path());
    let (first, changes) = open_at(&wanted, 0).unwrap();
    assert_eq!(
        changes,
        [
            "created pki/ca.key",
            "created pki/ca.crt",
            "created pki/front-proxy-ca.key",
            "created pki/front-proxy-ca.crt",
            "created pki/sa.key",
            "created pki/sa.pub",
            "created pki/apiserver.key",
            "created pki/apiserver.crt",
            "created pki/apiserver-kubelet-client.key",
            "created pki/apiserver-kubelet-client.crt",
            "created pki/front-proxy-client.key",
            "created pki/front-proxy-client.crt",
            "created pki/nodes/n1/client.key",
            "created pki/nodes/n1/client.crt",
            "created pki/nodes/n1/serving.key",
            "created pki/nodes/n1/serving.crt",
            "created admin.kubeconfig",
        ]
    );
    let (second, changes) = open_at(&wanted, 100 * DAY).unwrap();
    assert_eq!(changes, [""; 0]);
    assert_eq!(first.api_server.certificate, second.api_server.certificate);
    assert_eq!(first.admin, second.admin);
    assert_eq!(first.service_account.verifying, second.service_account.verifying);
}

#[test]
fn only_the_owner_can_read_anything() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = wanted(dir.path());
    open_at(&wanted, 0).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&wanted.dir), 0o700);
    for path in files_under(&wanted.dir) {
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
    let key = wanted.dir.join("pki/ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (_, changes) = open_at(&wanted, 0).unwrap();
    assert_eq!(changes, ["made pki/ca.key readable by its owner only"]);
    assert_eq!(mode(&key), 0o600);
}

#[test]
fn certificates_are_renewed_in_their_last_third_with_the_same_key() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = wanted(dir.path());
    let (before, _) = open_at(&wanted, 0).unwrap();
    assert_eq!(open_at(&wanted, 240 * DAY).unwrap().1, [""; 0]);
    let (after, changes) = open_at(&wanted, 245 * DAY).unwrap();
    let why = "it was valid until 2027-01-01T00:00:00Z only";
    assert_eq!(
        changes,
        [
            format!("renewed pki/apiserver.crt: {why}"),
            format!("renewed pki/apiserver-kubelet-client.crt: {why}"),
            format!("renewed pki/front-proxy-client.crt: {why}"),
            format!("renewed pki/nodes/n1/client.crt: {why}"),
            format!("renewed pki/nodes/n1/serving.crt: {why}"),
            format!("renewed admin.kubeconfig: {why}"),
        ]
    );
    assert_eq!(before.api_server.key.public_key(), after.api_server.key.public_key());
    assert_ne!(before.api_server.certificate, after.api_server.certificate);
    assert_eq!(open_at(&wanted, 245 * DAY).unwrap().1, [""; 0]);
}

#[test]
fn a_renewed_ca_still_vouches_for_what_it_signed() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = wanted(dir.path());
    open_at(&wanted, 0).unwrap();
    let at = 2430 * DAY;
    let (old, _) = open_at(&wanted, at).unwrap();
    let (new, changes) = open_at(&wanted, at + 10 * DAY).unwrap();
    // The administrator's file carries the CA, so it follows it.
    assert_eq!(
        changes,
        [
            "renewed pki/ca.crt: it was valid until 2035-12-30T00:00:00Z only",
            "renewed pki/front-proxy-ca.crt: it was valid until 2035-12-30T00:00:00Z only",
            "renewed admin.kubeconfig: the API moved or its CA changed",
        ]
    );
    let chain = [old.kubelet_client.certificate.der().clone()];
    assert!(new.cluster_ca.pool().unwrap().verify_client(&chain, later(at + 10 * DAY)).is_ok());
}

#[test]
fn new_names_and_a_moved_api_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = wanted(dir.path());
    open_at(&wanted, 0).unwrap();
    wanted.server_ips.push("192.0.2.7".parse().unwrap());
    wanted.server_dns.push("api.example.com".into());
    wanted.api_url = "https://api.example.com:6443".into();
    let (bundle, changes) = open_at(&wanted, DAY).unwrap();
    assert_eq!(
        changes,
        [
            "renewed pki/apiserver.crt: it did not cover api.example.com, 192.0.2.7",
            "renewed admin.kubeconfig: the API moved or its CA changed",
        ]
    );
    assert_eq!(bundle.admin.clusters[0].cluster.server, wanted.api_url);
    // Fewer names are no reason to renew.
    wanted.server_dns.pop();
    assert_eq!(open_at(&wanted, DAY).unwrap().1, [""; 0]);
}

#[test]
fn a_new_ca_re_signs_what_the_old_one_signed() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = wanted(dir.path());
    open_at(&wanted, 0).unwrap();
    for name in ["pki/front-proxy-ca.crt", "pki/front-proxy-ca.key"] {
        fs::remove_file(wanted.dir.join(name)).unwrap();
    }
    let (bundle, changes) = open_at(&wanted, 0).unwrap();
    assert_eq!(
        changes,
        [
            "created pki/front-proxy-ca.key",
            "created pki/front-proxy-ca.crt",
            "renewed pki/front-proxy-client.crt: it was signed by another CA",
        ]
    );
    let chain = [bundle.front_proxy_client.certificate.der().clone()];
    assert!(bundle.front_proxy_ca.pool().unwrap().verify_client(&chain, now()).is_ok());
    assert!(bundle.cluster_ca.pool().unwrap().verify_client(&chain, now()).is_err());
}

/// Writes are ordered, so a kill leaves a prefix of them. Every prefix, and a
/// half-written temporary file, must open and lead to the same whole.
#[test]
fn a_kill_between_any_two_writes_is_recovered_from() {
    let order = [
        "pki/ca.key",
        "pki/ca.crt",
        "pki/front-proxy-ca.key",
        "pki/front-proxy-ca.crt",
        "pki/sa.key",
        "pki/sa.pub",
        "pki/apiserver.key",
        "pki/apiserver.crt",
        "pki/apiserver-kubelet-client.key",
        "pki/apiserver-kubelet-client.crt",
    ];
    for kept in 0..order.len() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted(dir.path());
        open_at(&wanted, 0).unwrap();
        let keep: Vec<_> = order[..kept].iter().map(|name| wanted.dir.join(name)).collect();
        for path in files_under(&wanted.dir) {
            if path.is_file() && !keep.contains(&path) {
                fs::remove_file(path).unwrap();
            }
        }
        fs::write(wanted.dir.join("pki/.ca.key.new"), "half").unwrap();
        let survivors: Vec<_> = keep.iter().map(|path| fs::read(path).unwrap()).collect();
        open_at(&wanted, 0).unwrap_or_else(|error| panic!("after {kept} writes: {error}"));
        let now_there: Vec<_> = keep.iter().map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(survivors, now_there, "after {kept} writes");
        assert_eq!(open_at(&wanted, 0).unwrap().1, [""; 0]);
    }
}

#[test]
fn what_is_corrupt_or_mismatched_is_refused_by_name_and_left_alone() {
    const RESTORE: &str = "restore it from a backup (removing the pair makes a new one, and everything \
                           issued with the old one stops being accepted)";
    const REMOVE: &str = "remove the pair to have it made anew";
    let check = |damage: &dyn Fn(&Path), want: &str| {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted(dir.path());
        open_at(&wanted, 0).unwrap();
        damage(&wanted.dir);
        let before: Vec<_> =
            files_under(&wanted.dir).into_iter().map(|path| (fs::read(&path).ok(), path)).collect();
        let error = open_at(&wanted, 0).unwrap_err().to_string();
        assert_eq!(error.replace(&format!("{}/", wanted.dir.display()), ""), want);
        let after: Vec<_> =
            files_under(&wanted.dir).into_iter().map(|path| (fs::read(&path).ok(), path)).collect();
        assert_eq!(before, after);
    };
    let write =
        |name: &'static str, text: &'static str| move |dir: &Path| fs::write(dir.join(name), text).unwrap();
    let remove = |name: &'static str| move |dir: &Path| fs::remove_file(dir.join(name)).unwrap();
    let copy = |from: &'static str, to: &'static str| {
        move |dir: &Path| {
            fs::copy(dir.join(from), dir.join(to)).unwrap();
        }
    };
    check(
        &write("pki/ca.crt", "garbage"),
        &format!("pki/ca.crt is corrupt (no PEM block of type CERTIFICATE found); {RESTORE}"),
    );
    check(
        &write("pki/sa.key", ""),
        &format!("pki/sa.key is corrupt (no PEM block of type PRIVATE KEY found); {RESTORE}"),
    );
    check(
        &write("pki/apiserver.crt", ""),
        &format!("pki/apiserver.crt is corrupt (no PEM block of type CERTIFICATE found); {REMOVE}"),
    );
    check(&remove("pki/ca.key"), &format!("pki/ca.key is missing beside pki/ca.crt; {RESTORE}"));
    check(&remove("pki/sa.key"), &format!("pki/sa.key is missing beside pki/sa.pub; {RESTORE}"));
    check(
        &remove("pki/apiserver.key"),
        &format!("pki/apiserver.key is missing beside pki/apiserver.crt; {REMOVE}"),
    );
    check(&copy("pki/sa.key", "pki/ca.key"), &format!("pki/ca.key does not belong to pki/ca.crt; {RESTORE}"));
    check(&copy("pki/ca.key", "pki/sa.key"), &format!("pki/sa.pub does not belong to pki/sa.key; {RESTORE}"));
    check(
        &copy("pki/sa.key", "pki/apiserver.key"),
        &format!("pki/apiserver.key does not belong to pki/apiserver.crt; {REMOVE}"),
    );
    check(
        &|dir| {
            copy("pki/apiserver.crt", "pki/ca.crt")(dir);
            copy("pki/apiserver.key", "pki/ca.key")(dir);
        },
        &format!(
            "pki/ca.crt is corrupt (the certificate is not a CA's (BasicConstraints says CA:FALSE)); {RESTORE}"
        ),
    );
    check(
        &write("admin.kubeconfig", "kind: Pod"),
        "admin.kubeconfig is corrupt (not a kubeconfig: kind is \"Pod\", want \"Config\"); remove it to have it made anew",
    );
}

#[test]
fn a_clock_behind_the_ca_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = wanted(dir.path());
    open_at(&wanted, 0).unwrap();
    let error = open_at(&wanted, -DAY).unwrap_err().to_string();
    let want = "pki/ca.crt is valid from 2025-12-31T23:55:00Z only, but the machine's clock says \
                2025-12-31T00:00:00Z; set the clock";
    assert_eq!(error.replace(&format!("{}/", wanted.dir.display()), ""), want);
    let other = tempfile::tempdir().unwrap();
    let error = open_at(&super::tests::wanted(other.path()), -crate::testing::NOW).unwrap_err();
    assert!(format!("{error}").contains("set the machine's clock"), "{error}");
}

#[test]
fn keys_and_cas_added_by_hand_are_kept_and_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = wanted(dir.path());
    open_at(&wanted, 0).unwrap();
    let append = |name: &str, text: &str| {
        let path = wanted.dir.join(name);
        let old = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{old}{text}")).unwrap();
    };
    let other = crate::testing::ca("other");
    append("pki/ca.crt", &other.certificate().to_pem());
    append("pki/sa.pub", crate::testing::RSA_PUBLIC);
    let (bundle, changes) = open_at(&wanted, 0).unwrap();
    assert_eq!(changes, ["renewed admin.kubeconfig: the API moved or its CA changed"]);
    assert_eq!(bundle.cluster_ca.trusted.len(), 2);
    assert_eq!(bundle.service_account.verifying.len(), 2);
    assert_eq!(&bundle.service_account.verifying[0], bundle.service_account.signing.public_key());
    let (bundle, _) = open_at(&wanted, 2440 * DAY).unwrap();
    assert_eq!(bundle.cluster_ca.trusted[1].subject.common_name, "other");
}

#[test]
fn a_node_name_cannot_lead_out_of_the_directory() {
    for name in ["", "..", "../x", "a/b", ".hidden", "a b", "\0"] {
        let dir = tempfile::tempdir().unwrap();
        let mut wanted = wanted(dir.path());
        wanted.nodes[0].name = name.into();
        assert!(matches!(open_at(&wanted, 0), Err(BundleError::NodeName { .. })), "{name:?}");
    }
}
