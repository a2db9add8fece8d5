//! From a checked expression to a tree that runs: names are places, constants are values,
//! fields in a row are one node. What is one node here is one in cel-go too, since cost is
//! counted by nodes.

use ironclad_api::go_regex;
use regex::Regex;

use crate::ast::{Call, Comprehension, Expr, Kind, Literal, operator};
use crate::check::{Checked, Reference};
use crate::cost::Charge;
use crate::error::Error;
use crate::library::{Function, Overload, Pattern};
use crate::value::Value;

/// A node of a plan.
pub(crate) enum Node {
    Constant(Value<'static>),
    Attribute(Attribute),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    Equal {
        sides: Box<[Node; 2]>,
        negated: bool,
    },
    /// `value in [constants]`.
    OneOf {
        value: Box<Node>,
        constants: Value<'static>,
    },
    Call(Box<CallNode>),
    /// A call with a pattern that is known beforehand.
    Match {
        pattern: Pattern,
        regex: Regex,
        charge: Charge,
        args: Box<[Node; 2]>,
    },
    List(Vec<ElementNode>),
    Map(Vec<(Node, ElementNode)>),
    Message(String, Vec<(String, ElementNode)>),
    Fold(Box<Fold>),
    /// `optional.or(other)` and `optional.orValue(value)`.
    OrElse {
        sides: Box<[Node; 2]>,
        unwrap: bool,
    },
}

/// A variable or a result, and the fields and indexes read from it.
pub(crate) struct Attribute {
    pub(crate) root: Root,
    pub(crate) qualifiers: Vec<Qualifier>,
    /// Answers whether the last field is there.
    pub(crate) test_only: bool,
}

pub(crate) enum Root {
    /// The place of a variable in the program's list.
    Variable(usize),
    /// The place of a macro's variable on the stack.
    Local(usize),
    /// As `Local`, but the variable is overwritten next: its value is taken.
    Take(usize),
    Result(Box<Node>),
    Conditional(Box<(Node, Attribute, Attribute)>),
}

pub(crate) struct Qualifier {
    pub(crate) key: QualifierKey,
    pub(crate) optional: bool,
}

pub(crate) enum QualifierKey {
    Constant(Value<'static>),
    Computed(Node),
}

pub(crate) struct CallNode {
    pub(crate) function: &'static Function,
    /// The one overload that the types leave, if it is one.
    pub(crate) overload: Option<&'static Overload>,
    pub(crate) charge: Charge,
    pub(crate) args: Vec<Node>,
}

/// An element; an optional one is left out if it is empty.
pub(crate) struct ElementNode {
    pub(crate) value: Node,
    pub(crate) optional: bool,
}

pub(crate) struct Fold {
    pub(crate) range: Node,
    pub(crate) two_variables: bool,
    pub(crate) init: Node,
    pub(crate) condition: Node,
    pub(crate) step: Node,
    pub(crate) result: Node,
}

/// Plans an expression. The variables it reads come with it, in the order of their places.
pub(crate) fn plan(checked: &Checked) -> Result<(Node, Vec<String>), Error> {
    let mut planner = Planner { checked, variables: Vec::new(), scope: Vec::new() };
    let node = planner.node(&checked.expr)?;
    Ok((node, planner.variables))
}

struct Planner<'c> {
    checked: &'c Checked,
    variables: Vec<String>,
    /// The macros' variables; the place of each is its place on the stack when it runs.
    scope: Vec<String>,
}

impl Planner<'_> {
    fn node(&mut self, expr: &Expr) -> Result<Node, Error> {
        if let Some(Reference::Type(name)) = self.checked.reference(expr) {
            return Ok(Node::Constant(Value::Type(name)));
        }
        match &expr.kind {
            Kind::Literal(literal) => Ok(Node::Constant(constant(literal))),
            Kind::Ident(name) => Ok(self.variable(name)),
            Kind::Select(select) => {
                if let Some(Reference::Variable(name)) = self.checked.reference(expr) {
                    return Ok(self.variable(name));
                }
                let operand = self.node(&select.operand)?;
                let key = QualifierKey::Constant(Value::string(select.field.clone()));
                let mut attribute = qualified(operand, Qualifier { key, optional: false });
                attribute.test_only = select.test_only;
                Ok(Node::Attribute(attribute))
            }
            Kind::Call(call) => self.call(expr, call),
            Kind::List(elements) => {
                let elements = elements.iter().map(|element| self.element(&element.value, element.optional));
                Ok(fold_list(elements.collect::<Result<_, _>>()?))
            }
            Kind::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|entry| Ok((self.node(&entry.key)?, self.element(&entry.value, entry.optional)?)));
                fold_map(entries.collect::<Result<_, Error>>()?)
            }
            Kind::Struct(name, fields) => {
                let fields = fields
                    .iter()
                    .map(|field| Ok((field.name.clone(), self.element(&field.value, field.optional)?)));
                let name = name.strip_prefix('.').unwrap_or(name);
                Ok(Node::Message(name.to_owned(), fields.collect::<Result<_, Error>>()?))
            }
            Kind::Comprehension(comprehension) => self.fold(comprehension),
        }
    }

    fn element(&mut self, value: &Expr, optional: bool) -> Result<ElementNode, Error> {
        Ok(ElementNode { value: self.node(value)?, optional })
    }

    fn variable(&mut self, name: &str) -> Node {
        Node::Attribute(Attribute { root: self.root(name), qualifiers: Vec::new(), test_only: false })
    }

    fn root(&mut self, name: &str) -> Root {
        let name = name.strip_prefix('.').unwrap_or(name);
        if let Some(place) = self.scope.iter().rposition(|known| known == name) {
            return Root::Local(place);
        }
        let known = self.variables.iter().position(|known| known == name);
        Root::Variable(known.unwrap_or_else(|| {
            self.variables.push(name.to_owned());
            self.variables.len() - 1
        }))
    }

    fn call(&mut self, expr: &Expr, call: &Call) -> Result<Node, Error> {
        let mut args = Vec::with_capacity(call.args.len() + 1);
        for arg in call.target.iter().chain(&call.args) {
            args.push(self.node(arg)?);
        }
        let args = match (call.function.as_str(), <[Node; 2]>::try_from(args)) {
            (operator::AND, Ok(sides)) => return Ok(Node::And(Box::new(sides))),
            (operator::OR, Ok(sides)) => return Ok(Node::Or(Box::new(sides))),
            (operator::EQUALS, Ok(sides)) => {
                return Ok(Node::Equal { sides: Box::new(sides), negated: false });
            }
            (operator::NOT_EQUALS, Ok(sides)) => {
                return Ok(Node::Equal { sides: Box::new(sides), negated: true });
            }
            (operator::INDEX, Ok(sides)) => return Ok(index(sides, false)),
            (operator::OPT_INDEX | operator::OPT_SELECT, Ok(sides)) => return Ok(index(sides, true)),
            ("or", Ok(sides)) => return Ok(Node::OrElse { sides: Box::new(sides), unwrap: false }),
            ("orValue", Ok(sides)) => return Ok(Node::OrElse { sides: Box::new(sides), unwrap: true }),
            (_, Ok(sides)) => Vec::from(sides),
            (_, Err(args)) => args,
        };
        if call.function == operator::CONDITIONAL {
            return conditional(args);
        }
        self.ordinary_call(expr, call, args)
    }

    fn ordinary_call(&mut self, expr: &Expr, call: &Call, mut args: Vec<Node>) -> Result<Node, Error> {
        let overloads = self.checked.overloads(expr);
        let function = crate::library::function(call.function.strip_prefix('.').unwrap_or(&call.function));
        let function = function.ok_or_else(Error::no_such_overload)?;
        let overload = match overloads {
            [only] => Some(*only),
            _ => None,
        };
        let charge = Charge::of(function.name, overload.map(|overload| overload.id));
        if let (operator::ADD | operator::MAP_INSERT, Some(Node::Attribute(attribute))) =
            (function.name, args.first_mut())
        {
            self.take_accumulator(attribute);
        }
        let node = CallNode { function, overload, charge, args };
        if node.overload.is_some_and(|overload| overload.id == "in_list") {
            return Ok(one_of(node));
        }
        fold_call(node)
    }

    /// The macros overwrite their accumulator with what is added to it: nothing is copied.
    fn take_accumulator(&self, attribute: &mut Attribute) {
        if let Root::Local(place) = attribute.root
            && attribute.qualifiers.is_empty()
            && self.scope.get(place).is_some_and(|name| name == operator::ACCUMULATOR)
        {
            attribute.root = Root::Take(place);
        }
    }

    fn fold(&mut self, comprehension: &Comprehension) -> Result<Node, Error> {
        let Comprehension { range, first, second, accumulator, init, condition, step, result } =
            comprehension;
        let range = self.node(range)?;
        let init = self.node(init)?;
        let outer = self.scope.len();
        self.scope.push(accumulator.clone());
        self.scope.push(first.clone());
        self.scope.extend(second.clone());
        let condition = self.node(condition)?;
        let step = self.node(step)?;
        self.scope.truncate(outer + 1);
        let result = self.node(result)?;
        self.scope.truncate(outer);
        let two_variables = second.is_some();
        Ok(Node::Fold(Box::new(Fold { range, two_variables, init, condition, step, result })))
    }
}

