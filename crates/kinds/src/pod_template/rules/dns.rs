//! `dnsConfig`. The bounds are those of the resolver in the C library.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;
use serde_json::json;

use super::{Errors, items, text};

const MAX_SERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARACTERS: usize = 2048;

pub(super) fn config(spec: &core::PodSpec, path: &Path) -> Errors {
    let none = text(&spec.dns_policy) == "None";
    let Some(config) = &spec.dns_config else {
        let detail = "must provide `dnsConfig` when `dnsPolicy` is None";
        return none.then(|| FieldError::required(path, detail)).into_iter().collect();
    };
    let (servers, searches) = (items(&config.nameservers), items(&config.searches));
    let at = path.child("nameservers");
    if none && servers.is_empty() {
        let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        return vec![FieldError::required(&at, detail)];
    }
    let mut errors = Errors::new();
    if servers.len() > MAX_SERVERS {
        let detail = format!("must not have more than {MAX_SERVERS} nameservers");
        errors.push(FieldError::invalid(&at, json!(servers), detail));
    }
    for (index, server) in servers.iter().enumerate() {
        errors.extend(validation::ip::legacy_ip(&at.index(index), server, &[]));
    }
    errors.extend(self::searches(searches, &path.child("searches")));
    for (index, option) in items(&config.options).iter().enumerate() {
        if text(&option.name).is_empty() {
            let path = path.child("options").index(index);
            errors.push(FieldError::required(&path, "must not be empty"));
        }
    }
    errors
}

fn searches(searches: &[String], path: &Path) -> Errors {
    let mut errors = Errors::new();
    if searches.len() > MAX_SEARCHES {
        let detail = format!("must not have more than {MAX_SEARCHES} search paths");
        errors.push(FieldError::invalid(path, json!(searches), detail));
    }
    if searches.join(" ").len() > MAX_SEARCH_CHARACTERS {
        let detail = format!(
            "must not have more than {MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        );
        errors.push(FieldError::invalid(path, json!(searches), detail));
    }
    for (index, search) in searches.iter().enumerate().filter(|(_, search)| *search != ".") {
        let name = search.strip_suffix('.').unwrap_or(search);
        let faults = validation::dns::dns1123_subdomain_with_underscore(name);
        errors.extend(validation::invalid_each(&path.index(index), name, faults));
    }
    errors
}
