//! Which objects a list or a watch is about.

use ironclad_api::Entry;
use ironclad_api::fields;
use ironclad_api::goprint::quote;
use ironclad_api::labels;
use ironclad_api::params::ListOptions;
use ironclad_api::status::Status;
use ironclad_client::Target;

use crate::registry::Served;
use crate::strategy::SchemaRef;

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

/// The scope and the selectors of a list or watch.
#[derive(Clone)]
pub struct Selection {
    /// `None`: all namespaces, or a cluster-scoped kind.
    pub namespace: Option<String>,
    labels: Option<labels::Selector>,
    fields: Option<fields::Selector>,
    /// Whether it can be held only against objects in the version that was asked for.
    converted: bool,
}

impl Selection {
    /// Refuses selectors over fields that the kind does not offer.
    pub fn new(served: &Served, target: &Target, options: &ListOptions) -> Result<Self, Status> {
        let known = served.kind.fields.fields();
        let version = served.gvk.group_version();
        let stored_name = |field: &str| match field {
            field if is_name(field) => Some(field.to_owned()),
            _ => {
                let label = served.strategy().field_label(&version, field)?;
                known.iter().any(|known| known.name == label).then_some(label)
            }
        };
        let fields = options.field_selector.clone().renamed(stored_name);
        let custom = matches!(served.schema(), SchemaRef::Custom(_));
        let mut fields = fields.map_err(|field| unknown_field(&field, known.is_empty() && !custom))?;
        if !target.name.is_empty() {
            fields = with_name(fields, &target.name)?;
        }
        let selected = fields.exact_value(NAMESPACE).filter(|_| served.kind.is_namespaced());
        let namespace = match target.namespace.as_str() {
            _ if !served.kind.is_namespaced() => None,
            "" => selected.filter(|namespace| !namespace.is_empty()).map(str::to_owned),
            namespace => Some(namespace.to_owned()),
        };
        let labels = &options.label_selector;
        let beyond_names = fields.terms().iter().any(|term| !is_name(&term.field));
        Ok(Self {
            converted: served.strategy().converts_content() && (!labels.is_everything() || beyond_names),
            namespace,
            labels: (!labels.is_everything()).then(|| labels.clone()),
            fields: (!fields.is_everything()).then_some(fields),
        })
    }

    /// Whether it selects every object of its namespace.
    pub fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_none()
    }

    /// Whether objects must be converted before it is held against them.
    pub fn is_of_converted(&self) -> bool {
        self.converted
    }

    /// As much of it as can be held against objects in any version.
    pub fn of_stored(&self) -> Self {
        if !self.converted {
            return self.clone();
        }
        let fields = self.single_name().map(|name| fields::Selector::equals(NAME, name));
        Self { namespace: self.namespace.clone(), labels: None, fields, converted: false }
    }

    /// The only name that it selects, if there is one.
    pub fn single_name(&self) -> Option<&str> {
        self.fields.as_ref()?.exact_value(NAME).filter(|name| !name.is_empty())
    }

    pub fn matches(&self, entry: &Entry) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| *namespace == entry.key.namespace)
            && self.labels.as_ref().is_none_or(|labels| labels.matches(&entry.labels))
            && self
                .fields
                .as_ref()
                .is_none_or(|fields| fields.matches(|name| entry.field(name).unwrap_or_default()))
    }
}

/// Which no conversion changes.
fn is_name(field: &str) -> bool {
    matches!(field, NAME | NAMESPACE)
}

/// Upstream's words for kinds without own selectable fields, and for those that have some.
fn unknown_field(field: &str, plain: bool) -> Status {
    Status::bad_request(match plain {
        true => format!(
            "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
            quote(field)
        ),
        false => format!("field label not supported: {field}"),
    })
}

/// A watch of one object by its URL is a selection by its name.
fn with_name(fields: fields::Selector, name: &str) -> Result<fields::Selector, Status> {
    match fields.exact_value(NAME) {
        Some(selected) if selected == name => Ok(fields),
        None if fields.is_everything() => Ok(fields::Selector::equals(NAME, name)),
        _ => Err(Status::bad_request("fieldSelector metadata.name doesn't match requested name")),
    }
}
