use serde_json::json;

use super::*;

/// A definition with what is given instead of its usual fields.
fn definition(spec: Value) -> Definition {
    let mut whole = json!({"group": "example.com", "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "conversion": {"strategy": "None"},
        "versions": [version("v1", json!({"type": "object"}))]});
    if let (Some(whole), Some(spec)) = (whole.as_object_mut(), spec.as_object()) {
        whole.extend(spec.clone());
    }
    serde_json::from_value(json!({ "spec": whole })).expect("a definition")
}

fn version(name: &str, schema: Value) -> Value {
    json!({"name": name, "served": true, "storage": name == "v1", "schema": {"openAPIV3Schema": schema}})
}

#[track_caller]
fn check(spec: Value, want: &[&str]) {
    let errors = spec::validate(&definition(spec.clone()).spec, &Path::new("spec"));
    assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), want, "{spec}");
}

/// Checks a schema of the only version; `~` in the errors is where it stands.
#[track_caller]
fn check_schema(schema: Value, want: &[&str]) {
    let want: Vec<String> =
        want.iter().map(|error| error.replace('~', "spec.validation.openAPIV3Schema")).collect();
    check(
        json!({ "versions": [version("v1", schema)] }),
        &want.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn specifications_are_held_against_upstreams_rules() {
    check(json!({}), &[]);
    check(json!({"group": ""}), &["spec.group: Required value"]);
    check(
        json!({"group": "com"}),
        &[r#"spec.group: Invalid value: "com": should be a domain with at least one dot"#],
    );
    check(json!({"scope": ""}), &["spec.scope: Required value"]);
    check(
        json!({"scope": "Galaxy"}),
        &[r#"spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced""#],
    );
    check(
        json!({"versions": [{"name": "v1", "served": true, "storage": true}]}),
        &["spec.versions[0].schema.openAPIV3Schema: Required value"],
    );
    let printed = r#"[{"Name":"v2","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]"#;
    check(
        json!({"versions": [version("v2", json!({"type": "object"}))]}),
        &[&format!(
            "spec.versions: Invalid value: {printed}: must have exactly one version marked as storage version"
        )],
    );
    check(
        json!({"versions": []}),
        &["spec.versions: Invalid value: null: must have exactly one version marked as storage version"],
    );
    let label = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    check(
        json!({"names": {"plural": "Widgets", "singular": "widget", "kind": "Wid.get", "listKind": "Wid.get", "shortNames": ["1"]}}),
        &[
            &format!(r#"spec.names.plural: Invalid value: "Widgets": {label}"#),
            &format!(
                r#"spec.names.kind: Invalid value: "Wid.get": may have mixed case, but should otherwise match: {label}"#
            ),
            &format!(
                r#"spec.names.listKind: Invalid value: "Wid.get": may have mixed case, but should otherwise match: {label}"#
            ),
            &format!(r#"spec.names.shortNames[0]: Invalid value: "1": {label}"#),
            r#"spec.names.listKind: Invalid value: "Wid.get": kind and listKind may not be the same"#,
        ],
    );
    check(
        json!({"names": {}}),
        &[
            "spec.names.plural: Required value",
            "spec.names.singular: Required value",
            "spec.names.kind: Required value",
            "spec.names.listKind: Required value",
        ],
    );
}

#[test]
fn what_versions_have_in_common_stands_at_the_top() {
    let untyped = json!({"type": "object", "properties": {"a": {}}});
    let required = "properties[a].type: Required value: must not be empty for specified object fields";
    let twice = json!([version("v1", untyped.clone()), version("v2", untyped.clone())]);
    check(json!({ "versions": twice }), &[&format!("spec.validation.openAPIV3Schema.{required}")]);
    let once = json!([version("v1", json!({"type": "object"})), version("v2", untyped)]);
    check(json!({ "versions": once }), &[&format!("spec.versions[1].schema.openAPIV3Schema.{required}")]);
}

#[test]
fn versions_have_sound_subresources_columns_and_fields() {
    let with = |more: Value| {
        let mut version = version(
            "v1",
            json!({"type": "object", "properties": {"spec": {"type": "object",
            "properties": {"a": {"type": "string"}, "n": {"type": "number"}}}}}),
        );
        if let (Some(version), Some(more)) = (version.as_object_mut(), more.as_object()) {
            version.extend(more.clone());
        }
        json!({ "versions": [version] })
    };
    check(
        with(
            json!({"subresources": {"scale": {"specReplicasPath": ".status.x", "statusReplicasPath": "status.x", "labelSelectorPath": ".x"}}}),
        ),
        &[
            r#"spec.subresources.scale.specReplicasPath: Invalid value: ".status.x": should be a json path under .spec"#,
            r#"spec.subresources.scale.statusReplicasPath: Invalid value: "status.x": must be a simple json path starting with ."#,
            r#"spec.subresources.scale.labelSelectorPath: Invalid value: ".x": should be a json path under either .spec or .status"#,
        ],
    );
    check(
        with(json!({"additionalPrinterColumns": [{"type": "text", "format": "x", "jsonPath": "spec"}]})),
        &[
            "spec.additionalPrinterColumns[0].name: Required value",
            r#"spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string"#,
            r#"spec.additionalPrinterColumns[0].format: Invalid value: "x": must be one of byte,date,date-time,double,float,int32,int64,password"#,
            r#"spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec": must be a simple json path starting with ."#,
        ],
    );
    check(with(json!({"selectableFields": [{"jsonPath": ".spec.a"}]})), &[]);
    check(
        with(
            json!({"selectableFields": [{"jsonPath": ".spec.a"}, {"jsonPath": ".spec.a"}, {"jsonPath": ".spec.b"}, {"jsonPath": ".spec.n"}, {}]}),
        ),
        &[
            r#"spec.selectableFields[1].jsonPath: Duplicate value: ".spec.a""#,
            r#"spec.selectableFields[2].jsonPath: Invalid value: ".spec.b": is an invalid path: does not refer to a valid field"#,
            r#"spec.selectableFields[3].jsonPath: Invalid value: ".spec.n": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."#,
            "spec.selectableFields[4].jsonPath: Required value",
        ],
    );
    check(
        with(json!({"deprecationWarning": "old"})),
        &[
            r#"spec.versions[0].deprecationWarning: Invalid value: "old": can only be set for deprecated versions"#,
        ],
    );
}

#[test]
fn schemas_are_structural() {
    check_schema(json!({}), &["~.type: Required value: must not be empty at the root"]);
    check_schema(
        json!({"type": "array"}),
        &[
            "~.items: Required value: must be specified",
            r#"~.type: Invalid value: "array": must be object at the root"#,
        ],
    );
    let with = |x: Value| json!({"type": "object", "properties": {"x": x}});
    check_schema(
        with(json!({"type": "array", "items": {}})),
        &["~.properties[x].items.type: Required value: must not be empty for specified array items"],
    );
    check_schema(with(json!({"x-kubernetes-preserve-unknown-fields": true})), &[]);
    check_schema(
        with(json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]})),
        &[],
    );
    check_schema(
        with(
            json!({"x-kubernetes-int-or-string": true, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"pattern": "a"}]}),
        ),
        &[],
    );
    check_schema(
        with(
            json!({"type": "string", "anyOf": [{"type": "string", "description": "d", "default": "x", "nullable": true}]}),
        ),
        &[
            "~.properties[x].anyOf[0].default: Forbidden: must be undefined to be structural",
            "~.properties[x].anyOf[0].description: Forbidden: must be empty to be structural",
            "~.properties[x].anyOf[0].nullable: Forbidden: must be false to be structural",
            "~.properties[x].anyOf[0].type: Forbidden: must be empty to be structural",
        ],
    );
    check_schema(
        json!({"type": "object", "anyOf": [{"properties": {"a": {"minimum": 1}}}]}),
        &["~.properties[a]: Required value: because it is defined in ~.anyOf[0].properties[a]"],
    );
    check_schema(
        with(json!({"type": "string", "pattern": "(?=a)"})),
        &[
            r#"~.properties[x].pattern: Invalid value: "(?=a)": must be a valid regular expression, but isn't: error parsing regexp: invalid or unsupported Perl syntax: `(?=`"#,
        ],
    );
    check_schema(
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        &["~.additionalProperties: Forbidden: must not be used at the root"],
    );
    check_schema(
        json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"name": {"type": "string", "pattern": "a"}}}}}),
        &[],
    );
    check_schema(
        json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}}),
        &[
            "~.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
        ],
    );
    check_schema(
        with(json!({"x-kubernetes-embedded-resource": true})),
        &[
            "~.properties[x].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
            "~.properties[x].type: Required value: must be object if x-kubernetes-embedded-resource is true",
        ],
    );
}

