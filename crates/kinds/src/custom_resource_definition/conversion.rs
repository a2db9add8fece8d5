//! How objects are converted between versions.

use std::collections::BTreeSet;

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::goprint::quote;
use ironclad_api::validation::dns::{dns1035_label, dns1123_subdomain};
use ironclad_api::validation::number;
use serde_json::json;

use crate::definition::{ClientConfig, Conversion, ServiceReference};
use crate::json_schema::format::uri;

/// The review versions that are understood.
const REVIEWS: [&str; 2] = ["v1", "v1beta1"];
const FORM: &str = "; desired format: https://host[/path]";

pub(super) fn validate(conversion: Option<&Conversion>, path: &Path) -> FieldErrors {
    let Some(conversion) = conversion else { return FieldErrors::new() };
    let strategy = path.child("strategy");
    let mut errors = match conversion.strategy.as_str() {
        "None" | "Webhook" => FieldErrors::new(),
        "" => vec![FieldError::required(&strategy, "")],
        other => vec![FieldError::not_supported(&strategy, other, ["None", "Webhook"])],
    };
    let (config_path, reviews_path) =
        (path.child("webhookClientConfig"), path.child("conversionReviewVersions"));
    let config = conversion.webhook.as_ref().and_then(|webhook| webhook.client_config.as_ref());
    let reviews = conversion.webhook.as_ref().map_or(&[][..], |webhook| &webhook.conversion_review_versions);
    if conversion.strategy == "Webhook" {
        match config {
            None => {
                errors.push(FieldError::required(&config_path, "required when strategy is set to Webhook"));
            }
            Some(config) => errors.extend(client_config(config, &config_path)),
        }
        errors.extend(review_versions(reviews, &reviews_path));
        return errors;
    }
    let detail = "should not be set when strategy is not set to Webhook";
    errors.extend(config.map(|_| FieldError::forbidden(&config_path, detail)));
    errors.extend((!reviews.is_empty()).then(|| FieldError::forbidden(&reviews_path, detail)));
    errors
}

fn client_config(config: &ClientConfig, path: &Path) -> FieldErrors {
    match (&config.url, &config.service) {
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
fn service(service: &ServiceReference, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (field, value) in [("name", &service.namespace), ("namespace", &service.name)] {
        if value.is_empty() {
            errors.push(FieldError::required(&path.child(field), ""));
        }
    }
    let port = service.port.unwrap_or(443);
    let faults = number::port_number(port);
    if !faults.is_empty() {
        let detail = format!("port is not valid: {}", faults.join(", "));
        errors.push(FieldError::invalid(&path.child("port"), port, detail));
    }
    errors.extend(service.path.iter().flat_map(|text| url_path(text, &path.child("path"))));
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

fn review_versions(versions: &[String], path: &Path) -> FieldErrors {
    if versions.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let mut errors = FieldErrors::new();
    let mut seen = BTreeSet::new();
    for (index, version) in versions.iter().enumerate() {
        let path = path.index(index);
        match seen.insert(version) {
            false => errors.push(FieldError::invalid(&path, version, "duplicate version")),
            true => {
                let faults = dns1035_label(version);
                errors.extend(faults.into_iter().map(|fault| FieldError::invalid(&path, version, fault)));
            }
        }
    }
    if versions.iter().all(|version| !REVIEWS.contains(&version.as_str())) {
        let detail = format!("must include at least one of {}", REVIEWS.join(", "));
        errors.push(FieldError::invalid(path, json!(versions), detail));
    }
    errors
}
