//! Every target bears its corpus, and inputs made of it, the same ones each time.

use ironclad_env::RealEnv;
use ironclad_fuzz::drive::{self, Until};
use ironclad_fuzz::targets;

fn check(name: &str) {
    let target = targets::ALL.iter().find(|target| target.name == name).expect("a target");
    // Long enough to find what is broken at once; the long runs are made by hand.
    if let Err(failure) = drive::run(&RealEnv::shared(), target, 36, Until::Inputs(target.short_run)) {
        let input = String::from_utf8_lossy(&failure.input);
        panic!("{name}: {}\nthe input: {:.2000?}", failure.why, input);
    }
}

/// A test per target, so that they run side by side.
macro_rules! bear {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn every_target_has_a_test() {
            let tested = [$(stringify!($name)),*];
            let missing: Vec<_> = targets::ALL.iter().filter(|target| !tested.contains(&target.name)).collect();
            assert!(missing.is_empty(), "{:?}", missing.iter().map(|target| target.name).collect::<Vec<_>>());
        }
    };
}

bear! {
    json yaml protobuf patch strategic apply fields selector cel jsonpath schema quantity time regex url jwt x509
    kubeconfig write
}
