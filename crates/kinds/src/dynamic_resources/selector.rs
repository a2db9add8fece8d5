//! Expressions that select devices.
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#deviceclass>

use std::borrow::Cow;
use std::sync::LazyLock;

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_cel::{CompileError, Declared, Environment, Estimate, Program, Sizes, Type};
use k8s_openapi::api::resource::v1::DeviceSelector;

use super::attribute::LONGEST_VALUE;
use super::device::MOST_FACTS;
use super::names::{LONGEST_DRIVER, LONGEST_IDENTIFIER};
use super::{bounded, slice};

const MOST: usize = 32;
/// Bytes.
const LONGEST_EXPRESSION: usize = 10 << 10;
/// What looking at one device may cost, in CEL's units.
const COST_LIMIT: u64 = 1_000_000;

pub(super) fn validate(selectors: &Option<Vec<DeviceSelector>>, path: &Path) -> FieldErrors {
    bounded::list(slice(selectors), MOST, path, |selector, path| {
        let path = path.child("cel");
        match &selector.cel {
            None => vec![FieldError::required(&path, "")],
            Some(cel) => expression(&cel.expression, &path.child("expression")).into_iter().collect(),
        }
    })
}

fn expression(text: &str, path: &Path) -> Option<FieldError> {
    if text.len() > LONGEST_EXPRESSION {
        return Some(FieldError::too_long(path, LONGEST_EXPRESSION));
    }
    match compile(text) {
        Err(Refusal::Fault(why)) => Some(FieldError::internal(path, why)),
        Err(Refusal::Invalid(why)) => Some(FieldError::invalid(path, text, why)),
        Ok(program) if program.cost_estimate(&OfDevices).max > COST_LIMIT => {
            Some(FieldError::forbidden(path, "too complex, exceeds cost limit"))
        }
        Ok(_) => None,
    }
}

static ENVIRONMENT: LazyLock<Environment> =
    LazyLock::new(|| Environment::new().bindings().variable("device", Type::Object(device().into())));

enum Refusal {
    Invalid(String),
    /// What upstream takes for a fault of its own.
    Fault(String),
}

fn compile(text: &str) -> Result<Program, Refusal> {
    let program = ENVIRONMENT.compile(text).map_err(|error| match error {
        CompileError::Issues(_) => Refusal::Invalid(error.to_string()),
        CompileError::Instantiation(_) => Refusal::Fault(error.to_string()),
    })?;
    match program.output_type() {
        // An attribute may be a boolean.
        Type::Bool | Type::Any => Ok(program),
        other => {
            let name = match other {
                Type::Null | Type::Duration | Type::Timestamp => other.name().to_owned(),
                other => other.to_string(),
            };
            Err(Refusal::Invalid(format!("must evaluate to bool or the unknown type, not {name}")))
        }
    }
}

/// What expressions know of a device: attributes and capacities by their domains and names.
fn device() -> Declared {
    let by_name = |of: Type| Type::map(Type::String, Type::map(Type::String, of));
    let quantity = Type::Message(Cow::Borrowed("kubernetes.Quantity"));
    Declared::object(
        "kubernetes.DRADevice",
        [
            ("allowMultipleAllocations", Declared::boolean()),
            ("attributes", Declared::of(by_name(Type::Any))),
            ("capacity", Declared::of(by_name(quantity))),
            ("driver", Declared::string()),
        ],
    )
}

/// How large the parts of a device may be.
struct OfDevices;

