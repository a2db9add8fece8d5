//! `has`, `all`, `exists`, `exists_one`, `map`, `filter`, `optMap`, `optFlatMap` and `cel.bind`: calls
//! that are written out as loops and tests before anything looks at their types.

use super::Parser;
use crate::ast::{Call, Comprehension, Element, Expr, Kind, Literal, Select, operator};

const OVERWRITES: &str = "iteration variable overwrites accumulator variable";

impl Parser<'_> {
    /// The expansion of a macro (`None` after an error), or the call if it is no macro.
    pub(super) fn expand(&mut self, at: usize, call: Call) -> Result<Option<Expr>, Call> {
        let Call { function, target, mut args } = call;
        match (function.as_str(), target, args.len()) {
            ("has", None, 1) => Ok(self.has(at, args.remove(0))),
            ("all" | "exists" | "exists_one" | "existsOne", Some(target), 2) => {
                Ok(self.quantifier(at, &function, target, args))
            }
            ("map" | "filter", Some(target), 2) => Ok(self.gather(at, &function, target, args)),
            ("map", Some(target), 3) => Ok(self.gather(at, "map", target, args)),
            ("optMap" | "optFlatMap", Some(target), 2) => Ok(self.optional_map(at, &function, target, args)),
            ("sortBy", Some(target), 2) => Ok(self.sort_by(at, target, args)),
            ("bind", Some(target), 3) if self.bindings && target.is_named("cel") => Ok(self.bind(at, args)),
            (_, Some(target), 3 | 4) => self.expand_two_variables(at, function, target, args),
            (_, target, _) => Err(Call { function, target, args }),
        }
    }

    fn has(&mut self, at: usize, arg: Expr) -> Option<Expr> {
        let Kind::Select(select) = arg.kind else {
            self.report(arg.at, "invalid argument to has() macro");
            return None;
        };
        let select = Select { test_only: true, ..*select };
        self.node(at, Kind::Select(Box::new(select)))
    }

    fn quantifier(&mut self, at: usize, name: &str, target: Expr, mut args: Vec<Expr>) -> Option<Expr> {
        let predicate = args.pop()?;
        let first = self.variable(&args.pop()?, "argument must be a simple name")?;
        let quantifier = self.quantify(at, name, predicate)?;
        self.comprehension(at, target, (first, None), quantifier)
    }

    /// The loop of `all`, `exists` and `exists_one` over a predicate.
    pub(super) fn quantify(&mut self, at: usize, name: &str, predicate: Expr) -> Option<Loop> {
        let accumulator = self.accumulator(at)?;
        let lines = match name {
            "all" => {
                let condition = self.accumulator(at)?;
                Loop {
                    init: self.boolean(at, true)?,
                    condition: self.call(at, operator::NOT_STRICTLY_FALSE, vec![condition])?,
                    step: self.call(at, operator::AND, vec![accumulator, predicate])?,
                    result: self.accumulator(at)?,
                }
            }
            "exists" => {
                let condition = self.accumulator(at)?;
                let condition = self.call(at, operator::NOT, vec![condition])?;
                Loop {
                    init: self.boolean(at, false)?,
                    condition: self.call(at, operator::NOT_STRICTLY_FALSE, vec![condition])?,
                    step: self.call(at, operator::OR, vec![accumulator, predicate])?,
                    result: self.accumulator(at)?,
                }
            }
            _ => {
                let one = self.int(at, 1)?;
                let more = self.call(at, operator::ADD, vec![accumulator, one])?;
                let same = self.accumulator(at)?;
                let (count, one) = (self.accumulator(at)?, self.int(at, 1)?);
                Loop {
                    init: self.int(at, 0)?,
                    condition: self.boolean(at, true)?,
                    step: self.call(at, operator::CONDITIONAL, vec![predicate, more, same])?,
                    result: self.call(at, operator::EQUALS, vec![count, one])?,
                }
            }
        };
        Some(lines)
    }

    /// `map` and `filter`: a list of what the elements become.
    fn gather(&mut self, at: usize, name: &str, target: Expr, mut args: Vec<Expr>) -> Option<Expr> {
        let variable = args.first()?.clone();
        let first = self.variable(&variable, "argument is not an identifier")?;
        let last = args.pop()?;
        let (filter, transform) = match name {
            "filter" => (Some(last), variable),
            _ => (args.get(1).cloned(), last),
        };
        let element = Element { value: transform, optional: false };
        let list = self.node(at, Kind::List(vec![element]))?;
        let accumulator = self.accumulator(at)?;
        let step = self.call(at, operator::ADD, vec![accumulator, list])?;
        let init = self.node(at, Kind::List(Vec::new()))?;
        let gathered = self.filtered(at, init, step, filter)?;
        self.comprehension(at, target, (first, None), gathered)
    }

    /// A loop that takes `step` for what passes the filter, and its accumulator at the end.
    pub(super) fn filtered(
        &mut self,
        at: usize,
        init: Expr,
        step: Expr,
        filter: Option<Expr>,
    ) -> Option<Loop> {
        let step = match filter {
            None => step,
            Some(filter) => {
                let same = self.accumulator(at)?;
                self.call(at, operator::CONDITIONAL, vec![filter, step, same])?
            }
        };
        Some(Loop { init, condition: self.boolean(at, true)?, step, result: self.accumulator(at)? })
    }

    /// `target.hasValue() ? optional.of(let variable = target.value() in body) : optional.none()`.
    fn optional_map(&mut self, at: usize, name: &str, target: Expr, mut args: Vec<Expr>) -> Option<Expr> {
        let body = args.pop()?;
        let variable = args.pop()?;
        let Kind::Ident(variable) = variable.kind else {
            self.report(variable.at, format!("{name}() variable name must be a simple identifier"));
            return None;
        };
        let copy = self.copy(&target)?;
        let present = self.method(at, "hasValue", target)?;
        let value = self.method(at, "value", copy)?;
        let mut mapped = self.binding(at, variable, value, body)?;
        if name == "optMap" {
            mapped = self.call(at, "optional.of", vec![mapped])?;
        }
        let none = self.call(at, "optional.none", Vec::new())?;
        self.call(at, operator::CONDITIONAL, vec![present, mapped, none])
    }

    /// `let input = target in input.@sortByAssociatedKeys(input.map(variable, key))`.
    fn sort_by(&mut self, at: usize, target: Expr, args: Vec<Expr>) -> Option<Expr> {
        const INPUT: &str = "@__sortBy_input__";
        let input = |parser: &mut Self| parser.node(at, Kind::Ident(INPUT.to_owned()));
        if matches!(target.kind, Kind::Literal(_) | Kind::Map(_) | Kind::Struct(..)) {
            let what =
                "sortBy can only be applied to a list, identifier, comprehension, call or select expression";
            self.report(target.at, what);
            return None;
        }
        let over = input(self)?;
        let keys = self.gather(at, "map", over, args)?;
        let sorted = input(self)?;
        let call =
            Call { function: "@sortByAssociatedKeys".to_owned(), target: Some(sorted), args: vec![keys] };
        let result = self.node(at, Kind::Call(Box::new(call)))?;
        self.binding(at, INPUT.to_owned(), target, result)
    }

    /// `cel.bind(name, value, result)`
    fn bind(&mut self, at: usize, mut args: Vec<Expr>) -> Option<Expr> {
        let (result, value, name) = (args.pop()?, args.pop()?, args.pop()?);
        let Kind::Ident(name) = name.kind else {
            self.report(name.at, "cel.bind() variable names must be simple identifiers");
            return None;
        };
        self.binding(at, name, value, result)
    }

    /// `let name = value in result`, as a loop that is never entered.
    fn binding(&mut self, at: usize, name: String, value: Expr, result: Expr) -> Option<Expr> {
        let (range, condition) = (self.node(at, Kind::List(Vec::new()))?, self.boolean(at, false)?);
        let step = self.node(at, Kind::Ident(name.clone()))?;
        let first = "#unused".to_owned();
        let binding = Comprehension {
            range,
            first,
            second: None,
            accumulator: name,
            init: value,
            condition,
            step,
            result,
        };
        self.node(at, Kind::Comprehension(Box::new(binding)))
    }

    pub(super) fn comprehension(
        &mut self,
        at: usize,
        range: Expr,
        (first, second): (String, Option<String>),
        lines: Loop,
    ) -> Option<Expr> {
        let Loop { init, condition, step, result } = lines;
        let accumulator = operator::ACCUMULATOR.to_owned();
        let comprehension =
            Comprehension { range, first, second, accumulator, init, condition, step, result };
        self.node(at, Kind::Comprehension(Box::new(comprehension)))
    }

    /// The name of an iteration variable.
    pub(super) fn variable(&mut self, arg: &Expr, otherwise: &str) -> Option<String> {
        match &arg.kind {
            Kind::Ident(name) if name == "__result__" => self.report(arg.at, OVERWRITES),
            Kind::Ident(name) => return Some(name.clone()),
            _ => self.report(arg.at, otherwise),
        }
        None
    }

    pub(super) fn accumulator(&mut self, at: usize) -> Option<Expr> {
        self.node(at, Kind::Ident(operator::ACCUMULATOR.to_owned()))
    }

    fn boolean(&mut self, at: usize, value: bool) -> Option<Expr> {
        self.node(at, Kind::Literal(Literal::Bool(value)))
    }

    fn int(&mut self, at: usize, value: i64) -> Option<Expr> {
        self.node(at, Kind::Literal(Literal::Int(value)))
    }

    fn method(&mut self, at: usize, name: &str, target: Expr) -> Option<Expr> {
        let call = Call { function: name.to_owned(), target: Some(target), args: Vec::new() };
        self.node(at, Kind::Call(Box::new(call)))
    }

    /// The same expression again, under numbers of its own.
    fn copy(&mut self, expr: &Expr) -> Option<Expr> {
        let mut copy = expr.clone();
        self.renumber(&mut copy)?;
        Some(copy)
    }

    fn renumber(&mut self, expr: &mut Expr) -> Option<()> {
        expr.id = self.node(expr.at, Kind::Literal(Literal::Null))?.id;
        match &mut expr.kind {
            Kind::Literal(_) | Kind::Ident(_) => Some(()),
            Kind::Select(select) => self.renumber(&mut select.operand),
            Kind::Call(call) => {
                call.target.iter_mut().chain(&mut call.args).try_for_each(|e| self.renumber(e))
            }
            Kind::List(elements) => elements.iter_mut().try_for_each(|e| self.renumber(&mut e.value)),
            Kind::Map(entries) => entries.iter_mut().try_for_each(|entry| {
                self.renumber(&mut entry.key)?;
                self.renumber(&mut entry.value)
            }),
            Kind::Struct(_, fields) => {
                fields.iter_mut().try_for_each(|field| self.renumber(&mut field.value))
            }
            Kind::Comprehension(c) => {
                [&mut c.range, &mut c.init, &mut c.condition, &mut c.step, &mut c.result]
                    .into_iter()
                    .try_for_each(|e| self.renumber(e))
            }
        }
    }
}

/// The parts of a comprehension that differ from macro to macro.
pub(super) struct Loop {
    pub(super) init: Expr,
    pub(super) condition: Expr,
    pub(super) step: Expr,
    pub(super) result: Expr,
}
