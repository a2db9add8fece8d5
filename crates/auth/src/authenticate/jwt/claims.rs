//! From the claims of a genuine token to a user.

use std::collections::BTreeMap;

use ironclad_engine::gate::User;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::configuration::{Issuer, Mapping};
use super::program::{Expression, value_of};

const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";
/// How much later than ours an issuer's clock may be.
const NOT_BEFORE_LEEWAY: SignedDuration = SignedDuration::from_mins(5);
const NO_TEXTS: &str = "expression must return a string or a list of strings";

type Claims = Map<String, Value>;

/// Whether the token counts now and here.
pub fn check_token(issuer: &Issuer, claims: &Claims, now: Timestamp) -> Result<(), String> {
    let named = texts(claims.get("aud")).unwrap_or_default();
    if !named.iter().any(|audience| issuer.audiences.contains(audience)) {
        return Err(format!("expected audience in {:?} got {named:?}", issuer.audiences));
    }
    let time = |claim: &str| {
        let seconds = claims.get(claim).and_then(Value::as_f64)?;
        Timestamp::from_second(seconds as i64).ok()
    };
    let expiry = time("exp").unwrap_or(Timestamp::UNIX_EPOCH);
    if expiry < now {
        return Err(format!("token is expired (Token Expiry: {expiry})"));
    }
    let latest = now.checked_add(NOT_BEFORE_LEEWAY).unwrap_or(Timestamp::MAX);
    match time("nbf") {
        Some(begin) if begin > latest => {
            Err(format!("current time {now} before the nbf (not before) time: {begin}"))
        }
        _ => Ok(()),
    }
}

/// The user, if every rule lets it be one.
pub fn user(issuer: &Issuer, claims: Claims) -> Result<User, String> {
    let tree = Value::Object(claims);
    let claims = tree.as_object().ok_or("no claims")?;
    let user = User {
        name: username(issuer, claims, &tree)?,
        groups: groups(issuer, claims, &tree)?,
        uid: uid(issuer, claims, &tree)?,
        extra: extra(issuer, claims, &tree)?,
    };
    for (claim, wanted) in &issuer.required {
        let value =
            claims.get(claim).ok_or_else(|| format!("required claim {claim} not present in ID token"))?;
        let value = value.as_str().ok_or_else(|| format!("parse claim {claim}: it is not a string"))?;
        if value != wanted {
            return Err(format!(
                "required claim {claim} value does not match. Got = {value}, want = {wanted}"
            ));
        }
    }
    hold(&issuer.programs.claim_rules, |rule| rule.over_claims(&tree))
        .map_err(|why| format!("error evaluating claim validation expression: {why}"))?;
    let value = value_of(&user);
    hold(&issuer.programs.user_rules, |rule| rule.over_user(&value))
        .map_err(|why| format!("error evaluating user info validation rule: {why}"))?;
    Ok(user)
}

fn hold(
    rules: &[(Expression, String)],
    evaluate: impl Fn(&Expression) -> Result<Value, String>,
) -> Result<(), String> {
    for (rule, message) in rules {
        match evaluate(rule)? {
            Value::Bool(true) => {}
            Value::Bool(false) => {
                return Err(format!("validation expression '{}' failed: {message}", rule.source()));
            }
            _ => return Err("validation expression must return a boolean".into()),
        }
    }
    Ok(())
}

fn username(issuer: &Issuer, claims: &Claims, tree: &Value) -> Result<String, String> {
    if let Some(expression) = &issuer.programs.username {
        let failed = |why: String| format!("error evaluating username claim expression: {why}");
        return match expression.over_claims(tree).map_err(failed)? {
            Value::String(name) if name.is_empty() => {
                Err("empty username via CEL expression is not allowed".into())
            }
            Value::String(name) => Ok(name),
            _ => Err(failed("username claim expression must return a string".into())),
        };
    }
    let Mapping { claim, prefix, .. } = &issuer.mappings.username;
    let name =
        text_claim(claims, claim).map_err(|why| format!("parse username claims \"{claim}\": {why}"))?;
    if claim == "email" {
        match claims.get("email_verified") {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Err("email not verified".into()),
            Some(_) => return Err("parse 'email_verified' claim: it is not a boolean".into()),
        }
    }
    Ok(format!("{}{name}", prefix.as_deref().unwrap_or_default()))
}

fn groups(issuer: &Issuer, claims: &Claims, tree: &Value) -> Result<Vec<String>, String> {
    let Mapping { claim, prefix, .. } = &issuer.mappings.groups;
    if !claim.is_empty()
        && let Some(value) = claims.get(claim)
    {
        let groups = texts(Some(value)).ok_or_else(|| {
            format!("parse groups claim \"{claim}\": it is neither a string nor a list of them")
        })?;
        let prefix = prefix.as_deref().unwrap_or_default();
        return Ok(groups.into_iter().map(|group| format!("{prefix}{group}")).collect());
    }
    let Some(expression) = &issuer.programs.groups else { return Ok(Vec::new()) };
    let failed = |why: String| format!("error evaluating group claim expression: {why}");
    listed(expression.over_claims(tree).map_err(failed)?).map_err(failed)
}

fn uid(issuer: &Issuer, claims: &Claims, tree: &Value) -> Result<String, String> {
    let claim = issuer.mappings.uid.claim.as_str();
    if !claim.is_empty() {
        return text_claim(claims, claim).map_err(|why| format!("parse uid claim \"{claim}\": {why}"));
    }
    let Some(expression) = &issuer.programs.uid else { return Ok(String::new()) };
    let failed = |why: String| format!("error evaluating uid claim expression: {why}");
    match expression.over_claims(tree).map_err(failed)? {
        Value::String(uid) => Ok(uid),
        _ => Err(failed("uid claim expression must return a string".into())),
    }
}

fn extra(issuer: &Issuer, claims: &Claims, tree: &Value) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut extra = BTreeMap::new();
    if let Some(id) = claims.get("jti").and_then(Value::as_str).filter(|id| !id.is_empty()) {
        extra.insert(CREDENTIAL.to_owned(), vec![format!("JTI={id}")]);
    }
    for (key, expression) in &issuer.programs.extra {
        let failed =
            |why: String| format!("error evaluating extra claim expression: {}: {why}", expression.source());
        let values = listed(expression.over_claims(tree)?).map_err(failed)?;
        if !values.is_empty() {
            extra.insert(key.clone(), values);
        }
    }
    Ok(extra)
}

fn text_claim(claims: &Claims, claim: &str) -> Result<String, String> {
    let value = claims.get(claim).ok_or("claim not present")?;
    value.as_str().map(str::to_owned).ok_or_else(|| "it is not a string".to_owned())
}

/// A string, or a list of strings.
fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    match value? {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// What an expression makes of it; nothing and empty strings are left out.
fn listed(value: Value) -> Result<Vec<String>, String> {
    let mut texts = match &value {
        Value::Null => Vec::new(),
        value => texts(Some(value)).ok_or(NO_TEXTS)?,
    };
    texts.retain(|text| !text.is_empty());
    Ok(texts)
}
