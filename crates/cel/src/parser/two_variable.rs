//! The macros with a variable for the index or key and one for the value.

use super::Parser;
use crate::ast::{Call, Element, Expr, Kind, operator};

impl Parser<'_> {
    /// The expansion of a macro with two variables, or the call if it is none.
    pub(super) fn expand_two_variables(
        &mut self,
        at: usize,
        function: String,
        target: Expr,
        args: Vec<Expr>,
    ) -> Result<Option<Expr>, Call> {
        match (function.as_str(), args.len()) {
            ("all" | "exists" | "existsOne" | "exists_one", 3)
            | ("transformList" | "transformMap" | "transformMapEntry", _) => {
                Ok(self.two_variables(at, &function, target, args))
            }
            _ => Err(Call { function, target: Some(target), args }),
        }
    }

    fn two_variables(&mut self, at: usize, name: &str, target: Expr, mut args: Vec<Expr>) -> Option<Expr> {
        let first = self.variable(args.first()?, "argument must be a simple name")?;
        let second = self.variable(args.get(1)?, "argument must be a simple name")?;
        if first == second {
            self.report(args.get(1)?.at, format!("duplicate variable name: {first}"));
            return None;
        }
        let last = args.pop()?;
        let filter = args.get(2).cloned();
        let lines = match name {
            "transformList" | "transformMap" | "transformMapEntry" => {
                let (init, step) = self.transform(at, name, &first, last)?;
                self.filtered(at, init, step, filter)?
            }
            _ => self.quantify(at, name, last)?,
        };
        self.comprehension(at, target, (first, Some(second)), lines)
    }

    fn transform(&mut self, at: usize, name: &str, key: &str, value: Expr) -> Option<(Expr, Expr)> {
        let accumulator = self.accumulator(at)?;
        if name == "transformList" {
            let list = self.node(at, Kind::List(vec![Element { value, optional: false }]))?;
            let step = self.call(at, operator::ADD, vec![accumulator, list])?;
            return Some((self.node(at, Kind::List(Vec::new()))?, step));
        }
        let mut args = vec![accumulator];
        if name == "transformMap" {
            args.push(self.node(at, Kind::Ident(key.to_owned()))?);
        }
        args.push(value);
        let step = self.call(at, operator::MAP_INSERT, args)?;
        Some((self.node(at, Kind::Map(Vec::new()))?, step))
    }
}
