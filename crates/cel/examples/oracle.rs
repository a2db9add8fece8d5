use ironclad_cel::*;
use serde_json::Value as Json;
use std::sync::Arc;

fn main() {
    let cases: Vec<Json> =
        serde_json::from_str(&std::fs::read_to_string("/tmp/oracle/oracle.json").unwrap()).unwrap();
    let (mut ok, mut bad) = (0, 0);
    for case in &cases {
        let kind = case["kind"].as_str().unwrap();
        let name = case["name"].as_str().unwrap_or("");
        let root = case["isRoot"].as_bool().unwrap_or(kind != "valid");
        let declared = Arc::new(Declared::from_openapi(&case["schema"], "selfType", root));
        let of = declared.cel_type();
        let env = Environment::new().variable("self", of.clone()).variable("oldSelf", of);
        let null = Json::Null;
        let obj = case.get("obj").unwrap_or(&null);
        let old = case.get("oldObj");
        let mut say = |good: bool, what: String| {
            if good {
                ok += 1
            } else {
                bad += 1;
                println!("[{kind}/{name}] {what}")
            }
        };
        let run = |expr: &str| -> Result<(Result<String, String>, u64, u64), String> {
            let program = env.compile(expr).map_err(|e| e.to_string())?;
            let mut vars = Activation::new().bind("self", Value::typed(obj, &declared));
            if let Some(old) = old {
                vars = vars.bind("oldSelf", Value::typed(old, &declared));
            }
            let mut budget = Budget::default();
            let est = program.cost_estimate(declared.as_ref()).max;
            let r = program.evaluate(&vars, &mut budget).map(|v| v.to_string()).map_err(|e| e.to_string());
            Ok((r, budget.spent(), est))
        };
        if let Some(costs) = case["expectCost"].as_object() {
            for (expr, cost) in costs {
                let want = cost.as_u64().unwrap_or(u64::MAX);
                match run(expr) {
                    Err(e) => say(false, format!("{expr}\n    {e}")),
                    Ok((r, spent, est)) => {
                        let got = if kind == "runtime" { spent } else { est };
                        say(got == want, format!("{expr}\n    cost {got} want {want} ({r:?})"));
                    }
                }
            }
        }
        for expr in case["valid"].as_array().into_iter().flatten() {
            let expr = expr.as_str().unwrap();
            match run(expr) {
                Ok((Ok(r), _, _)) if r == "true" => say(true, String::new()),
                other => say(false, format!("{expr}\n    {other:?}")),
            }
        }
        for (expr, want) in case["errors"].as_object().into_iter().flatten() {
            let want = want.as_str().unwrap();
            match run(expr) {
                Err(e) => say(e.contains(want), format!("{expr}\n    got {e}\n    want {want}")),
                Ok((Err(e), _, _)) => say(
                    e.contains(want) || want.contains("no such key") && e.contains("no such key"),
                    format!("{expr}\n    got {e}\n    want {want}"),
                ),
                Ok((Ok(v), c, _)) => say(
                    v == "false" && want.contains("failed rule"),
                    format!("{expr}\n    got value {v} cost {c}\n    want {want}"),
                ),
            }
        }
    }
    println!("{ok} ok, {bad} bad");
}
