use std::io;
use std::sync::Mutex;

use super::*;
use crate::rule::{Rule, Statement};
use crate::set::Verdict;
use crate::table::Table;

/// A kernel that only counts and, when told to, refuses.
#[derive(Default)]
struct Fake {
    refusals: usize,
    busy: Option<&'static str>,
    generation: u32,
    log: Arc<Mutex<Vec<String>>>,
}

impl Kernel for Fake {
    fn commit(&mut self, ops: &[Op]) -> Result<(), CommitError> {
        let words: Vec<String> = ops.iter().map(Op::to_string).collect();
        let busy = self.busy.and_then(|chain| {
            words.iter().position(|op| op.starts_with("delete chain") && op.ends_with(chain))
        });
        if let Some(index) = busy {
            return Err(refusal(index));
        }
        if self.refusals > 0 && !ops.is_empty() {
            self.refusals -= 1;
            self.log.lock().unwrap().push("refused".into());
            return Err(refusal(0));
        }
        self.generation += 1;
        self.log.lock().unwrap().push(words.join("; "));
        Ok(())
    }

    fn list(&mut self, _: &str) -> Result<Inventory, NetlinkError> {
        self.log.lock().unwrap().push("list".into());
        Ok(Inventory::default())
    }

    fn generation(&mut self) -> Result<u32, NetlinkError> {
        Ok(self.generation)
    }
}

fn refusal(index: usize) -> CommitError {
    let error = io::Error::from(io::ErrorKind::ResourceBusy);
    CommitError::Refused { index, op: "op".into(), error, message: None }
}

fn ruleset(chains: &[&str]) -> Arc<Ruleset> {
    let mut table = Table::default();
    for name in chains {
        let rule = Rule::new([Statement::Verdict(Verdict::Accept)]);
        table.chain(&(*name).into()).rules.push(rule);
    }
    Arc::new(Ruleset::from([(TableId::new(Family::Ip, "t"), table)]))
}

/// Applies rulesets one after the other and compares what the kernel was asked.
fn check(fake: Fake, steps: &[&[&str]], expected: &[&str]) -> Applier {
    let log = fake.log.clone();
    let mut applier = Applier::new(Box::new(fake), "t");
    for chains in steps {
        applier.apply(&ruleset(chains)).expect("applied");
    }
    assert_eq!(*log.lock().unwrap(), expected);
    applier
}

#[test]
fn the_first_apply_lists_and_later_ones_do_not() {
    let first = "add table ip t; add chain ip t a; add rule to ip t a";
    let second = "add chain ip t b; add rule to ip t b";
    check(Fake::default(), &[&["a"], &["a", "b"]], &["list", first, "", second, ""]);
}

#[test]
fn a_refusal_is_met_by_a_fresh_listing() {
    let whole = "add table ip t; add chain ip t a; add rule to ip t a";
    let fake = Fake { refusals: 1, ..Fake::default() };
    check(fake, &[&["a"]], &["list", "refused", "list", whole, ""]);
}

#[test]
fn a_second_refusal_is_met_by_rewriting_all_in_one_transaction() {
    let rewrite = "add table ip t; delete table ip t; add table ip6 t; delete table ip6 t; \
                   add table ip t; add chain ip t a; add rule to ip t a";
    let fake = Fake { refusals: 2, ..Fake::default() };
    check(fake, &[&["a"]], &["list", "refused", "list", "refused", rewrite, ""]);
}

#[test]
fn a_third_refusal_is_reported_and_the_next_apply_starts_afresh() {
    let mut applier = Applier::new(Box::new(Fake { refusals: 3, ..Fake::default() }), "t");
    let error = applier.apply(&ruleset(&["a"])).expect_err("refused thrice");
    assert!(error.to_string().starts_with("cannot rewrite the tables named t: cannot op: "), "{error}");
    applier.apply(&ruleset(&["a"])).expect("the kernel is in a better mood");
}

#[test]
fn a_busy_chain_is_deleted_by_a_later_sweep() {
    let fake = Fake { busy: Some("b"), ..Fake::default() };
    let mut applier = check(
        fake,
        &[&["a", "b", "c"], &["a"]],
        &[
            "list",
            "add table ip t; add chain ip t a; add chain ip t b; add chain ip t c; \
             add rule to ip t a; add rule to ip t b; add rule to ip t c",
            "",
            "flush chain ip t b; flush chain ip t c",
            "delete chain ip t c",
        ],
    );
    assert_eq!(applier.sweep(), 1);
}

#[test]
fn repair_lists_only_when_someone_else_has_committed() {
    let fake = Fake::default();
    let log = fake.log.clone();
    let mut applier = Applier::new(Box::new(fake), "t");
    applier.apply(&ruleset(&["a"])).expect("applied");
    log.lock().unwrap().clear();
    assert_eq!(applier.repair(&ruleset(&["a"])).expect("quiet").changes, 0);
    assert!(!log.lock().unwrap().contains(&"list".to_owned()));
    applier.generation = Some(77);
    assert_eq!(applier.repair(&ruleset(&["a"])).expect("repaired").changes, 3);
    assert!(log.lock().unwrap().contains(&"list".to_owned()));
}