fn constant(literal: &Literal) -> Value<'static> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(value) => Value::Int(*value),
        Literal::Uint(value) => Value::Uint(*value),
        Literal::Double(value) => Value::Double(*value),
        Literal::String(text) => Value::string(text.clone()),
        Literal::Bytes(bytes) => Value::bytes(bytes.clone()),
    }
}

/// A node as something that fields can be read from.
fn attribute(node: Node) -> Attribute {
    match node {
        Node::Attribute(attribute) => attribute,
        node => Attribute { root: Root::Result(Box::new(node)), qualifiers: Vec::new(), test_only: false },
    }
}

fn qualified(operand: Node, qualifier: Qualifier) -> Attribute {
    let mut attribute = attribute(operand);
    attribute.qualifiers.push(qualifier);
    attribute
}

fn index([operand, index]: [Node; 2], optional: bool) -> Node {
    let key = match index {
        Node::Constant(value) => QualifierKey::Constant(value),
        index => QualifierKey::Computed(index),
    };
    Node::Attribute(qualified(operand, Qualifier { key, optional }))
}

fn conditional(args: Vec<Node>) -> Result<Node, Error> {
    let [condition, then, otherwise] = <[Node; 3]>::try_from(args).map_err(|_| Error::no_such_overload())?;
    let root = Root::Conditional(Box::new((condition, attribute(then), attribute(otherwise))));
    Ok(Node::Attribute(Attribute { root, qualifiers: Vec::new(), test_only: false }))
}

