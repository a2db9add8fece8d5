//! The options of create, update, patch and delete.

use serde_json::{Map, Value};

use super::{DeleteOptions, FieldValidation, Preconditions, PropagationPolicy, Query, WriteOptions};
use crate::field::{BadValue, FieldError, FieldErrors, Path};
use crate::goprint;
use crate::gvk::GroupKind;
use crate::status::{Result, Status};

impl WriteOptions {
    /// `kind` is `CreateOptions`, `UpdateOptions` or `PatchOptions`.
    pub fn from_query(query: &Query, kind: &'static str) -> Result<Self> {
        let mut errors = FieldErrors::new();
        let values: Vec<&str> = query.all("dryRun").collect();
        let dry_run = dry_run(&values, &mut errors);
        let field_validation = match query.text("fieldValidation") {
            "Ignore" => FieldValidation::Ignore,
            "" | "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            other => {
                let path = Path::new("fieldValidation");
                errors.push(FieldError::not_supported(&path, other, ["", "Ignore", "Strict", "Warn"]));
                FieldValidation::Warn
            }
        };
        refuse(kind, &errors)?;
        Ok(Self {
            dry_run,
            field_manager: query.text("fieldManager").to_owned(),
            field_validation,
            force: query.flag("force").unwrap_or(false),
        })
    }
}

impl DeleteOptions {
    /// For a delete without a body.
    pub fn from_query(query: &Query) -> Result<Self> {
        let given = Given {
            dry_run: query.all("dryRun").map(str::to_owned).collect(),
            grace_period_seconds: query.integer("gracePeriodSeconds")?,
            orphan_dependents: query.flag("orphanDependents"),
            propagation_policy: query.first("propagationPolicy").map(str::to_owned),
            preconditions: Preconditions::default(),
        };
        given.checked()
    }

    /// For a delete with a body, which may name the DeleteOptions of any group.
    pub fn from_body(body: &Value) -> Result<Self> {
        let nothing = serde_json::Map::new();
        let body = match body {
            Value::Object(body) => body,
            Value::Null => &nothing,
            other => {
                let target = "value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; \
                              Kind string \"json:\\\"kind,omitempty\\\"\" }";
                let error = cannot_unmarshal(other, target);
                let text = format!("couldn't get version/kind; json parse error: {error}");
                return Err(Status::bad_request(text));
            }
        };
        let kind = text(body, "kind")?.unwrap_or_default();
        if !["", "DeleteOptions"].contains(&kind.as_str()) {
            let version = text(body, "apiVersion")?.filter(|version| !version.is_empty());
            return Err(Status::bad_request(format!(
                "no kind {} is registered for version {} in scheme {}",
                goprint::quote(&kind),
                goprint::quote(version.as_deref().unwrap_or("v1")),
                goprint::quote("k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"),
            )));
        }
        let given = Given {
            dry_run: texts(body, "dryRun")?,
            grace_period_seconds: field(body, "gracePeriodSeconds", "int64", Value::as_i64)?,
            orphan_dependents: field(body, "orphanDependents", "bool", Value::as_bool)?,
            propagation_policy: text(body, "propagationPolicy")?,
            preconditions: match field(body, "preconditions", "v1.Preconditions", Value::as_object)? {
                Some(preconditions) => Preconditions {
                    uid: text(preconditions, "uid")?,
                    resource_version: text(preconditions, "resourceVersion")?,
                },
                None => Preconditions::default(),
            },
        };
        given.checked()
    }
}

/// A delete's options before they are checked.
struct Given {
    dry_run: Vec<String>,
    grace_period_seconds: Option<i64>,
    orphan_dependents: Option<bool>,
    propagation_policy: Option<String>,
    preconditions: Preconditions,
}

impl Given {
    fn checked(self) -> Result<DeleteOptions> {
        let mut errors = FieldErrors::new();
        let path = Path::new("propagationPolicy");
        if let (Some(_), Some(policy)) = (self.orphan_dependents, &self.propagation_policy) {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(FieldError::invalid(&path, policy, detail));
        }
        let propagation_policy = match self.propagation_policy.as_deref() {
            None => self.orphan_dependents.map(|orphan| match orphan {
                true => PropagationPolicy::Orphan,
                false => PropagationPolicy::Background,
            }),
            Some("Foreground") => Some(PropagationPolicy::Foreground),
            Some("Background") => Some(PropagationPolicy::Background),
            Some("Orphan") => Some(PropagationPolicy::Orphan),
            Some(other) => {
                let supported = ["Foreground", "Background", "Orphan", "nil"];
                errors.push(FieldError::not_supported(&path, other, supported));
                None
            }
        };
        let values: Vec<&str> = self.dry_run.iter().map(String::as_str).collect();
        let dry_run = dry_run(&values, &mut errors);
        refuse("DeleteOptions", &errors)?;
        Ok(DeleteOptions {
            dry_run,
            grace_period_seconds: self.grace_period_seconds,
            propagation_policy,
            preconditions: self.preconditions,
        })
    }
}