#[test]
fn schemas_say_only_what_may_be_said() {
    let with = |x: Value| json!({"type": "object", "properties": {"x": x}});
    check_schema(
        with(json!({"type": "text"})),
        &[
            r#"~.properties[x].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string""#,
        ],
    );
    check_schema(
        with(json!({"type": "object", "$ref": "#/a"})),
        &["~.properties[x].$ref: Forbidden: $ref is not supported"],
    );
    check_schema(
        with(json!({"type": "array", "uniqueItems": true, "items": {"type": "string"}})),
        &[
            "~.properties[x].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        ],
    );
    check_schema(
        with(
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
        ),
        &[
            "~.properties[x].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
        ],
    );
    check_schema(
        json!({"type": "object", "nullable": true}),
        &["~.nullable: Forbidden: nullable cannot be true at the root"],
    );
    check_schema(
        with(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": false})),
        &[
            r#"~.properties[x].x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined"#,
        ],
    );
    check_schema(
        json!({"type": "object", "properties": {"kind": {"type": "string", "default": "x"}}}),
        &["~.properties[kind].default: Forbidden: must not be set in top-level kind"],
    );
    check_schema(
        with(json!({"type": "string", "x-kubernetes-map-type": "some"})),
        &[
            r#"~.properties[x].type: Invalid value: "string": must be object if x-kubernetes-map-type is specified"#,
            r#"~.properties[x].x-kubernetes-map-type: Unsupported value: "some": supported values: "atomic", "granular""#,
        ],
    );
}

#[test]
fn lists_that_are_keyed_have_keys() {
    let list = |more: Value| {
        let mut list = json!({"type": "array", "x-kubernetes-list-type": "map"});
        if let (Some(list), Some(more)) = (list.as_object_mut(), more.as_object()) {
            list.extend(more.clone());
        }
        json!({"type": "object", "properties": {"x": list}})
    };
    let item = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "object"}}});
    check_schema(list(json!({"x-kubernetes-list-map-keys": ["a"], "items": item})), &[]);
    check_schema(
        list(json!({ "items": item })),
        &[
            "~.properties[x].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
        ],
    );
    check_schema(
        list(json!({"x-kubernetes-list-map-keys": ["a", "a", "z"], "items": item})),
        &[
            r#"~.properties[x].x-kubernetes-list-map-keys: Invalid value: ["a","a","z"]: must not contain duplicate entries"#,
            r#"~.properties[x].x-kubernetes-list-map-keys: Invalid value: ["a","a","z"]: entries must all be names of item properties"#,
        ],
    );
    check_schema(
        list(json!({"x-kubernetes-list-map-keys": ["b"], "items": item})),
        &[
            "~.properties[x].items.properties[b].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ],
    );
    check_schema(
        list(json!({"x-kubernetes-list-map-keys": ["a"], "items": {"type": "string"}})),
        &[
            r#"~.properties[x].items.type: Invalid value: "string": must be object if parent array's x-kubernetes-list-type is map"#,
        ],
    );
    check_schema(
        list(json!({"x-kubernetes-list-type": "set", "items": {"type": "object", "nullable": true}})),
        &[
            r#"~.properties[x].items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set"#,
            "~.properties[x].items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is set",
        ],
    );
}

