//! Filters: `[?(@.type=="Ready")]`.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Node, evaluate};

#[derive(Debug, PartialEq)]
pub(super) struct Filter {
    pub left: Vec<Node>,
    pub operator: Operator,
    pub right: Vec<Node>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Exists,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Unknown(String),
}

impl Operator {
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl Filter {
    /// Whether an element of a list passes.
    pub(super) fn passes(&self, element: &Value) -> Result<bool, String> {
        let input = || vec![element];
        let lefts = evaluate::list(input(), &self.left);
        if self.operator == Operator::Exists {
            return Ok(lefts.is_ok_and(|lefts| !lefts.is_empty()));
        }
        let (Some(left), Some(right)) = (only(lefts?)?, only(evaluate::list(input(), &self.right)?)?) else {
            return Ok(false);
        };
        self.compare(left, right)
    }

    fn compare(&self, left: &Value, right: &Value) -> Result<bool, String> {
        let order = order(left, right).ok_or("incompatible types for comparison")?;
        let ordered = !left.is_boolean();
        match &self.operator {
            Operator::Equal => Ok(order == Ordering::Equal),
            Operator::NotEqual => Ok(order != Ordering::Equal),
            Operator::Unknown(text) => Err(format!("unrecognized filter operator {text}")),
            _ if !ordered => Err("invalid type for comparison".to_owned()),
            Operator::Less => Ok(order == Ordering::Less),
            Operator::LessOrEqual => Ok(order != Ordering::Greater),
            Operator::Greater => Ok(order == Ordering::Greater),
            Operator::GreaterOrEqual => Ok(order != Ordering::Less),
            Operator::Exists => Ok(true),
        }
    }
}

fn only(mut values: Vec<&Value>) -> Result<Option<&Value>, String> {
    match values.len() {
        0 | 1 => Ok(values.pop()),
        _ => Err("can only compare one element at a time".to_owned()),
    }
}

/// Values of one type only; integers and floats are two.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            (None, None) => left.as_f64()?.partial_cmp(&right.as_f64()?),
            _ => None,
        },
        _ => None,
    }
}
