//! Which objects a quota is about.

use k8s_openapi::api::core::v1::{ResourceQuotaSpec, ScopedResourceSelectorRequirement};

/// One condition on objects; a quota applies to those that meet all of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `Terminating`, `PriorityClass`, ...
    pub name: String,
    pub operator: Operator,
    pub values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Exists,
    DoesNotExist,
    In,
    NotIn,
    /// None that the API lets pass; it matches nothing.
    Unknown,
}

impl Scope {
    /// Those of `spec.scopes` and of `spec.scopeSelector`.
    pub fn all(spec: &ResourceQuotaSpec) -> Vec<Self> {
        let plain = spec.scopes.iter().flatten();
        let plain =
            plain.map(|name| Self { name: name.clone(), operator: Operator::Exists, values: Vec::new() });
        let selector = spec.scope_selector.as_ref().and_then(|selector| selector.match_expressions.as_ref());
        plain.chain(selector.into_iter().flatten().map(Self::read)).collect()
    }

    fn read(requirement: &ScopedResourceSelectorRequirement) -> Self {
        let operator = match requirement.operator.as_str() {
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            _ => Operator::Unknown,
        };
        let values = requirement.values.clone().unwrap_or_default();
        Self { name: requirement.scope_name.clone(), operator, values }
    }

    /// Whether an object whose class is `class` (empty: it has none) meets the condition, as a
    /// label selector would have it.
    pub(crate) fn picks(&self, class: &str) -> bool {
        let listed = self.values.iter().any(|value| value == class);
        match self.operator {
            Operator::Exists => !class.is_empty(),
            Operator::DoesNotExist => class.is_empty(),
            Operator::In => !class.is_empty() && listed,
            Operator::NotIn => class.is_empty() || !listed,
            Operator::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_picked_as_labels_are() {
        use Operator::{DoesNotExist, Exists, In, NotIn, Unknown};
        for (operator, class, expected) in [
            (Exists, "gold", true),
            (Exists, "", false),
            (DoesNotExist, "gold", false),
            (DoesNotExist, "", true),
            (In, "gold", true),
            (In, "tin", false),
            (In, "", false),
            (NotIn, "gold", false),
            (NotIn, "tin", true),
            (NotIn, "", true),
            (Unknown, "gold", false),
        ] {
            let scope = Scope { name: "PriorityClass".into(), operator, values: vec!["gold".into()] };
            assert_eq!(scope.picks(class), expected, "{operator:?} {class:?}");
        }
    }
}
