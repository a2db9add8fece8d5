//! Where a webhook is: a URL, or a Service of the cluster. Shared by the kinds that name webhooks.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::goprint::quote;
use ironclad_api::validation::dns::dns1123_subdomain;
use ironclad_api::validation::number;

use crate::json_schema::format::uri;

const FORM: &str = "; desired format: https://host[/path]";

/// A Service as webhooks name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServiceAt<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub path: Option<&'a str>,
    pub port: i64,
}

/// Exactly one of the two must be given.
pub(crate) fn validate(url: Option<&str>, service: Option<ServiceAt<'_>>, path: &Path) -> FieldErrors {
    match (url, service) {
        (Some(url), None) => self::url(url, &path.child("url")),
        (None, Some(service)) => self::service(service, &path.child("service")),
        _ => vec![FieldError::required(path, "exactly one of url or service is required")],
    }
}

fn url(text: &str, path: &Path) -> FieldErrors {
    let url = match uri::parse(text) {
        Ok(url) => url,
        Err(why) => {
            let detail = format!("url must be a valid URL: parse {}: {why}{FORM}", quote(text));
            return vec![FieldError::required(path, detail)];
        }
    };
    let mut errors = FieldErrors::new();
    if url.scheme != "https" {
        let detail = format!("'https' is the only allowed URL scheme{FORM}");
        errors.push(FieldError::invalid(path, url.scheme, detail));
    }
    if url.host.is_empty() {
        errors.push(FieldError::invalid(path, "", format!("host must be specified{FORM}")));
    }
    let forbidden = [
        (url.user.unwrap_or_default(), "user information is not permitted in the URL"),
        (url.fragment, "fragments are not permitted in the URL"),
        (url.query, "query parameters are not permitted in the URL"),
    ];
    let given = forbidden.iter().filter(|(part, _)| !part.is_empty());
    errors.extend(given.map(|(part, detail)| FieldError::invalid(path, *part, *detail)));
    errors
}

// As upstream, which hands over name and namespace in the wrong order: each error stands
// under the other's name.
fn service(service: ServiceAt<'_>, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (field, value) in [("name", service.namespace), ("namespace", service.name)] {
        if value.is_empty() {
            errors.push(FieldError::required(&path.child(field), ""));
        }
    }
    let faults = number::port_number(service.port);
    if !faults.is_empty() {
        let detail = format!("port is not valid: {}", faults.join(", "));
        errors.push(FieldError::invalid(&path.child("port"), service.port, detail));
    }
    errors.extend(service.path.into_iter().flat_map(|text| url_path(text, &path.child("path"))));
    errors
}

fn url_path(text: &str, path: &Path) -> FieldErrors {
    let wrong = |detail: String| FieldError::invalid(path, text, detail);
    match text {
        "" | "/" => return FieldErrors::new(),
        "//" => return vec![wrong("segment[0] may not be empty".to_owned())],
        _ => {}
    }
    let mut errors = FieldErrors::new();
    if !text.starts_with('/') {
        errors.push(wrong("must start with a '/'".to_owned()));
    }
    // The first character is taken for the slash, whatever it is.
    let mut rest = text.chars();
    rest.next();
    let rest = rest.as_str();
    for (index, segment) in rest.strip_suffix('/').unwrap_or(rest).split('/').enumerate() {
        if segment.is_empty() {
            errors.push(wrong(format!("segment[{index}] may not be empty")));
            continue;
        }
        let faults = dns1123_subdomain(segment);
        errors.extend(faults.iter().map(|fault| wrong(format!("segment[{index}]: {fault}"))));
    }
    errors
}
