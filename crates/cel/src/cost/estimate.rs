//! What an expression may cost at most, worked out from its tree and from how large the
//! values of its variables may be.

use std::collections::HashMap;

use super::library::{self, Argument};
use super::{Interval, LIST, MAP, MESSAGE, PATTERN, Sizes, TRAVERSAL};
use crate::ast::{Call, Comprehension, Expr, Id, Kind, Literal, Select, operator};
use crate::check::Checked;
use crate::types::Type;

/// The least and the most that an evaluation costs.
pub(crate) fn estimate(checked: &Checked, sizes: &dyn Sizes) -> Interval {
    let mut estimator = Estimator {
        checked,
        known: sizes,
        paths: HashMap::new(),
        sizes: HashMap::new(),
        entries: HashMap::new(),
        locals: Vec::new(),
    };
    estimator.cost(&checked.expr)
}

/// The sizes of what is inside a list or a map.
#[derive(Clone, Copy, Debug)]
struct Entries {
    list: bool,
    key: Interval,
    value: Interval,
}

/// A macro's variable.
struct Local {
    name: String,
    path: Vec<String>,
    size: Option<Interval>,
    entries: Option<Entries>,
}

struct Estimator<'e> {
    checked: &'e Checked,
    known: &'e dyn Sizes,
    /// The place in the variables that an expression reads.
    paths: HashMap<Id, Vec<String>>,
    sizes: HashMap<Id, Interval>,
    entries: HashMap<Id, Entries>,
    locals: Vec<Local>,
}

/// The cost of a call and the size of its result.
pub(super) struct CallEstimate {
    pub(super) cost: Interval,
    pub(super) size: Option<Interval>,
}

impl CallEstimate {
    pub(super) fn of(cost: Interval) -> Self {
        Self { cost, size: None }
    }

    pub(super) fn sized(cost: Interval, size: Interval) -> Self {
        Self { cost, size: Some(size) }
    }
}