/// `in` over a list of constants is free, as in cel-go.
fn one_of(mut node: CallNode) -> Node {
    let Some(Node::Constant(Value::List(list))) = node.args.get(1) else { return Node::Call(Box::new(node)) };
    if list.is_empty() {
        return Node::Constant(Value::Bool(false));
    }
    let primitive = |value: Value<'_>| {
        matches!(
            value,
            Value::Bool(_)
                | Value::Int(_)
                | Value::Uint(_)
                | Value::Double(_)
                | Value::String(_)
                | Value::Null
        )
    };
    if !list.iter().all(primitive) {
        return Node::Call(Box::new(node));
    }
    let constants = Value::List(list.clone());
    let value = Box::new(node.args.swap_remove(0));
    Node::OneOf { value, constants }
}

/// A call whose arguments are constants, where cel-go works it out beforehand, or one with a
/// constant pattern.
fn fold_call(mut node: CallNode) -> Result<Node, Error> {
    const CONVERSIONS: [&str; 10] =
        ["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"];
    if let [Node::Constant(value)] = node.args.as_slice()
        && CONVERSIONS.contains(&node.function.name)
    {
        let value = node.function.call(node.overload, &mut [value.clone()])?;
        return Ok(Node::Constant(value));
    }
    let Some(pattern) = Pattern::of(node.function.name) else { return Ok(Node::Call(Box::new(node))) };
    let Some(Node::Constant(Value::String(source))) = node.args.get(1) else {
        return Ok(Node::Call(Box::new(node)));
    };
    let regex = go_regex::compile(source).map_err(Error::new)?;
    if node.args.len() != 2 {
        return Ok(Node::Call(Box::new(node)));
    }
    let second = node.args.swap_remove(1);
    let first = node.args.swap_remove(0);
    Ok(Node::Match { pattern, regex, charge: node.charge, args: Box::new([first, second]) })
}

fn fold_list(elements: Vec<ElementNode>) -> Node {
    let constants: Option<Vec<_>> = elements
        .iter()
        .map(|element| match &element.value {
            Node::Constant(value) if !element.optional => Some(value.clone()),
            _ => None,
        })
        .collect();
    match constants {
        Some(constants) => Node::Constant(Value::list(constants)),
        None => Node::List(elements),
    }
}

fn fold_map(entries: Vec<(Node, ElementNode)>) -> Result<Node, Error> {
    let constants: Option<Vec<_>> = entries
        .iter()
        .map(|(key, element)| match (key, &element.value) {
            (Node::Constant(key), Node::Constant(value)) if !element.optional => {
                Some((key.clone(), value.clone()))
            }
            _ => None,
        })
        .collect();
    match constants {
        Some(constants) => Ok(Node::Constant(crate::eval::make_map(constants)?)),
        None => Ok(Node::Map(entries)),
    }
}
