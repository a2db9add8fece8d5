use super::RuleTree;
use ironclad_api::field::Path;
use serde_json::Value;
#[test]
fn oracle() {
    let cases: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string("/tmp/oracle/levels.json").unwrap()).unwrap();
    let (mut ok, mut bad) = (0, 0);
    for case in &cases {
        let name = format!("{}/{}", case["kind"], case["name"]);
        let Some(tree) = RuleTree::of(&case["schema"]) else {
            println!("{name}: no rules");
            continue;
        };
        let new = case.get("obj").or(case.get("newObj")).unwrap_or(&Value::Null);
        let verdict = tree.check(new, case.get("oldObj").filter(|v| !v.is_null()), &Path::new("root"));
        let check = |what: &str, got: &[ironclad_api::FieldError], want: &Value| {
            let want: Vec<&str> = want.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let got: Vec<String> = got.iter().map(ToString::to_string).collect();
            let good = want.iter().all(|w| got.iter().any(|g| g.contains(w)))
                && got.iter().all(|g| want.iter().any(|w| g.contains(w)));
            if !good {
                println!("{name} {what}\n   got {got:#?}\n   want {want:#?}");
            }
            good
        };
        let a = check("errors", &verdict.errors, &case["errors"]);
        let b = case["kind"] != "ratchet" || check("warnings", &verdict.ratcheted, &case["warnings"]);
        if a && b { ok += 1 } else { bad += 1 }
    }
    println!("{ok} ok, {bad} bad");
}
