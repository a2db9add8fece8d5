//! The evaluator. It walks the plan over the object's own JSON, counts cost node by node and
//! stops at the limit.

mod aggregate;
mod attribute;
mod fold;
mod logic;

use smallvec::SmallVec;

use crate::error::Error;
use crate::plan::{CallNode, Node};
use crate::value::Value;

pub(crate) use aggregate::make_map;

/// The values of variables.
#[derive(Clone, Debug, Default)]
pub struct Activation<'a> {
    variables: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Activation<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a variable its value.
    pub fn bind(mut self, name: &'a str, value: Value<'a>) -> Self {
        self.variables.push((name, value));
        self
    }

    fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.variables.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// What evaluations may cost, and have.
#[derive(Clone, Debug)]
pub struct Budget {
    per_call: u64,
    last: u64,
    spent: u64,
}

impl Budget {
    /// One evaluation may cost up to `limit`, in units of cost.
    pub fn per_call(limit: u64) -> Self {
        Self { per_call: limit, last: 0, spent: 0 }
    }

    /// What all evaluations have cost.
    pub fn spent(&self) -> u64 {
        self.spent
    }

    /// What the last evaluation has cost.
    pub fn last(&self) -> u64 {
        self.last
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::per_call(crate::limits::PER_CALL_LIMIT)
    }
}

pub(crate) type Answer<'a> = Result<Value<'a>, Error>;

pub(crate) fn evaluate<'a>(
    node: &'a Node,
    names: &'a [String],
    variables: &Activation<'a>,
    budget: &mut Budget,
) -> Answer<'a> {
    let mut run = Run { names, variables, locals: Vec::new(), cost: 0, limit: budget.per_call };
    let answer = run.eval(node);
    budget.last = run.cost;
    budget.spent = budget.spent.saturating_add(run.cost);
    answer
}

struct Run<'r, 'a> {
    names: &'a [String],
    variables: &'r Activation<'a>,
    /// The variables of the macros around. An error may be a value here: a loop goes on with it.
    locals: Vec<Answer<'a>>,
    cost: u64,
    limit: u64,
}

impl<'a> Run<'_, 'a> {
    fn eval(&mut self, node: &'a Node) -> Answer<'a> {
        match node {
            Node::Constant(value) => Ok(value.clone()),
            Node::Attribute(attribute) => self.attribute(attribute),
            Node::And(sides) => self.logic(sides, false),
            Node::Or(sides) => self.logic(sides, true),
            Node::Equal { sides, negated } => self.equal(sides, *negated),
            Node::OneOf { value, constants } => self.one_of(value, constants),
            Node::Call(call) => self.call(call),
            Node::Match { pattern, regex, charge, args } => {
                let text = self.eval(&args[0])?;
                let args = [text, self.eval(&args[1])?];
                self.charge(charge.before(&args))?;
                pattern.run(regex, &args[0])
            }
            Node::List(elements) => self.list(elements),
            Node::Map(entries) => self.map(entries),
            Node::Message(name, fields) => self.message(name, fields),
            Node::Fold(fold) => self.fold(fold),
            Node::OrElse { sides, unwrap } => self.or_else(sides, *unwrap),
        }
    }

    fn call(&mut self, call: &'a CallNode) -> Answer<'a> {
        if let ([arg], true) = (call.args.as_slice(), call.function.takes_errors) {
            return self.lenient(call, arg);
        }
        let mut args: SmallVec<[Value<'a>; 3]> = SmallVec::new();
        let mut failed = None;
        for arg in &call.args {
            match self.eval(arg) {
                Ok(value) => args.push(value),
                Err(Error::CostLimit) => return Err(Error::CostLimit),
                // Up to two arguments are evaluated whatever the first one is, and paid for.
                Err(error) if call.args.len() <= 2 => {
                    args.push(Value::Null);
                    failed.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        self.charge(call.charge.before(&args))?;
        if let Some(error) = failed {
            return Err(error);
        }
        let value = call.function.call(call.overload, &mut args)?;
        self.charge(call.charge.after(&value))?;
        Ok(value)
    }

    /// `@not_strictly_false`: an error is not false.
    fn lenient(&mut self, call: &'a CallNode, arg: &'a Node) -> Answer<'a> {
        let value = self.eval(arg);
        self.charge(call.charge.before(&[]))?;
        match value {
            Err(Error::CostLimit) => Err(Error::CostLimit),
            Ok(Value::Bool(value)) => Ok(Value::Bool(value)),
            _ => Ok(Value::Bool(true)),
        }
    }

    fn charge(&mut self, cost: u64) -> Result<(), Error> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > self.limit { Err(Error::CostLimit) } else { Ok(()) }
    }
}
