//! The Accept header of pages about the server itself: text for people, and an object for whoever names its version.
//! Upstream: `statusz.negotiate`, `flagz.negotiate`.

use http::HeaderMap;
use http::header::ACCEPT;
use ironclad_api::status::Status;

use super::media::{self, Clause};
use super::{Encoding, matches};

pub const GROUP: &str = "config.k8s.io";
const VERSIONS: [&str; 2] = ["v1beta1", "v1alpha1"];
const TEXT: &str = "text/plain";

/// In the server's order.
const OFFERED: [Form; 3] = [Form::Object(Encoding::Json), Form::Object(Encoding::Yaml), Form::Text];

#[derive(Clone, Copy)]
enum Form {
    Text,
    Object(Encoding),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Text,
    Object { encoding: Encoding, version: &'static str },
}

/// The form of the page whose objects are of `kind`.
pub fn page(headers: &HeaderMap, kind: &str) -> Result<Page, Status> {
    let accept = media::header(headers, &ACCEPT);
    if accept.trim().is_empty() {
        return Ok(Page::Text);
    }
    let clauses = media::clauses(accept);
    let taken =
        clauses.iter().find_map(|clause| OFFERED.into_iter().find_map(|form| form.take(clause, kind)));
    taken.ok_or_else(|| {
        let types = [Encoding::Json.media_type(), Encoding::Yaml.media_type(), TEXT];
        Status::not_acceptable(&types)
    })
}

impl Form {
    fn take(self, clause: &Clause<'_>, kind: &str) -> Option<Page> {
        let wish = |name: &str| {
            let found = clause.parameters.iter().rfind(|(known, _)| *known == name);
            found.map(|(_, value)| *value).unwrap_or_default()
        };
        if !wish("stream").is_empty() || !wish("sv").is_empty() {
            return None;
        }
        let wanted = [wish("as"), wish("g"), wish("v")];
        match self {
            Self::Text => {
                let is_text =
                    matches!((clause.kind, clause.subtype), ("*" | "text", "*") | ("text", "plain"));
                (is_text && wanted.iter().all(|part| part.is_empty())).then_some(Page::Text)
            }
            Self::Object(encoding) => {
                let [named, group, version] = wanted;
                let version = VERSIONS.into_iter().find(|known| *known == version)?;
                let fits = matches(clause, encoding) && named == kind && group == GROUP;
                fits.then_some(Page::Object { encoding, version })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Upstream's cases (`statusz_test.go`), with what its handlers answer.
    #[test]
    fn text_is_for_people_and_objects_for_whoever_names_one() {
        let check = |accept: &str, want: Option<Page>| {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().expect("a header"))]);
            assert_eq!(page(&headers, "Statusz").map_err(|status| status.code), want.ok_or(406), "{accept}");
        };
        let object = |encoding, version| Some(Page::Object { encoding, version });
        check("", Some(Page::Text));
        check("text/plain", Some(Page::Text));
        check("*/*", Some(Page::Text));
        check("application/json;v=foo;g=config.k8s.io;as=Statusz,*/*", Some(Page::Text));
        check("application/json;v=v1beta1;g=config.k8s.io;as=Statusz", object(Encoding::Json, "v1beta1"));
        check("application/json;v=v1alpha1;g=config.k8s.io;as=Statusz", object(Encoding::Json, "v1alpha1"));
        check("application/yaml;v=v1beta1;g=config.k8s.io;as=Statusz", object(Encoding::Yaml, "v1beta1"));
        check("application/json;v=v1beta1;g=config.k8s.io;as=Flagz", None);
        check("application/json;v=v1beta1;g=config.k8s.io", None);
        check("application/json", None);
        check("application/xml", None);
        check("application/vnd.kubernetes.protobuf;v=v1beta1;g=config.k8s.io;as=Statusz", None);
        check("text/plain;v=v1beta1;g=config.k8s.io;as=Statusz", None);
    }
}
