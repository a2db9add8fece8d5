//! The paths of a group and version: which there are, and the operations on each.

use serde_json::{Map, Value, json};

use super::definitions::Definitions;
use super::operations::Operation;
use super::parameters::{DELETE, PATCH, Parameter, Parameters, SELECT, WATCH, WRITE, of_path};
use super::{Dialect, Resource, Subresource};
use crate::gvk::{GroupVersion, GroupVersionKind};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// All paths below one group and version.
pub(super) fn of_group_version(
    dialect: Dialect,
    group_version: &GroupVersion,
    resources: &[Resource<'_>],
    definitions: &mut Definitions,
) -> Map<String, Value> {
    let names = Names::of(group_version);
    let mut writer = Writer { dialect, definitions, names: &names, paths: Map::new() };
    writer.api_resources();
    for resource in resources {
        writer.resource(resource);
    }
    writer.paths
}

/// How operations of a group and version are named.
struct Names {
    /// `/apis/apps/v1`.
    root: String,
    /// `AppsV1`.
    camel: String,
    /// `apps_v1`.
    tag: String,
}

impl Names {
    fn of(group_version: &GroupVersion) -> Self {
        let group = group_version.group.strip_suffix(".k8s.io").unwrap_or(&group_version.group);
        let words: Vec<&str> =
            if group.is_empty() { vec!["core"] } else { group.split(['.', '-']).collect() };
        let camel: String = words.iter().map(|word| capitalized(word)).collect();
        let root = match &*group_version.group {
            "" => format!("/api/{}", group_version.version),
            group => format!("/apis/{group}/{}", group_version.version),
        };
        let tag = format!("{}_{}", uncapitalized(&camel), group_version.version);
        Self { root, camel: camel + &capitalized(&group_version.version), tag }
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

fn uncapitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

struct Writer<'a> {
    dialect: Dialect,
    definitions: &'a mut Definitions,
    names: &'a Names,
    paths: Map<String, Value>,
}

/// References to the schemas that a resource's operations name.
struct Schemas {
    item: Value,
    list: Value,
    status: Value,
    delete_options: Value,
    patch: Value,
}

impl Writer<'_> {
    fn api_resources(&mut self) {
        let list = self.definitions.by_name(&format!("{META}.APIResourceList"));
        let gvk = GroupVersionKind::new("", "v1", "APIResourceList");
        let mut operation = Operation {
            id: format!("get{}APIResources", self.names.camel),
            tag: &self.names.tag,
            description: "get available resources".to_owned(),
            action: "get",
            gvk: &gvk,
            parameters: Parameters::default(),
            body: None,
            response: list,
            creates: false,
            custom: false,
        }
        .render(self.dialect);
        if let Some(keywords) = operation.as_object_mut() {
            keywords.remove("x-kubernetes-action");
            keywords.remove("x-kubernetes-group-version-kind");
        }
        self.paths.insert(format!("{}/", self.names.root), json!({ "get": operation }));
    }

    fn resource(&mut self, resource: &Resource<'_>) {
        let Some(schemas) = self.schemas(resource) else { return };
        let (collection, scope) = match resource.namespaced {
            true => {
                (format!("{}/namespaces/{{namespace}}/{}", self.names.root, resource.plural), "Namespaced")
            }
            false => (format!("{}/{}", self.names.root, resource.plural), ""),
        };
        let kind = resource.gvk.kind.as_ref();
        let item = format!("{collection}/{{name}}");
        for verb in resource.verbs {
            let path =
                if matches!(*verb, "list" | "create" | "deletecollection") { &collection } else { &item };
            self.verb(path, verb, resource, &schemas, &format!("{scope}{kind}"));
            if *verb == "list" && resource.namespaced {
                let everywhere = format!("{}/{}", self.names.root, resource.plural);
                self.verb(&everywhere, verb, resource, &schemas, &format!("{kind}ForAllNamespaces"));
            }
        }
        for subresource in &resource.subresources {
            self.subresource(&item, resource, subresource, &schemas, scope);
        }
    }

    /// `None` if neither the catalog nor the resource has a schema.
    fn schemas(&mut self, resource: &Resource<'_>) -> Option<Schemas> {
        let (item, list) = match &resource.custom {
            Some(custom) => self.definitions.custom(&resource.gvk, custom),
            None => {
                let item = self.definitions.kind(&resource.gvk)?;
                let list_kind = format!("{}List", resource.gvk.kind);
                let list = self.definitions.kind(&resource.gvk.group_version().kind(list_kind));
                (item.clone(), list.unwrap_or(item))
            }
        };
        let mut meta = |name: &str| self.definitions.by_name(&format!("{META}.{name}"));
        let (status, delete_options, patch) = (meta("Status"), meta("DeleteOptions"), meta("Patch"));
        Some(Schemas { item, list, status, delete_options, patch })
    }

    fn verb(&mut self, path: &str, verb: &str, resource: &Resource<'_>, schemas: &Schemas, target: &str) {
        let kind = resource.gvk.kind.as_ref();
        let plan = match verb {
            "list" => Plan::new("get", "list", "list", format!("list or watch objects of kind {kind}"))
                .with(SELECT)
                .with(WATCH),
            "create" => Plan::new("post", "post", "create", format!("create a {kind}")).with(WRITE),
            "get" => Plan::new("get", "get", "read", format!("read the specified {kind}")),
            "update" => {
                Plan::new("put", "put", "replace", format!("replace the specified {kind}")).with(WRITE)
            }
            "patch" => Plan::new("patch", "patch", "patch", format!("partially update the specified {kind}"))
                .with(PATCH),
            "delete" => Plan::new("delete", "delete", "delete", format!("delete a {kind}")).with(DELETE),
            "deletecollection" => {
                Plan::new("delete", "deletecollection", "delete", format!("delete collection of {kind}"))
                    .with(DELETE)
                    .with(SELECT)
            }
            _ => return,
        };
        let target = match verb {
            "deletecollection" => format!("Collection{target}"),
            _ => target.to_owned(),
        };
        let response = match verb {
            "list" => &schemas.list,
            "delete" | "deletecollection" => &schemas.status,
            _ => &schemas.item,
        };
        let (body, custom) = (&schemas.item, resource.custom.is_some());
        let endpoint = Endpoint { path, target, gvk: &resource.gvk, body, response, custom };
        self.add(&plan, &endpoint, schemas);
    }

    fn subresource(
        &mut self,
        item: &str,
        resource: &Resource<'_>,
        subresource: &Subresource<'_>,
        schemas: &Schemas,
        scope: &str,
    ) {
        let path = format!("{item}/{}", subresource.name);
        let kind = &resource.gvk.kind;
        let target = format!("{scope}{kind}{}", capitalized(subresource.name));
        let own = match (subresource.gvk == resource.gvk, &resource.custom) {
            (true, _) => Some(schemas.item.clone()),
            _ => self.definitions.kind(&subresource.gvk),
        };
        let text = |verb: &str| format!("{verb} {} of the specified {kind}", subresource.name);
        let connects = own.is_none();
        let schema = own.unwrap_or_else(|| json!({ "type": "string" }));
        for verb in subresource.verbs {
            let plan = match *verb {
                "get" if connects => Plan::new("get", "connect", "connectGet", text("connect to")),
                "create" if connects => Plan::new("post", "connect", "connectPost", text("connect to")),
                "get" => Plan::new("get", "get", "read", text("read")),
                "create" => Plan::new("post", "post", "create", text("create")).with(WRITE),
                "update" => Plan::new("put", "put", "replace", text("replace")).with(WRITE),
                "patch" => Plan::new("patch", "patch", "patch", text("partially update")).with(PATCH),
                _ => continue,
            };
            let endpoint = Endpoint {
                path: &path,
                target: target.clone(),
                gvk: &subresource.gvk,
                body: &schema,
                response: &schema,
                custom: resource.custom.is_some(),
            };
            self.add(&plan, &endpoint, schemas);
        }
    }

    fn add(&mut self, plan: &Plan, endpoint: &Endpoint<'_>, schemas: &Schemas) {
        let Endpoint { path, ref target, gvk, body, response, custom } = *endpoint;
        let body = match plan.action {
            "post" | "put" => Some((body.clone(), true)),
            "patch" => Some((schemas.patch.clone(), true)),
            "delete" | "deletecollection" => Some((schemas.delete_options.clone(), false)),
            _ => None,
        };
        let operation = Operation {
            id: format!("{}{}{target}", plan.prefix, self.names.camel),
            tag: &self.names.tag,
            description: plan.description.clone(),
            action: plan.action,
            gvk,
            parameters: plan.parameters,
            body,
            response: response.clone(),
            creates: matches!(plan.action, "post" | "put" | "patch"),
            custom,
        };
        let rendered = operation.render(self.dialect);
        let dialect = self.dialect;
        let at = self
            .paths
            .entry(path)
            .or_insert_with(|| json!({ "parameters": of_path(dialect, path, &gvk.kind) }));
        at[plan.method] = rendered;
    }
}

/// Where an operation stands and what it carries.
struct Endpoint<'a> {
    path: &'a str,
    /// How its operation's identifier ends: `NamespacedDeployment`.
    target: String,
    gvk: &'a GroupVersionKind,
    body: &'a Value,
    response: &'a Value,
    custom: bool,
}

/// What a verb means in HTTP.
struct Plan {
    method: &'static str,
    action: &'static str,
    /// How its operation's identifier begins.
    prefix: &'static str,
    description: String,
    parameters: Parameters,
}

impl Plan {
    fn new(method: &'static str, action: &'static str, prefix: &'static str, description: String) -> Self {
        Self { method, action, prefix, description, parameters: Parameters::default() }
    }

    /// With more parameters, of at most two sorts.
    fn with(self, more: &'static [Parameter]) -> Self {
        let [first, _] = self.parameters;
        let parameters = if first.is_empty() { [more, &[]] } else { [first, more] };
        Self { parameters, ..self }
    }
}
