//! `apiserver.config.k8s.io/v1 AuthenticationConfiguration`, upstream's file.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration>.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Path, go_url};
use serde::Deserialize;

use crate::authenticate::Anonymous;

use super::program::{Programs, compile_claims, compile_user};

const API_VERSION: &str = "apiserver.config.k8s.io/v1";
const KIND: &str = "AuthenticationConfiguration";
const MOST: usize = 64;

/// What a file says, checked and with its expressions compiled.
pub struct Configuration {
    pub issuers: Vec<Issuer>,
    /// `None`: as without a file.
    pub anonymous: Option<Anonymous>,
}

/// One issuer of tokens and what its claims mean.
pub struct Issuer {
    pub url: String,
    /// Where its configuration is, if not below the URL.
    pub discovery_url: Option<String>,
    /// PEM; empty for the machine's roots.
    pub certificate_authority: Vec<u8>,
    pub audiences: Vec<String>,
    /// Claims that must have one value.
    pub required: Vec<(String, String)>,
    pub mappings: ClaimMappings,
    pub programs: Programs,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigurationError {
    #[error("it cannot be read: {0}")]
    Malformed(String),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    kind: String,
    api_version: String,
    #[serde(default)]
    jwt: Vec<Jwt>,
    anonymous: Option<AnonymousFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnonymousFile {
    enabled: bool,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Jwt {
    issuer: IssuerFile,
    #[serde(default)]
    claim_validation_rules: Vec<ClaimRule>,
    #[serde(default)]
    claim_mappings: ClaimMappings,
    #[serde(default)]
    user_validation_rules: Vec<UserRule>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct IssuerFile {
    url: String,
    #[serde(rename = "discoveryURL")]
    discovery_url: String,
    certificate_authority: String,
    audiences: Vec<String>,
    audience_match_policy: String,
    egress_selector_type: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ClaimRule {
    pub claim: String,
    pub required_value: String,
    pub expression: String,
    pub message: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserRule {
    pub expression: String,
    pub message: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimMappings {
    pub username: Mapping,
    pub groups: Mapping,
    pub uid: Mapping,
    pub extra: Vec<ExtraMapping>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    pub claim: String,
    pub prefix: Option<String>,
    pub expression: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ExtraMapping {
    pub key: String,
    pub value_expression: String,
}

impl Configuration {
    /// Reads a file in YAML or JSON. `own` are this cluster's issuers, which no other may be.
    pub fn parse(text: &[u8], own: &[String]) -> Result<Self, ConfigurationError> {
        let malformed = |error: String| ConfigurationError::Malformed(error);
        let decoded = ironclad_api::yaml::decode(text).map_err(|error| malformed(error.converting()))?;
        if let Some(twice) = decoded.strict_error() {
            return Err(malformed(twice));
        }
        let file: File =
            serde_json::from_value(decoded.value).map_err(|error| malformed(error.to_string()))?;
        if (file.api_version.as_str(), file.kind.as_str()) != (API_VERSION, KIND) {
            let found = format!("{}, kind {}", file.api_version, file.kind);
            return Err(malformed(format!("it is of {found}, and must be of {API_VERSION}, kind {KIND}")));
        }
        let mut errors = Vec::new();
        let issuers = issuers(file.jwt, own, &mut errors);
        let anonymous = file.anonymous.map(|anonymous| anonymous.check(&mut errors));
        if errors.is_empty() {
            Ok(Self { issuers, anonymous })
        } else {
            Err(ConfigurationError::Invalid(errors))
        }
    }
}

impl AnonymousFile {
    fn check(self, errors: &mut Vec<FieldError>) -> Anonymous {
        let paths: Vec<String> = self.conditions.into_iter().map(|condition| condition.path).collect();
        if !self.enabled && !paths.is_empty() {
            let path = Path::new("anonymous.conditions");
            let why = "enabled should be set to true when conditions are defined";
            errors.push(FieldError::invalid(&path, serde_json::json!(paths), why));
        }
        Anonymous { enabled: self.enabled, paths }
    }
}

fn issuers(jwt: Vec<Jwt>, own: &[String], errors: &mut Vec<FieldError>) -> Vec<Issuer> {
    let root = Path::new("jwt");
    if jwt.len() > MOST {
        errors.push(FieldError::too_many(&root, jwt.len(), MOST));
        return Vec::new();
    }
    let (mut urls, mut discovery_urls) = (BTreeSet::new(), BTreeSet::new());
    let mut issuers = Vec::new();
    for (index, jwt) in jwt.into_iter().enumerate() {
        let path = root.index(index);
        let issuer = path.child("issuer");
        if !urls.insert(jwt.issuer.url.clone()) {
            errors.push(FieldError::duplicate(&issuer.child("url"), jwt.issuer.url.as_str()));
        }
        let discovery = jwt.issuer.discovery_url.clone();
        if !discovery.is_empty() && !discovery_urls.insert(discovery.clone()) {
            errors.push(FieldError::duplicate(&issuer.child("discoveryURL"), discovery.as_str()));
        }
        issuers.push(jwt.check(own, &path, errors));
    }
    issuers
}

impl Jwt {
    fn check(self, own: &[String], path: &Path, errors: &mut Vec<FieldError>) -> Issuer {
        check_issuer(&self.issuer, own, &path.child("issuer"), errors);
        let mut programs = Programs::default();
        check_claim_rules(
            &self.claim_validation_rules,
            &path.child("claimValidationRules"),
            &mut programs,
            errors,
        );
        check_mappings(&self.claim_mappings, &path.child("claimMappings"), &mut programs, errors);
        check_user_rules(
            &self.user_validation_rules,
            &path.child("userValidationRules"),
            &mut programs,
            errors,
        );
        let required = self.claim_validation_rules.into_iter().filter(|rule| !rule.claim.is_empty());
        Issuer {
            url: self.issuer.url,
            discovery_url: Some(self.issuer.discovery_url).filter(|url| !url.is_empty()),
            certificate_authority: self.issuer.certificate_authority.into_bytes(),
            audiences: self.issuer.audiences,
            required: required.map(|rule| (rule.claim, rule.required_value)).collect(),
            mappings: self.claim_mappings,
            programs,
        }
    }
}

fn check_issuer(issuer: &IssuerFile, own: &[String], path: &Path, errors: &mut Vec<FieldError>) {
    let url = path.child("url");
    match issuer.url.as_str() {
        "" => errors.push(FieldError::required(&url, "")),
        text => {
            if own.iter().any(|own| own == text) {
                let own = own.join(" ");
                let why = format!("URL must not overlap with disallowed issuers: [{own}]");
                errors.push(FieldError::invalid(&url, text, why));
            }
            check_url(text, &url, errors);
        }
    }
    let discovery = path.child("discoveryURL");
    if !issuer.discovery_url.is_empty() {
        let bare = |url: &str| url.trim_end_matches('/').to_owned();
        if !issuer.url.is_empty() && bare(&issuer.url) == bare(&issuer.discovery_url) {
            let why = "discoveryURL must be different from URL";
            errors.push(FieldError::invalid(&discovery, issuer.discovery_url.as_str(), why));
        }
        check_url(&issuer.discovery_url, &discovery, errors);
    }
    check_audiences(issuer, path, errors);
    let authority = issuer.certificate_authority.as_bytes();
    if !authority.is_empty()
        && let Err(error) = ironclad_pki::pem::certificates(authority)
    {
        let path = path.child("certificateAuthority");
        errors.push(FieldError::invalid(&path, "<omitted>", error.to_string()));
    }
    if !["", "controlplane", "cluster"].contains(&issuer.egress_selector_type.as_str()) {
        let path = path.child("egressSelectorType");
        let why = "egress selector must be either controlplane or cluster";
        errors.push(FieldError::invalid(&path, issuer.egress_selector_type.as_str(), why));
    }
}

fn check_url(text: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let url = match go_url::parse(text) {
        Ok(url) => url,
        Err(why) => return errors.push(FieldError::invalid(path, text, format!("parse \"{text}\": {why}"))),
    };
    let faults = [
        (url.scheme != "https", "URL scheme must be https"),
        (url.user.is_some(), "URL must not contain a username or password"),
        (!url.query.is_empty(), "URL must not contain a query"),
        (!url.fragment.is_empty(), "URL must not contain a fragment"),
    ];
    errors.extend(
        faults.into_iter().filter(|(is, _)| *is).map(|(_, why)| FieldError::invalid(path, text, why)),
    );
}

fn check_audiences(issuer: &IssuerFile, path: &Path, errors: &mut Vec<FieldError>) {
    let (audiences, policy) = (path.child("audiences"), path.child("audienceMatchPolicy"));
    if issuer.audiences.is_empty() {
        let why = format!("at least one {audiences} is required");
        return errors.push(FieldError::required(&audiences, why));
    }
    let mut seen = BTreeSet::new();
    for (index, audience) in issuer.audiences.iter().enumerate() {
        let path = audiences.index(index);
        if audience.is_empty() {
            errors.push(FieldError::required(&path, ""));
        }
        if !seen.insert(audience) {
            errors.push(FieldError::duplicate(&path, audience.as_str()));
        }
    }
    let given = issuer.audience_match_policy.as_str();
    match (issuer.audiences.len(), given) {
        (_, "MatchAny") | (1, "") => {}
        (1, _) => {
            let why = "audienceMatchPolicy must be empty or MatchAny for single audience";
            errors.push(FieldError::invalid(&policy, given, why));
        }
        _ => {
            let why = "audienceMatchPolicy must be MatchAny for multiple audiences";
            errors.push(FieldError::invalid(&policy, given, why));
        }
    }
}

fn check_claim_rules(
    rules: &[ClaimRule],
    path: &Path,
    programs: &mut Programs,
    errors: &mut Vec<FieldError>,
) {
    let (mut claims, mut expressions) = (BTreeSet::new(), BTreeSet::new());
    for (index, rule) in rules.iter().enumerate() {
        let path = path.index(index);
        let invalid =
            |field: &str, value: &str, why: &str| FieldError::invalid(&path.child(field), value, why);
        match (rule.claim.as_str(), rule.expression.as_str()) {
            ("", "") => errors.push(FieldError::required(&path, "claim or expression is required")),
            ("", expression) => {
                if !rule.required_value.is_empty() {
                    let why = "may not be specified when expression is set";
                    errors.push(invalid("requiredValue", &rule.required_value, why));
                }
                let path = path.child("expression");
                if !expressions.insert(expression) {
                    errors.push(FieldError::duplicate(&path, expression));
                    continue;
                }
                match compile_claims(expression, true) {
                    Ok(program) => programs.claim_rules.push((program, rule.message.clone())),
                    Err(why) => errors.push(FieldError::invalid(&path, expression, why)),
                }
            }
            (claim, "") => {
                if !rule.message.is_empty() {
                    errors.push(invalid("message", &rule.message, "may not be specified when claim is set"));
                }
                if !claims.insert(claim) {
                    errors.push(FieldError::duplicate(&path.child("claim"), claim));
                }
            }
            (claim, _) => {
                errors.push(FieldError::invalid(&path, claim, "claim and expression can't both be set"));
            }
        }
    }
}

fn check_mappings(
    mappings: &ClaimMappings,
    path: &Path,
    programs: &mut Programs,
    errors: &mut Vec<FieldError>,
) {
    let compile = |expression: &str, path: Path, errors: &mut Vec<FieldError>| {
        compile_claims(expression, false)
            .map_err(|why| errors.push(FieldError::invalid(&path.child("expression"), expression, why)))
            .ok()
    };
    for (mapping, field, required) in
        [(&mappings.username, "username", true), (&mappings.groups, "groups", false)]
    {
        let path = path.child(field);
        check_mapping(mapping, &path, required, errors);
        let program = match mapping.expression.as_str() {
            "" => None,
            expression if mapping.claim.is_empty() => compile(expression, path, errors),
            _ => None,
        };
        if required { programs.username = program } else { programs.groups = program }
    }
    match (mappings.uid.claim.as_str(), mappings.uid.expression.as_str()) {
        (_, "") => {}
        ("", expression) => programs.uid = compile(expression, path.child("uid"), errors),
        _ => {
            errors.push(FieldError::invalid(&path.child("uid"), "", "claim and expression can't both be set"))
        }
    }
    check_extra(&mappings.extra, &path.child("extra"), programs, errors);
    check_email(&mappings.username, path, programs, errors);
}

fn check_mapping(mapping: &Mapping, path: &Path, required: bool, errors: &mut Vec<FieldError>) {
    let prefix = path.child("prefix");
    match (mapping.claim.as_str(), mapping.expression.as_str(), &mapping.prefix) {
        ("", "", _) if required => {
            errors.push(FieldError::required(path, "claim or expression is required"));
        }
        ("", "", _) => {}
        ("", _, Some(given)) => {
            let why = "may not be specified when expression is set";
            errors.push(FieldError::invalid(&prefix, given.as_str(), why));
        }
        ("", _, None) => {}
        (_, "", None) => errors.push(FieldError::required(
            &prefix,
            "prefix is required when claim is set. It can be set to an empty string to disable prefixing",
        )),
        (_, "", Some(_)) => {}
        _ => errors.push(FieldError::invalid(path, "", "claim and expression can't both be set")),
    }
}

fn check_extra(extra: &[ExtraMapping], path: &Path, programs: &mut Programs, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, mapping) in extra.iter().enumerate() {
        let (key, value) = (path.index(index).child("key"), path.index(index).child("valueExpression"));
        let text = mapping.key.as_str();
        errors.extend(ironclad_api::validation::path::domain_prefixed_path(&key, text));
        if text.chars().any(char::is_uppercase) {
            errors.push(FieldError::invalid(&key, text, "must be lowercase"));
        }
        let domain = text.split_once('/').map(|(domain, _)| domain).unwrap_or_default();
        let below = |parent: &str| domain == parent || domain.ends_with(&format!(".{parent}"));
        if below("kubernetes.io") || below("k8s.io") {
            let why = "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use";
            errors.push(FieldError::invalid(&key, text, why));
        }
        if !seen.insert(text) {
            errors.push(FieldError::duplicate(&key, text));
            continue;
        }
        match mapping.value_expression.as_str() {
            "" => errors.push(FieldError::required(&value, "")),
            expression => match compile_claims(expression, false) {
                Ok(program) => programs.extra.push((mapping.key.clone(), program)),
                Err(why) => errors.push(FieldError::invalid(&value, expression, why)),
            },
        }
    }
}

/// Who is known by an address must have shown that it is theirs.
fn check_email(username: &Mapping, path: &Path, programs: &Programs, errors: &mut Vec<FieldError>) {
    let uses = programs.username.as_ref().is_some_and(|program| program.reads_claim("email"));
    let rules = programs.claim_rules.iter().map(|(program, _)| program);
    let extra = programs.extra.iter().map(|(_, program)| program);
    let verified = programs
        .username
        .iter()
        .chain(rules)
        .chain(extra)
        .any(|program| program.reads_claim("email_verified"));
    if uses && !verified {
        errors.push(FieldError::invalid(
            &path.child("username").child("expression"),
            username.expression.as_str(),
            "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression",
        ));
    }
}

fn check_user_rules(rules: &[UserRule], path: &Path, programs: &mut Programs, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, rule) in rules.iter().enumerate() {
        let path = path.index(index).child("expression");
        let expression = rule.expression.as_str();
        if expression.is_empty() {
            errors.push(FieldError::required(&path, ""));
            continue;
        }
        if !seen.insert(expression) {
            errors.push(FieldError::duplicate(&path, expression));
            continue;
        }
        match compile_user(expression) {
            Ok(program) => programs.user_rules.push((program, rule.message.clone())),
            Err(why) => errors.push(FieldError::invalid(&path, expression, why)),
        }
    }
}
