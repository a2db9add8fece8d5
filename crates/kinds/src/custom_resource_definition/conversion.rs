//! How objects are converted between versions.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::dns::dns1035_label;
use ironclad_pki::certificate::{Certificate, CertificateError};
use serde_json::json;

use crate::definition::{ClientConfig, Conversion, Definition, ESTABLISHED};
use crate::webhook_client::{self, ServiceAt};

/// The review versions that are understood.
const REVIEWS: [&str; 2] = ["v1", "v1beta1"];

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

/// A CA bundle that is read by now must stay readable. Before that nobody is harmed.
pub(super) fn validate_update(new: Option<&Conversion>, old: &Definition, path: &Path) -> Option<FieldError> {
    if !old.has_condition(ESTABLISHED) {
        return None;
    }
    let was_broken = ca_bundle(old.spec.conversion.as_ref()).is_some_and(|bundle| fault(bundle).is_some());
    let bundle = ca_bundle(new.filter(|new| new.strategy == "Webhook")).filter(|_| !was_broken)?;
    let path = path.child("webhookClientConfig").child("caBundle");
    fault(bundle).map(|why| FieldError::invalid(&path, bundle, why))
}

fn ca_bundle(conversion: Option<&Conversion>) -> Option<&str> {
    let bundle = conversion?.webhook.as_ref()?.client_config.as_ref()?.ca_bundle.as_deref();
    bundle.filter(|bundle| !bundle.is_empty())
}

/// Why a bundle in base64 holds no certificates.
fn fault(bundle: &str) -> Option<String> {
    let pem = STANDARD.decode(bundle).unwrap_or_default();
    let why = match Certificate::all_from_pem(&pem) {
        Ok(_) => return None,
        Err(CertificateError::Pem(_)) => "unable to parse bytes as PEM block".to_owned(),
        Err(error) => format!("failed to parse certificate: {error}"),
    };
    Some(format!("unable to load root certificates: {why}"))
}

fn client_config(config: &ClientConfig, path: &Path) -> FieldErrors {
    let service = config.service.as_ref().map(|service| ServiceAt {
        namespace: &service.namespace,
        name: &service.name,
        path: service.path.as_deref(),
        port: service.port.unwrap_or(443),
    });
    webhook_client::validate(config.url.as_deref(), service, path)
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