fn dry_run(values: &[&str], errors: &mut FieldErrors) -> bool {
    if values.iter().any(|value| *value != "All") {
        let given = BadValue::Json(values.into());
        errors.push(FieldError::not_supported(&Path::new("dryRun"), given, ["All"]));
    }
    !values.is_empty()
}

fn refuse(kind: &'static str, errors: &[FieldError]) -> Result<()> {
    match errors {
        [] => Ok(()),
        errors => Err(Status::invalid(&GroupKind::new("meta.k8s.io", kind), "", errors)),
    }
}

// === the body's fields ===

fn field<'a, T>(
    body: &'a Map<String, Value>,
    name: &str,
    go_type: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>> {
    let Some(value) = body.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    match read(value) {
        Some(read) => Ok(Some(read)),
        None => {
            let target = format!("struct field DeleteOptions.{name} of type {go_type}");
            Err(Status::bad_request(cannot_unmarshal(value, &target)))
        }
    }
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>> {
    Ok(field(body, name, "string", Value::as_str)?.map(str::to_owned))
}

fn texts(body: &Map<String, Value>, name: &str) -> Result<Vec<String>> {
    let read = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    };
    Ok(field(body, name, "[]string", read)?.unwrap_or_default())
}

fn cannot_unmarshal(value: &Value, target: &str) -> String {
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(_) => format!("number {}", goprint::plain(value)),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    };
    format!("json: cannot unmarshal {found} into Go {target}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn write_options_are_read() {
        let check = |raw: &str, want: Result<WriteOptions, &str>| {
            let got = WriteOptions::from_query(&Query::parse(raw), "CreateOptions");
            assert_eq!(got.map_err(|status| status.message), want.map_err(str::to_owned), "{raw}");
        };
        check("", Ok(WriteOptions::default()));
        check(
            "dryRun=All&fieldManager=me&fieldValidation=Strict&force=true",
            Ok(WriteOptions {
                dry_run: true,
                field_manager: "me".into(),
                field_validation: FieldValidation::Strict,
                force: true,
            }),
        );
        check(
            "dryRun=x",
            Err(
                "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"x\"]: supported values: \"All\"",
            ),
        );
        check(
            "fieldValidation=strict",
            Err(
                "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"strict\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
            ),
        );
    }

    #[test]
    fn delete_options_are_read_from_the_query() {
        let check = |raw: &str, want: Result<DeleteOptions, &str>| {
            let got = DeleteOptions::from_query(&Query::parse(raw));
            assert_eq!(got.map_err(|status| status.message), want.map_err(str::to_owned), "{raw}");
        };
        check("", Ok(DeleteOptions::default()));
        check(
            "gracePeriodSeconds=0&propagationPolicy=Foreground&dryRun=All",
            Ok(DeleteOptions {
                dry_run: true,
                grace_period_seconds: Some(0),
                propagation_policy: Some(PropagationPolicy::Foreground),
                ..DeleteOptions::default()
            }),
        );
        let with =
            |policy| Ok(DeleteOptions { propagation_policy: Some(policy), ..DeleteOptions::default() });
        check("orphanDependents=true", with(PropagationPolicy::Orphan));
        check("orphanDependents=false", with(PropagationPolicy::Background));
        check(
            "orphanDependents=true&propagationPolicy=Orphan",
            Err(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": orphanDependents and deletionPropagation cannot be both set",
            ),
        );
        check(
            "propagationPolicy=x",
            Err(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"x\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"",
            ),
        );
    }

    #[test]
    fn delete_options_are_read_from_the_body() {
        let check = |body: Value, want: Result<DeleteOptions, &str>| {
            let got = DeleteOptions::from_body(&body);
            assert_eq!(got.map_err(|status| status.message), want.map_err(str::to_owned), "{body}");
        };
        check(json!({"kind": "DeleteOptions", "apiVersion": "v1"}), Ok(DeleteOptions::default()));
        check(
            json!({"gracePeriodSeconds": 5, "preconditions": {"uid": "u"}, "dryRun": ["All"], "orphanDependents": null}),
            Ok(DeleteOptions {
                dry_run: true,
                grace_period_seconds: Some(5),
                preconditions: Preconditions { uid: Some("u".into()), resource_version: None },
                ..DeleteOptions::default()
            }),
        );
        check(
            json!({"gracePeriodSeconds": "5"}),
            Err(
                "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
            ),
        );
        check(
            json!({"gracePeriodSeconds": 1.5}),
            Err(
                "json: cannot unmarshal number 1.5 into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
            ),
        );
        check(json!(null), Ok(DeleteOptions::default()));
        check(
            json!([]),
            Err(
                "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }",
            ),
        );
        check(
            json!({"kind": "Pod"}),
            Err(
                "no kind \"Pod\" is registered for version \"v1\" in scheme \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27\"",
            ),
        );
    }
}