impl Estimator<'_> {
    fn cost(&mut self, expr: &Expr) -> Interval {
        match &expr.kind {
            Kind::Literal(_) => Interval::ZERO,
            Kind::Ident(name) => {
                let path = self.local(name).map_or_else(|| vec![name.clone()], |local| local.path.clone());
                self.paths.insert(expr.id, path);
                Interval::ONE
            }
            Kind::Select(select) => self.select(expr, select),
            Kind::Call(call) => self.call(expr, call),
            Kind::List(elements) => {
                let values: Vec<_> = elements.iter().map(|element| &element.value).collect();
                let (cost, value) = self.all(&values);
                self.entries.insert(expr.id, Entries { list: true, key: Interval::ONE, value });
                cost.add(Interval::exactly(LIST))
            }
            Kind::Map(entries) => {
                let keys: Vec<_> = entries.iter().map(|entry| &entry.key).collect();
                let values: Vec<_> = entries.iter().map(|entry| &entry.value).collect();
                let (keys_cost, key) = self.all(&keys);
                let (values_cost, value) = self.all(&values);
                self.entries.insert(expr.id, Entries { list: false, key, value });
                keys_cost.add(values_cost).add(Interval::exactly(MAP))
            }
            Kind::Struct(_, fields) => {
                let values: Vec<_> = fields.iter().map(|field| &field.value).collect();
                self.all(&values).0.add(Interval::exactly(MESSAGE))
            }
            Kind::Comprehension(comprehension) => self.comprehension(expr, comprehension),
        }
    }

    /// The cost of all, and the size that covers each.
    fn all(&mut self, exprs: &[&Expr]) -> (Interval, Interval) {
        let mut cost = Interval::ZERO;
        let mut size = if exprs.is_empty() { Interval::ZERO } else { Interval::NOTHING };
        for expr in exprs {
            cost = cost.add(self.cost(expr));
            size = size.union(self.size_or_unknown(expr));
        }
        (cost, size)
    }

    fn select(&mut self, expr: &Expr, select: &Select) -> Interval {
        if self.checked.reference(expr).is_some() {
            // A name with dots in it is a name.
            self.paths.insert(expr.id, expr.qualified_name().into_iter().collect());
            return Interval::ONE;
        }
        let mut cost = self.cost(&select.operand);
        if select.test_only {
            return cost;
        }
        let of = self.checked.type_of(&select.operand);
        if matches!(of, Type::Map(_) | Type::Object(_) | Type::Message(_)) {
            cost = cost.add(Interval::ONE);
        }
        let mut path = self.path(&select.operand);
        path.push(select.field.clone());
        self.paths.insert(expr.id, path);
        cost
    }

    fn comprehension(&mut self, expr: &Expr, comprehension: &Comprehension) -> Interval {
        let Comprehension { range, first, second, accumulator, init, condition, step, result } =
            comprehension;
        let mut cost = self.cost(range).add(self.cost(init));
        let outer = self.locals.len();
        let bound = Local {
            name: accumulator.clone(),
            path: self.path(init),
            size: self.size(init),
            entries: self.entries_of(init),
        };
        self.locals.push(bound);
        if is_binding(comprehension) {
            cost = cost.add(self.cost(result));
            self.locals.truncate(outer);
            self.copy_size(expr, result);
            return cost;
        }
        self.push_iteration(range, first, second.as_deref());
        let turn = self.cost(condition).add(self.cost(step));
        self.locals.truncate(outer + 1);
        cost = cost.add(self.cost(result));
        self.locals.truncate(outer);
        let count = self.size_or_unknown(range);
        match &init.kind {
            Kind::Literal(_) => self.copy_size(expr, init),
            Kind::List(_) | Kind::Map(_) => {
                self.sizes.insert(expr.id, count);
                if let Some(entries) = self.entries_of(step) {
                    self.entries.insert(expr.id, entries);
                }
            }
            _ => {}
        }
        cost.add(count.multiply(turn))
    }

    /// The variables of a loop over `range`.
    fn push_iteration(&mut self, range: &Expr, first: &str, second: Option<&str>) {
        let entries = self.entries_of(range);
        let list =
            entries.map_or(matches!(self.checked.type_of(range), Type::List(_)), |entries| entries.list);
        let (key, value) = (entries.map(|entries| entries.key), entries.map(|entries| entries.value));
        let path = self.path(range);
        let mut push = |name: &str, step: &str, size: Option<Interval>| {
            let mut path = path.clone();
            path.push(step.to_owned());
            self.locals.push(Local { name: name.to_owned(), path, size, entries: None });
        };
        match second {
            None if list => push(first, "@items", value),
            None => push(first, "@keys", key),
            Some(second) => {
                push(first, if list { "@indices" } else { "@keys" }, key);
                push(second, if list { "@items" } else { "@values" }, value);
            }
        }
    }

    fn call(&mut self, expr: &Expr, call: &Call) -> Interval {
        if call.function == "dyn"
            && let [arg] = call.args.as_slice()
        {
            let cost = self.cost(arg);
            self.copy_size(expr, arg);
            return cost.add(Interval::ONE);
        }
        let costs: Vec<Interval> = call.args.iter().map(|arg| self.cost(arg)).collect();
        let target_cost = call.target.as_ref().map_or(Interval::ZERO, |target| self.cost(target));
        let overloads = self.checked.overloads(expr);
        // `a.?b` has no overload, and upstream counts nothing for it.
        if overloads.is_empty() && call.function != operator::OPT_SELECT {
            return Interval::ZERO;
        }
        let ids: Vec<&str> = if call.function == operator::OPT_SELECT {
            vec!["select_optional_field"]
        } else {
            overloads.iter().map(|overload| overload.id).collect()
        };
        let mut cost = Interval::NOTHING;
        let mut size: Option<Interval> = None;
        for id in ids {
            let one = self.overload(expr, call, id, &costs);
            cost = cost.union(one.cost);
            size = match (size, one.size) {
                (Some(a), Some(b)) => Some(a.union(b)),
                (a, b) => a.or(b),
            };
            if let ("index_list" | "index_map", Some(operand)) = (id, call.args.first()) {
                size = self.entries_of(operand).map(|entries| entries.value);
                let mut path = self.path(operand);
                path.push(if id == "index_list" { "@items" } else { "@values" }.to_owned());
                self.paths.insert(expr.id, path);
            }
            size = size.or_else(|| self.size(expr));
        }
        if let Some(size) = size {
            self.sizes.insert(expr.id, size);
        }
        target_cost.add(cost)
    }

    fn overload(&mut self, expr: &Expr, call: &Call, id: &str, costs: &[Interval]) -> CallEstimate {
        let sum = costs.iter().fold(Interval::ZERO, |sum, cost| sum.add(*cost));
        let target = call.target.as_ref().map(|target| self.argument(target));
        let args: Vec<Argument> = call.args.iter().map(|arg| self.argument(arg)).collect();
        if let Some(found) = library::estimate(&call.function, id, target.as_ref(), &args, self.known) {
            return CallEstimate { cost: found.cost.add(sum), size: found.size };
        }
        let logical = self.logical(expr, call, id, &args, costs);
        logical.unwrap_or_else(|| {
            let own = standard(id, target.as_ref(), &args);
            CallEstimate { cost: own.cost.add(sum), size: own.size }
        })
    }

    /// Operators that do not evaluate all of their operands, and those that join containers.
    fn logical(
        &mut self,
        expr: &Expr,
        call: &Call,
        id: &str,
        args: &[Argument],
        costs: &[Interval],
    ) -> Option<CallEstimate> {
        match (id, call.args.as_slice(), costs) {
            ("logical_and" | "logical_or", _, [left, right]) => {
                Some(CallEstimate::of(Interval { min: left.min, max: left.add(*right).max }))
            }
            ("conditional", [_, then, otherwise], [condition, if_true, if_false]) => {
                self.join_entries(expr, then, otherwise);
                let size = args.get(1)?.size().union(args.get(2)?.size());
                Some(CallEstimate::sized(condition.add(if_true.union(*if_false)), size))
            }
            ("add_string" | "add_bytes" | "add_list", [left, right], [a, b]) => {
                self.join_entries(expr, left, right);
                let size = args.first()?.size().add(args.get(1)?.size());
                let own = if id == "add_list" { Interval::ONE } else { size.scale(TRAVERSAL) };
                Some(CallEstimate::sized(own.add(*a).add(*b), size))
            }
            _ => None,
        }
    }

    fn join_entries(&mut self, expr: &Expr, left: &Expr, right: &Expr) {
        if let (Some(a), Some(b)) = (self.entries_of(left), self.entries_of(right)) {
            let joined = Entries { list: a.list, key: a.key.union(b.key), value: a.value.union(b.value) };
            self.entries.insert(expr.id, joined);
        }
    }

    fn argument(&mut self, expr: &Expr) -> Argument {
        let path = self.path(expr);
        let path =
            if path.first().is_some_and(|name| name == operator::ACCUMULATOR) { Vec::new() } else { path };
        let literal = match &expr.kind {
            Kind::Literal(Literal::Int(value)) => Some(*value),
            _ => None,
        };
        Argument { path, of: self.checked.type_of(expr).clone(), computed: self.size(expr), literal }
    }

    fn local(&self, name: &str) -> Option<&Local> {
        self.locals.iter().rev().find(|local| local.name == name)
    }

    fn path(&self, expr: &Expr) -> Vec<String> {
        if let Kind::Ident(name) = &expr.kind
            && let Some(local) = self.local(name)
        {
            return local.path.clone();
        }
        self.paths.get(&expr.id).cloned().unwrap_or_default()
    }

    fn size_or_unknown(&mut self, expr: &Expr) -> Interval {
        self.size(expr).unwrap_or(Interval::UNKNOWN)
    }

    fn size(&mut self, expr: &Expr) -> Option<Interval> {
        if let Some(size) = self.sizes.get(&expr.id) {
            return Some(*size);
        }
        if let Some(size) = literal_size(expr) {
            return Some(Interval::exactly(size));
        }
        let path = self.path(expr);
        if !path.is_empty()
            && let Some(size) = self.known.size(&path)
        {
            self.sizes.insert(expr.id, size);
            return Some(size);
        }
        if self.checked.type_of(expr).is_scalar() {
            return Some(Interval::ONE);
        }
        match &expr.kind {
            Kind::Ident(name) => self.local(name)?.size,
            _ => None,
        }
    }

    fn entries_of(&self, expr: &Expr) -> Option<Entries> {
        if let Some(entries) = self.entries.get(&expr.id) {
            return Some(*entries);
        }
        match &expr.kind {
            Kind::Ident(name) => self.local(name)?.entries,
            _ => None,
        }
    }

    fn copy_size(&mut self, to: &Expr, from: &Expr) {
        if let Some(size) = self.size(from) {
            self.sizes.insert(to.id, size);
        }
        if let Some(entries) = self.entries_of(from) {
            self.entries.insert(to.id, entries);
        }
    }
}

