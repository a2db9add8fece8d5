//! How objects are converted between versions.

use std::collections::BTreeSet;

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::dns::dns1035_label;
use serde_json::json;

use crate::definition::{ClientConfig, Conversion};
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