#[test]
fn defaults_are_what_their_schema_allows() {
    let with = |x: Value| json!({"type": "object", "properties": {"x": x}});
    check_schema(with(json!({"type": "integer", "default": 1})), &[]);
    check_schema(
        with(json!({"type": "integer", "default": "1"})),
        &[r#"~.properties[x].default: Invalid value: "string":  in body must be of type integer: "string""#],
    );
    check_schema(
        with(
            json!({"type": "object", "default": {"a": 1, "b": 2}, "properties": {"a": {"type": "integer"}}}),
        ),
        &[r#"~.properties[x].default: Invalid value: {"a":1,"b":2}: must not have unknown fields"#],
    );
    check_schema(
        with(json!({"type": "object", "default": {"a": "1"}, "properties": {"a": {"type": "integer"}}})),
        &[
            r#"~.properties[x].default.a: Invalid value: "string": a in body must be of type integer: "string""#,
        ],
    );
}

#[test]
fn roots_with_a_status_are_plain_objects() {
    let with = |schema: Value| {
        let mut version = version("v1", schema);
        version["subresources"] = json!({"status": {}});
        json!({ "versions": [version] })
    };
    check(
        with(
            json!({"type": "object", "description": "d", "required": ["spec"], "properties": {"spec": {"type": "object"}}}),
        ),
        &[],
    );
    let errors = spec::validate(
        &definition(with(json!({"type": "object", "maxProperties": 3}))).spec,
        &Path::new("spec"),
    );
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0]
            .ends_with("fields are allowed at the root of the schema if the status subresource is enabled")
    );
}