/// `let accumulator = init in result`: a loop that is never entered.
fn is_binding(comprehension: &Comprehension) -> bool {
    matches!(&comprehension.range.kind, Kind::List(elements) if elements.is_empty())
        && matches!(comprehension.condition.kind, Kind::Literal(Literal::Bool(false)))
}

fn literal_size(expr: &Expr) -> Option<u64> {
    let size = match &expr.kind {
        Kind::Literal(Literal::String(text)) => text.chars().count(),
        Kind::Literal(Literal::Bytes(bytes)) => bytes.len(),
        Kind::Literal(_) => 1,
        Kind::List(elements) => elements.len(),
        Kind::Map(entries) => entries.len(),
        _ => return None,
    };
    Some(size as u64)
}

/// The functions of CEL itself.
fn standard(id: &str, target: Option<&Argument>, args: &[Argument]) -> CallEstimate {
    let size = |at: usize| args.get(at).map_or(Interval::UNKNOWN, Argument::size);
    match (id, target, args.len()) {
        ("string_format", Some(target), _) => CallEstimate::of(target.size().scale(TRAVERSAL)),
        ("string_to_bytes", _, 1) => {
            let result = Interval { min: size(0).min, max: size(0).max.wrapping_mul(4) };
            CallEstimate::sized(size(0).scale(TRAVERSAL), result)
        }
        ("bytes_to_string", _, 1) => {
            CallEstimate::sized(size(0).scale(TRAVERSAL), Interval { min: size(0).min / 4, max: size(0).max })
        }
        ("strings_quote", _, 1) => {
            let max = size(0).max.wrapping_mul(2).wrapping_add(2);
            CallEstimate::sized(size(0).scale(TRAVERSAL), Interval { min: size(0).min.wrapping_add(2), max })
        }
        ("starts_with_string" | "ends_with_string", _, 1) => CallEstimate::of(size(0).scale(TRAVERSAL)),
        ("in_list", _, 2) => CallEstimate::of(size(1)),
        ("matches_string", Some(target), 1) => {
            let text = target.size().add(Interval::ONE).scale(TRAVERSAL);
            CallEstimate::of(text.multiply(size(0).scale(PATTERN)))
        }
        ("contains_string", Some(target), 1) => {
            CallEstimate::of(target.size().scale(TRAVERSAL).multiply(size(0).scale(TRAVERSAL)))
        }
        ("compare_string" | "compare_bytes" | "equals" | "not_equals", _, 2) => {
            let max = size(0).max.min(size(1).max);
            CallEstimate::of(Interval { min: max.min(1), max }.scale(TRAVERSAL))
        }
        _ => CallEstimate::of(Interval::ONE),
    }
}