impl Sizes for OfDevices {
    fn size(&self, path: &[String]) -> Option<Estimate> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let most = match path.as_slice() {
            ["device"] => 0,
            ["device", "driver"] => LONGEST_DRIVER,
            ["device", "allowMultipleAllocations"] => 1,
            ["device", "attributes" | "capacity"] => MOST_FACTS,
            ["device", "attributes" | "capacity", "@keys"] => LONGEST_DRIVER,
            ["device", "attributes" | "capacity", "@items" | "@values"] => MOST_FACTS,
            ["device", "attributes" | "capacity", "@items" | "@values", "@keys"] => LONGEST_IDENTIFIER,
            ["device", "capacity", "@items" | "@values", "@items" | "@values"] => 0,
            // A name that is selected.
            ["device", "attributes", "@items" | "@values", _] => LONGEST_VALUE,
            _ => return None,
        };
        Some(Estimate::up_to(u64::try_from(most).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The costs are those of upstream's own tests.
    #[test]
    fn what_looking_at_a_device_costs() {
        let check = |text: &str, want: u64| match compile(text) {
            Ok(program) => assert_eq!(program.cost_estimate(&OfDevices).max, want, "{text}"),
            Err(Refusal::Invalid(why) | Refusal::Fault(why)) => panic!("{text}: {why}"),
        };
        let attributes = r#"device.attributes["dra.example.com"]"#;
        let capacity = r#"device.capacity["dra.example.com"]"#;
        check("true", 0);
        check(r#"device.attributes["no-such-domain"].noSuchAttr.isGreaterThan(quantity("0"))"#, 6);
        check(r#"device.attributes["no-such-domain"]["noSuchAttr"].isGreaterThan(quantity("0"))"#, 6);
        check(r#""no-such-domain" in device.attributes"#, 3);
        check(r#"device.driver == """#, 2);
        check(r#"device.driver == "dra.example.com""#, 4);
        check(&format!("{attributes}.name"), 4);
        check(&format!(r#"{attributes}["name"]"#), 4);
        check(&format!("cel.bind(dra, {attributes}, dra.name)"), 15);
        check(&format!("{attributes}.name > 0"), 5);
        check(&format!(r#"{attributes}.name == "fish""#), 5);
        check(&format!(r#"{attributes}.name.isGreaterThan(semver("0.0.1"))"#), 6);
        check(
            &format!(
                r#"{attributes}.name.isGreaterThan(semver("v0.0.1", true)) && isSemver("v1.0.0", true)"#
            ),
            7,
        );
        check(&format!(r#"{capacity}.name.isGreaterThan(quantity("1Ki"))"#), 6);
        check(&format!(r#""name" in {capacity} && {capacity}.name.isGreaterThan(quantity("1Ki"))"#), 10);
        check(&format!(r#"!("name" in {capacity}) || {capacity}.name.isGreaterThan(quantity("1Ki"))"#), 11);
        check(&format!("{attributes}.a && {attributes}.b && {attributes}.c"), 12);
        check(r#"device.attributes.exists_one(x, x == "dra.example.com")"#, 164);
        check(&format!(r#"{attributes}.exists_one(x, x == "services")"#), 133);
        check(&format!(r#"{attributes}.services.split("example").size() >= 2"#), 19);
        check(&format!(r#"{attributes}.services.matches("[^a]?sym")"#), 18);
        check(r#"device.capacity.exists_one(x, x == "dra.example.com")"#, 164);
        check(&format!(r#"{capacity}.exists_one(x, x == "memory")"#), 133);
        check("device.allowMultipleAllocations == true", 3);
        let ten = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
        let loops: String = ["x", "y", "z", "z2", "z3", "z4", "z5"]
            .iter()
            .map(|name| format!("{ten}.all({name}, "))
            .collect();
        check(&format!("{loops}int('1'.find('[0-9]*')) < 100)))))))"), 85_555_551);
    }

    #[test]
    fn expressions_that_do_not_fit_devices_are_refused() {
        let check = |text: &str, want: &str| {
            let error = expression(text, &Path::new("expression")).map(|error| error.to_string());
            let printed = ironclad_api::goprint::quote(text);
            assert_eq!(error.unwrap_or_default(), want.replace("TEXT", &printed));
        };
        check("device.driver == 'd'", "");
        check("device.attributes['d'].a", "");
        check("1", "expression: Invalid value: TEXT: must evaluate to bool or the unknown type, not int");
        check(
            "dyn(true)",
            "expression: Invalid value: TEXT: must evaluate to bool or the unknown type, not dyn",
        );
        check(
            "device.nothing",
            "expression: Invalid value: TEXT: compilation failed: ERROR: <input>:1:7: undefined field 'nothing'\n | \
             device.nothing\n | ......^",
        );
        check(
            "device.attributes['d'].a.exists(x, x > 0)",
            "expression: Invalid value: TEXT: compilation failed: ERROR: <input>:1:23: expression of type 'any' \
             cannot be range of a comprehension (must be list, map, or dynamic)\n | \
             device.attributes['d'].a.exists(x, x > 0)\n | ......................^",
        );
        let ten = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
        let loops: String =
            ["x", "y", "z", "u", "v", "w"].iter().map(|name| format!("{ten}.all({name}, ")).collect();
        check(
            &format!("{loops}int('1'.find('[0-9]*')) < 100))))))"),
            "expression: Forbidden: too complex, exceeds cost limit",
        );
        check(&"a".repeat(10_241), "expression: Too long: may not be more than 10240 bytes");
    }
}
