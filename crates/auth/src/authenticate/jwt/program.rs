//! The expressions of a configuration: over a token's claims, and over the user that they make.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ironclad_cel::limits::PER_CALL_LIMIT;
use ironclad_cel::{Activation, Budget, Declared, Environment, Program, Type, Value};
use ironclad_engine::gate::User;
use serde_json::{Value as Json, json};

/// One issuer's, compiled.
#[derive(Default)]
pub struct Programs {
    pub username: Option<Expression>,
    pub groups: Option<Expression>,
    pub uid: Option<Expression>,
    /// By key.
    pub extra: Vec<(String, Expression)>,
    /// With what is said when they are not true.
    pub claim_rules: Vec<(Expression, String)>,
    pub user_rules: Vec<(Expression, String)>,
}

pub struct Expression {
    source: String,
    program: Program,
}

static CLAIMS: LazyLock<Environment> =
    LazyLock::new(|| Environment::new().variable("claims", Type::map(Type::String, Type::Dyn)));

static USER: LazyLock<(Environment, std::sync::Arc<Declared>)> = LazyLock::new(|| {
    let texts = || Declared::list(Declared::string());
    let fields = [
        ("username", Declared::string()),
        ("uid", Declared::string()),
        ("groups", texts()),
        ("extra", Declared::map(texts())),
    ];
    let user = std::sync::Arc::new(Declared::object("kubernetes.UserInfo", fields));
    (Environment::new().variable("user", user.cel_type()), user)
});

/// An expression over `claims`; a rule must be a boolean.
pub fn compile_claims(source: &str, is_rule: bool) -> Result<Expression, String> {
    compile(&CLAIMS, source, is_rule)
}

/// A rule over `user`.
pub fn compile_user(source: &str) -> Result<Expression, String> {
    compile(&USER.0, source, true)
}

fn compile(environment: &Environment, source: &str, is_rule: bool) -> Result<Expression, String> {
    let program = environment.compile(source).map_err(|error| error.to_string())?;
    if is_rule && !matches!(program.output_type(), Type::Bool) {
        return Err("must evaluate to bool".into());
    }
    Ok(Expression { source: source.to_owned(), program })
}

impl Expression {
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Over the claims of a token.
    pub fn over_claims(&self, claims: &Json) -> Result<Json, String> {
        self.evaluate(&Activation::new().bind("claims", Value::from_json(claims)))
    }

    /// Over a user; see [`user_value`].
    pub fn over_user(&self, user: &Json) -> Result<Json, String> {
        self.evaluate(&Activation::new().bind("user", Value::typed(user, &USER.1)))
    }

    fn evaluate(&self, variables: &Activation<'_>) -> Result<Json, String> {
        let failed = |error: String| format!("expression '{}' resulted in error: {error}", self.source);
        let mut budget = Budget::per_call(PER_CALL_LIMIT);
        let value =
            self.program.evaluate(variables, &mut budget).map_err(|error| failed(error.to_string()))?;
        value.to_json().ok_or_else(|| failed(format!("a {} cannot be used", value.type_name())))
    }

    /// Whether the expression selects a claim by its name (`claims.email`, `claims.?email`).
    pub fn reads_claim(&self, name: &str) -> bool {
        ["claims.", "claims.?"].iter().any(|start| self.mentions(&format!("{start}{name}")))
    }

    /// Whether the text stands in the source as whole words.
    fn mentions(&self, text: &str) -> bool {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let whole = |at: usize| {
            let before = self.source.get(..at).and_then(|before| before.chars().next_back());
            let after = self.source.get(at + text.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(|c| is_word(c) || c == '.') && !after.is_some_and(is_word)
        };
        self.source.match_indices(text).any(|(at, _)| whole(at))
    }
}

/// A user as expressions see one.
pub fn user_value(name: &str, uid: &str, groups: &[String], extra: &BTreeMap<String, Vec<String>>) -> Json {
    json!({ "username": name, "uid": uid, "groups": groups, "extra": extra })
}

/// The same of a whole user.
pub fn value_of(user: &User) -> Json {
    user_value(&user.name, &user.uid, &user.groups, &user.extra)
}
