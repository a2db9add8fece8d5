//! Names, calls, fields, indexes, and what stands at the leaves.

use super::token::{Kind as TokenKind, Token};
use super::{Parser, RESERVED, STARTS, literal};
use crate::ast::{Call, Expr, Kind, Literal, Select, operator};

impl Parser<'_> {
    /// A primary expression and what is applied to it.
    pub(super) fn member(&mut self) -> Option<Expr> {
        let before = self.depth;
        let mut expr = self.primary()?;
        loop {
            if let Some(at) = self.take(".") {
                self.deeper()?;
                expr = self.field(at, expr)?;
            } else if let Some(at) = self.take("[") {
                self.deeper()?;
                let function = if self.take("?").is_some() { operator::OPT_INDEX } else { operator::INDEX };
                let index = self.expr()?;
                self.expect("]")?;
                expr = self.call(at, function, vec![expr, index])?;
            } else {
                self.depth = before;
                return Some(expr);
            }
        }
    }

    /// What follows a dot: a field, an optional field or a method.
    fn field(&mut self, dot: usize, operand: Expr) -> Option<Expr> {
        let optional = self.take("?").is_some();
        let name = self.token().clone();
        match name.kind {
            TokenKind::Identifier => self.at += 1,
            TokenKind::EscapedIdentifier => {
                self.report(name.at, "unsupported syntax: '`'");
                return None;
            }
            _ => {
                self.no_identifier(dot, &name);
                return None;
            }
        }
        if optional {
            let field = self.node(name.at, Kind::Literal(Literal::String(name.text)))?;
            return self.call(dot, operator::OPT_SELECT, vec![operand, field]);
        }
        if let Some(open) = self.take("(") {
            let args = self.arguments()?;
            return self.expand_or_call(open, name.text, Some(operand), args);
        }
        let select = Select { operand, field: name.text, test_only: false };
        self.node(dot, Kind::Select(Box::new(select)))
    }

    /// Reports what stands where a name has to, behind the dot.
    fn no_identifier(&mut self, dot: usize, found: &Token) {
        let message = match found.kind {
            TokenKind::Word => format!("mismatched input '{}' expecting IDENTIFIER", found.text),
            _ if self.tokens[self.at - 1].is("?") => {
                format!("mismatched input '{}' expecting {{IDENTIFIER, ESC_IDENTIFIER}}", found.text)
            }
            _ => self.no_alternative(dot, found),
        };
        self.syntax_error(found.at, message);
    }

    /// What is wrong with everything from a dot to a token that cannot follow it.
    fn no_alternative(&self, dot: usize, found: &Token) -> String {
        let end = match found.kind {
            TokenKind::End => dot + 1,
            _ => found.at + found.text.chars().count(),
        };
        let text = self.source.text(dot, end).replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
        format!("no viable alternative at input '{text}'")
    }

    fn primary(&mut self) -> Option<Expr> {
        let token = self.token().clone();
        match token.kind {
            TokenKind::Identifier => self.name(false),
            TokenKind::Symbol => self.bracketed(&token),
            TokenKind::End | TokenKind::EscapedIdentifier => self.no_expression(&token),
            _ => {
                self.at += 1;
                self.literal(&token, token.at, false)
            }
        }
    }

    fn bracketed(&mut self, token: &Token) -> Option<Expr> {
        match token.text.as_str() {
            "(" => {
                self.at += 1;
                let inner = self.expr()?;
                self.expect(")")?;
                Some(inner)
            }
            "[" => self.list(),
            "{" => self.map(),
            "." => self.rooted(token.at),
            "-" if self.before_number() => {
                let number = self.tokens.get(self.at + 1)?.clone();
                self.at += 2;
                self.literal(&number, token.at, true)
            }
            _ => self.no_expression(token),
        }
    }

    /// `.name`: a name that is looked for outside of every container.
    fn rooted(&mut self, dot: usize) -> Option<Expr> {
        self.at += 1;
        let next = self.token().clone();
        if next.kind == TokenKind::Identifier {
            return self.name(true);
        }
        let message = self.no_alternative(dot, &next);
        self.syntax_error(next.at, message);
        None
    }

    /// Reports a token that starts no expression; goes on behind it if one starts there.
    fn no_expression(&mut self, token: &Token) -> Option<Expr> {
        let next = self.tokens.get(self.at + 1);
        let starts = next.is_some_and(|next| match next.kind {
            TokenKind::Symbol => ["(", "[", "{", "-", "!", "."].iter().any(|symbol| next.is(symbol)),
            TokenKind::End | TokenKind::EscapedIdentifier => false,
            _ => true,
        });
        let what = if starts { "extraneous" } else { "mismatched" };
        self.syntax_error(token.at, format!("{what} input '{}' expecting {STARTS}", token.text));
        if !starts {
            return None;
        }
        self.at += 1;
        self.deeper()?;
        self.unary()
    }

    fn literal(&mut self, token: &Token, at: usize, negative: bool) -> Option<Expr> {
        match literal::value(token, negative) {
            Ok(value) => self.node(at, Kind::Literal(value)),
            Err(why) => {
                self.report(at, why);
                self.node(at, Kind::Literal(Literal::Null))
            }
        }
    }

    /// An identifier, a call of a function, or the construction of a message.
    fn name(&mut self, leading_dot: bool) -> Option<Expr> {
        let token = self.token().clone();
        self.at += 1;
        if let Some(message) = self.message(leading_dot, &token.text) {
            return message;
        }
        let reserved = RESERVED.contains(&token.text.as_str());
        if reserved {
            self.report(token.at, format!("reserved identifier: {}", token.text));
        }
        let name = if leading_dot { format!(".{}", token.text) } else { token.text };
        match self.take("(") {
            Some(open) => {
                let args = self.arguments()?;
                self.expand_or_call(open, name, None, args)
            }
            None => self.node(token.at, Kind::Ident(name)),
        }
    }

    /// The arguments up to the closing bracket, which is read too.
    fn arguments(&mut self) -> Option<Vec<Expr>> {
        let mut args = Vec::new();
        if self.take(")").is_some() {
            return Some(args);
        }
        loop {
            args.push(self.expr()?);
            if self.take(",").is_none() {
                self.expect(")")?;
                return Some(args);
            }
        }
    }

    fn expand_or_call(
        &mut self,
        at: usize,
        function: String,
        target: Option<Expr>,
        args: Vec<Expr>,
    ) -> Option<Expr> {
        let call = Call { function, target, args };
        match self.expand(at, call) {
            Ok(expanded) => expanded,
            Err(call) => self.node(at, Kind::Call(Box::new(call))),
        }
    }
}
