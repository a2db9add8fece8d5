//! The Accept header: which encoding, and which view of the object.

use http::HeaderMap;
use http::header::ACCEPT;
use ironclad_api::GroupVersionKind;
use ironclad_api::params::Query;
use ironclad_api::status::{Reason, Status};

use super::media::{self, Clause};
use super::{ENCODINGS, Encoding, is_pretty, media_types, refused_by_router};

/// How an answer is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    pub encoding: Encoding,
    pub pretty: bool,
    pub conversion: Option<Conversion>,
}

/// A view that a client asked for (`as=Table;g=meta.k8s.io;v=v1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    pub target: Target,
    /// `v1` or `v1beta1`, between which no view differs; `v2` of discovery.
    pub version: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Table,
    PartialObjectMetadata,
    PartialObjectMetadataList,
    /// Discovery in one document (`apidiscovery.k8s.io/v2`; 1.36 no longer serves v2beta1).
    GroupDiscovery,
}

/// What an endpoint can turn its answers into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Views {
    /// Nothing else: errors, versions, legacy discovery, kinds that are only posted (reviews).
    Plain,
    /// Tables and metadata.
    Resource,
    /// The same of custom resources, which have no protobuf of their own.
    Custom,
    /// Aggregated discovery, and nothing but.
    Discovery,
}

/// The answer's form, for an endpoint that may be asked for these views.
pub fn accept(headers: &HeaderMap, query: &Query, views: Views) -> Result<Accepted, Status> {
    let chosen = choose(media::header(headers, &ACCEPT), views);
    let mut accepted = chosen.ok_or_else(|| Status::not_acceptable(&media_types()))?;
    accepted.pretty |= is_pretty(headers, query);
    Ok(accepted)
}

/// Whether a route of a built-in resource writes what the client takes: upstream's router asks that before its
/// handlers look at the wishes beside the media type. `lists`: the route is that of lists and watches.
pub fn route(headers: &HeaderMap, lists: bool) -> Result<(), Status> {
    let accept = media::header(headers, &ACCEPT);
    let known = |kind: &str, subtype: &str| match (kind, subtype) {
        ("*", "*") => true,
        ("application", subtype) => ENCODINGS.iter().any(|encoding| encoding.subtype() == subtype),
        _ => false,
    };
    if accept.is_empty() || media::clauses(accept).iter().any(|clause| known(clause.kind, clause.subtype)) {
        return Ok(());
    }
    let streams = ENCODINGS.iter().filter(|encoding| lists && encoding.streams());
    let mut names: Vec<String> = media_types().map(str::to_owned).into();
    names.extend(streams.map(|encoding| format!("{};stream=watch", encoding.media_type())));
    let message = format!("406: Not Acceptable\n\nAvailable representations: {}", names.join(", "));
    Err(refused_by_router(406, Reason::NotAcceptable, message))
}

/// The form of a watch: one that can be framed.
pub fn accept_stream(headers: &HeaderMap, query: &Query, views: Views) -> Result<Accepted, Status> {
    let accepted = accept(headers, query, views);
    let accepted = accepted.ok().filter(|accepted| accepted.encoding.streams());
    accepted.ok_or_else(|| {
        let streams = ENCODINGS.iter().filter(|encoding| encoding.streams());
        let names: Vec<String> =
            streams.map(|encoding| format!("{};stream=watch", encoding.media_type())).collect();
        Status::not_acceptable(&names.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

/// The form of an error: whatever the client asked for, JSON if that is impossible.
pub fn accept_error(headers: &HeaderMap, query: &Query) -> Accepted {
    accept(headers, query, Views::Plain).unwrap_or_default()
}

fn choose(accept: &str, views: Views) -> Option<Accepted> {
    if accept.is_empty() {
        return (views != Views::Discovery).then(Accepted::default);
    }
    media::clauses(accept).iter().find_map(|clause| {
        let matching = ENCODINGS.into_iter().filter(|encoding| matches(clause, *encoding));
        matching.into_iter().find_map(|encoding| take(clause, encoding, views))
    })
}

/// Whether the clause takes the encoding, its parameters aside.
pub(super) fn matches(clause: &Clause<'_>, encoding: Encoding) -> bool {
    match (clause.kind, clause.subtype) {
        ("*", "*") | ("application", "*") => true,
        ("application", subtype) => subtype == encoding.subtype(),
        _ => false,
    }
}

/// The clause's wishes; `None` if one of them cannot be met.
fn take(clause: &Clause<'_>, encoding: Encoding, views: Views) -> Option<Accepted> {
    let mut wanted = GroupVersionKind::new("", "", "");
    let mut converts = false;
    let mut pretty = false;
    for (name, value) in &clause.parameters {
        let part = match *name {
            "as" => &mut wanted.kind,
            "g" => &mut wanted.group,
            "v" => &mut wanted.version,
            "stream" if !value.is_empty() && (*value != "watch" || !encoding.streams()) => return None,
            "sv" if !value.is_empty() => return None,
            "pretty" => {
                pretty = *value == "1";
                continue;
            }
            _ => continue,
        };
        *part = (*value).to_owned().into();
        converts = true;
    }
    let conversion = match converts {
        true => Some(conversion(&wanted)?),
        false => None,
    };
    let target = conversion.as_ref().map(|view| view.target);
    let served = has_view(views, target) && (encoding != Encoding::Protobuf || has_message(views, target));
    served.then_some(Accepted { encoding, pretty, conversion })
}

fn has_view(views: Views, target: Option<Target>) -> bool {
    match target {
        None => views != Views::Discovery,
        Some(Target::GroupDiscovery) => views == Views::Discovery,
        Some(_) => matches!(views, Views::Resource | Views::Custom),
    }
}

/// Whether the view can be written in protobuf.
fn has_message(views: Views, target: Option<Target>) -> bool {
    match target {
        None => views != Views::Custom,
        Some(target) => target != Target::Table,
    }
}

fn conversion(wanted: &GroupVersionKind) -> Option<Conversion> {
    let target = match (&*wanted.group, &*wanted.kind) {
        ("meta.k8s.io", "Table") => Target::Table,
        ("meta.k8s.io", "PartialObjectMetadata") => Target::PartialObjectMetadata,
        ("meta.k8s.io", "PartialObjectMetadataList") => Target::PartialObjectMetadataList,
        ("apidiscovery.k8s.io", "APIGroupDiscoveryList") => Target::GroupDiscovery,
        _ => return None,
    };
    let version = match (target, &*wanted.version) {
        (Target::GroupDiscovery, "v2") => "v2",
        (Target::GroupDiscovery, _) => return None,
        (_, "v1") => "v1",
        (_, "v1beta1") => "v1beta1",
        _ => return None,
    };
    Some(Conversion { target, version })
}