#[test]
fn rules_are_well_formed_though_not_evaluated() {
    let with = |rule: Value| json!({"type": "object", "properties": {"a": {"type": "string"}}, "x-kubernetes-validations": [rule]});
    let at = "~.x-kubernetes-validations[0]";
    check_schema(
        with(
            json!({"rule": "self.a == 'x'", "message": "m", "reason": "FieldValueInvalid", "fieldPath": ".a"}),
        ),
        &[],
    );
    check_schema(with(json!({"rule": " "})), &[&format!("{at}.rule: Required value: rule is not specified")]);
    check_schema(
        with(json!({"rule": "a", "message": " "})),
        &[&format!(r#"{at}.message: Invalid value: " ": must be non-empty if specified"#)],
    );
    check_schema(
        with(json!({"rule": "a\n&& b"})),
        &[&format!("{at}.message: Required value: message must be specified if rule contains line breaks")],
    );
    check_schema(
        with(json!({"rule": "a", "reason": "X", "fieldPath": ".b"})),
        &[
            &format!(
                r#"{at}.reason: Unsupported value: "X": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired""#
            ),
            &format!(r#"{at}.fieldPath: Invalid value: ".b": must be a valid path"#),
        ],
    );
}

#[test]
fn conversion_is_none_or_a_reachable_webhook() {
    let webhook = |config: Value, versions: Value| json!({"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": config, "conversionReviewVersions": versions}}});
    check(
        webhook(
            json!({"service": {"namespace": "n", "name": "s", "path": "/convert", "port": 443}}),
            json!(["v1"]),
        ),
        &[],
    );
    check(webhook(json!({"url": "https://example.com/convert"}), json!(["v1", "v1beta1"])), &[]);
    check(
        json!({"conversion": {"strategy": "Webhook"}}),
        &[
            "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook",
            "spec.conversion.conversionReviewVersions: Required value",
        ],
    );
    check(
        webhook(json!({}), json!(["v2"])),
        &[
            "spec.conversion.webhookClientConfig: Required value: exactly one of url or service is required",
            r#"spec.conversion.conversionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1"#,
        ],
    );
    check(
        webhook(json!({"url": "http://u@h/?a"}), json!(["v1"])),
        &[
            r#"spec.conversion.webhookClientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]"#,
            r#"spec.conversion.webhookClientConfig.url: Invalid value: "u": user information is not permitted in the URL"#,
            r#"spec.conversion.webhookClientConfig.url: Invalid value: "a": query parameters are not permitted in the URL"#,
        ],
    );
    check(
        json!({"conversion": {"strategy": "Magic"}}),
        &[r#"spec.conversion.strategy: Unsupported value: "Magic": supported values: "None", "Webhook""#],
    );
    check(
        json!({"conversion": {"strategy": "None", "webhook": {"conversionReviewVersions": ["v1"]}}}),
        &[
            "spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook",
        ],
    );
}

#[test]
fn what_is_served_does_not_change_its_name() {
    let mut old = definition(json!({}));
    let new = definition(
        json!({"scope": "Cluster", "group": "example.org", "names": {"plural": "gadgets", "kind": "Gadget"}}),
    );
    let check = |old: &Definition, want: &[&str]| {
        let errors = spec::validate_update(&new.spec, old, &Path::new("spec"));
        assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), want);
        assert!(errors.iter().all(|error| error.detail == "field is immutable"));
    };
    check(&old, &["spec.group", "spec.names.plural"]);
    old.status.conditions.push(Condition::new(crate::definition::ESTABLISHED, true, "", ""));
    check(&old, &["spec.scope", "spec.names.kind", "spec.group", "spec.names.plural"]);
}

#[test]
fn versions_with_stored_objects_stay() {
    let check = |stored: &[&str], want: &[&str]| {
        let mut definition = definition(json!({}));
        definition.status.stored_versions = stored.iter().map(|name| (*name).to_owned()).collect();
        let errors = versions::validate_stored(&definition);
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), want);
    };
    check(&["v1"], &[]);
    check(&[], &["status.storedVersions: Invalid value: null: must have at least one stored version"]);
    check(
        &["v0", "v1"],
        &[
            r#"status.storedVersions[0]: Invalid value: "v0": missing from spec.versions; v0 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v0 and removes v0 from status.storedVersions"#,
        ],
    );
}

#[test]
fn protected_groups_need_an_approval() {
    let check = |group: &str, annotation: &str, want: Option<&str>| {
        let object = Object::from_value(
            json!({"metadata": {"annotations": {"api-approved.kubernetes.io": annotation}}}),
        )
        .expect("an object");
        let error = approval::validate(&object, None, group);
        assert_eq!(error.map(|error| error.kind.words()), want, "{group} {annotation}");
    };
    check("example.com", "", None);
    check("xk8s.io", "", None);
    check("gateway.k8s.io", "", Some("Required value"));
    check("gateway.k8s.io", "https://github.com/kubernetes/kubernetes/pull/1", None);
    check("gateway.k8s.io", "unapproved, a test", None);
    check("k8s.io", "fine", Some("Invalid value"));
}

#[test]
fn formats_that_are_unknown_are_warned_of_once() {
    let object = |schema: Value| {
        let spec = json!({"versions": [version("v1", schema)], "conversion": {"strategy": "None"}});
        Object::from_value(json!({ "spec": spec })).expect("an object")
    };
    let formatted =
        object(json!({"type": "object", "properties": {"a": {"type": "string", "format": "made-up"}}}));
    assert_eq!(warnings::warnings(&formatted, None), [r#"unrecognized format "made-up""#]);
    assert!(warnings::warnings(&formatted, Some(&formatted)).is_empty());
    assert!(warnings::warnings(&object(json!({"type": "object"})), None).is_empty());
}

#[test]
fn rules_are_compiled() {
    let with = |rule: Value| {
        json!({"type": "object", "properties": {"a": {"type": "string"}, "n": {"type": "integer"},
        "list": {"type": "array", "items": {"type": "string"}}}, "x-kubernetes-validations": [rule]})
    };
    let at = "~.x-kubernetes-validations[0]";
    let printed = |rule: &str, message: &str| {
        format!(
            r#"{{"Rule":"{rule}","Message":"","MessageExpression":"{message}","Reason":null,"FieldPath":"","OptionalOldSelf":null}}"#
        )
    };
    check_schema(with(json!({"rule": "self.a == 'x' && self.n + 1 > 2"})), &[]);
    check_schema(
        with(json!({"rule": "self.b"})),
        &[&format!(
            "{at}.rule: Invalid value: {}: compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b\n | ....^",
            printed("self.b", "")
        )],
    );
    check_schema(
        with(json!({"rule": "self.a"})),
        &[&format!(
            "{at}.rule: Invalid value: {}: cel expression must evaluate to a bool",
            printed("self.a", "")
        )],
    );
    check_schema(
        with(json!({"rule": "true", "messageExpression": "self.n"})),
        &[&format!(
            "{at}.messageExpression: Invalid value: {}: messageExpression must evaluate to a string",
            printed("true", "self.n")
        )],
    );
    check_schema(
        with(json!({"rule": "true", "optionalOldSelf": true})),
        &[&format!(
            "{at}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"
        )],
    );
    check_schema(
        with(json!({"rule": "self.list.all(x, self.list.all(y, x != y))"})),
        &[
            &format!(
                "{at}.rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying \
             the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
            ),
            &format!(
                "{at}.rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
            ),
            "~: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by \
         factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where \
         arrays, maps, and strings are declared)",
        ],
    );
}

#[test]
fn old_values_are_only_mentioned_where_they_can_be_told() {
    let list = |kind: Value| {
        let mut list = json!({"type": "array", "maxItems": 5, "items": {"type": "object", "required": ["k"],
            "properties": {"k": {"type": "string", "maxLength": 9}},
            "x-kubernetes-validations": [{"rule": "self.k == oldSelf.k"}]}});
        if let (Some(list), Some(kind)) = (list.as_object_mut(), kind.as_object()) {
            list.extend(kind.clone());
        }
        json!({"type": "object", "properties": {"list": list}})
    };
    let keyed = json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]});
    check_schema(list(keyed), &[]);
    check_schema(
        list(json!({})),
        &[
            "~.properties[list].items.x-kubernetes-validations[0].rule: Invalid value: \"self.k == oldSelf.k\": oldSelf \
           cannot be used on the uncorrelatable portion of the schema within \
           spec.validation.openAPIV3Schema.properties[list]",
        ],
    );
}

#[test]
fn defaults_keep_the_rules_of_their_schema() {
    let with = |rule: Value| {
        json!({"type": "object", "properties": {"a": {"type": "string", "default": "x",
            "x-kubernetes-validations": [rule]}}})
    };
    check_schema(with(json!({"rule": "self == 'x'"})), &[]);
    check_schema(
        with(json!({"rule": "self == 'y'"})),
        &[r#"~.properties[a].default: Invalid value: "x": failed rule: self == 'y'"#],
    );
    check_schema(
        with(json!({"rule": "oldSelf.hasValue()", "optionalOldSelf": true})),
        &[r#"~.properties[a].default: Invalid value: "x": failed rule: oldSelf.hasValue()"#],
    );
}

#[test]
fn a_ca_bundle_that_is_in_use_stays_readable() {
    const BROKEN: &str = "eA==";
    let definition = |established: &str, bundle: &str| -> Definition {
        let client = json!({"url": "https://example.com", "caBundle": bundle});
        let conversion = json!({"strategy": "Webhook",
            "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": client}});
        let whole = json!({"spec": {"conversion": conversion},
            "status": {"conditions": [{"type": "Established", "status": established}]}});
        serde_json::from_value(whole).expect("a definition")
    };
    let check = |old: Definition, bundle: &str, want: &[&str]| {
        let new = definition("True", bundle).spec.conversion;
        let errors = conversion::validate_update(new.as_ref(), &old, &Path::new("spec.conversion"));
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), want);
    };
    check(definition("False", ""), BROKEN, &[]);
    check(definition("True", BROKEN), BROKEN, &[]);
    check(definition("True", ""), "", &[]);
    check(
        definition("True", ""),
        BROKEN,
        &[
            r#"spec.conversion.webhookClientConfig.caBundle: Invalid value: "eA==": unable to load root certificates: unable to parse bytes as PEM block"#,
        ],
    );
}
