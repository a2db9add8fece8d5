//! From text to a tree, with the macros expanded. A recursive descent of its own instead of
//! a generated parser: it is bounded in depth, keeps the places that cel-go reports, and
//! speaks in its error texts.
//!
//! Grammar: <https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax>

mod aggregate;
mod lexer;
mod literal;
mod macros;
mod member;
mod token;
mod two_variable;

use crate::ast::{Call, Expr, Id, Kind, operator};
use crate::issue::Issues;
use crate::source::Source;
use lexer::Lexer;
use token::Token;

/// The longest expression, in characters.
const MOST_CHARACTERS: usize = 100_000;
/// How deep expressions may nest; a chain of operators or of fields counts as nesting.
const MOST_DEPTH: usize = 250;
/// How many nodes the macros may make of an expression: `optMap` doubles its target.
const MOST_NODES: Id = 250_000;
/// What an expression may start with.
const STARTS: &str = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

const RESERVED: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "null",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// Parses an expression, in which `cel.bind` is a macro if `bindings`. `Err` has at least one issue.
pub(crate) fn parse(source: &Source, bindings: bool) -> Result<(Expr, Id), Issues> {
    let mut issues = Issues::default();
    if source.len() > MOST_CHARACTERS {
        issues.report_nowhere(format!(
            "expression code point size exceeds limit: size: {}, limit {MOST_CHARACTERS}",
            source.len()
        ));
        return Err(issues);
    }
    let tokens = Lexer::new(source).tokens(&mut issues);
    let mut parser = Parser { source, tokens, at: 0, issues, depth: 0, next_id: 1, bindings };
    let parsed = parser.whole();
    match parsed {
        Some(expr) if parser.issues.is_empty() => Ok((expr, parser.next_id)),
        _ => Err(parser.issues.sorted()),
    }
}

/// Methods return `None` once an error has been reported from which there is no going on.
struct Parser<'a> {
    source: &'a Source,
    tokens: Vec<Token>,
    at: usize,
    issues: Issues,
    depth: usize,
    next_id: Id,
    bindings: bool,
}

impl Parser<'_> {
    fn whole(&mut self) -> Option<Expr> {
        let expr = self.expr()?;
        let rest = self.token().clone();
        if rest.kind != token::Kind::End {
            let single = self.tokens.get(self.at + 1).is_none_or(|next| next.kind == token::Kind::End);
            let what = if single { "extraneous" } else { "mismatched" };
            self.syntax_error(rest.at, format!("{what} input '{}' expecting <EOF>", rest.text));
        }
        Some(expr)
    }

    /// `condition ? then : else`, or what binds tighter.
    fn expr(&mut self) -> Option<Expr> {
        self.deeper()?;
        let condition = self.or()?;
        let expr = match self.take("?") {
            None => condition,
            Some(at) => {
                let then = self.or()?;
                self.expect(":")?;
                let otherwise = self.expr()?;
                self.call(at, operator::CONDITIONAL, vec![condition, then, otherwise])?
            }
        };
        self.depth -= 1;
        Some(expr)
    }

    fn or(&mut self) -> Option<Expr> {
        let mut terms = vec![self.and()?];
        let mut places = Vec::new();
        while let Some(at) = self.take("||") {
            places.push(at);
            terms.push(self.and()?);
        }
        self.balanced(operator::OR, terms, &places)
    }

    fn and(&mut self) -> Option<Expr> {
        let mut terms = vec![self.binary(0)?];
        let mut places = Vec::new();
        while let Some(at) = self.take("&&") {
            places.push(at);
            terms.push(self.binary(0)?);
        }
        self.balanced(operator::AND, terms, &places)
    }

    /// A balanced tree of `terms`, so that a long conjunction is not deep.
    fn balanced(&mut self, function: &str, terms: Vec<Expr>, places: &[usize]) -> Option<Expr> {
        let mut terms = terms;
        if terms.len() == 1 {
            return terms.pop();
        }
        let middle = terms.len() / 2;
        let right = terms.split_off(middle);
        let at = *places.get(middle - 1)?;
        let left = self.balanced(function, terms, &places[..middle - 1])?;
        let right = self.balanced(function, right, &places[middle..])?;
        self.call(at, function, vec![left, right])
    }

    /// Operators that bind at least as tight as `least`, from the left.
    fn binary(&mut self, least: u8) -> Option<Expr> {
        let before = self.depth;
        let mut left = self.unary()?;
        while let Some((symbol, function, precedence)) = self.binary_operator(least) {
            self.deeper()?;
            let at = self.expect(symbol)?;
            let right = self.binary(precedence + 1)?;
            left = self.call(at, function, vec![left, right])?;
        }
        self.depth = before;
        Some(left)
    }

    fn binary_operator(&self, least: u8) -> Option<(&'static str, &'static str, u8)> {
        const OPERATORS: [(&str, &str, u8); 12] = [
            ("<", operator::LESS, 0),
            ("<=", operator::LESS_EQUALS, 0),
            (">=", operator::GREATER_EQUALS, 0),
            (">", operator::GREATER, 0),
            ("==", operator::EQUALS, 0),
            ("!=", operator::NOT_EQUALS, 0),
            ("in", operator::IN, 0),
            ("+", operator::ADD, 1),
            ("-", operator::SUBTRACT, 1),
            ("*", operator::MULTIPLY, 2),
            ("/", operator::DIVIDE, 2),
            ("%", operator::MODULO, 2),
        ];
        let token = self.token();
        OPERATORS.into_iter().find(|(symbol, _, precedence)| *precedence >= least && token.is(symbol))
    }

    fn unary(&mut self) -> Option<Expr> {
        let (symbol, function) = match self.token().text.as_str() {
            "!" if self.token().is("!") => ("!", operator::NOT),
            "-" if self.token().is("-") && !self.before_number() => ("-", operator::NEGATE),
            _ => return self.member(),
        };
        let at = self.token().at;
        let mut count = 0;
        while self.token().is(symbol) {
            self.at += 1;
            count += 1;
        }
        let operand = self.member()?;
        if count % 2 == 0 { Some(operand) } else { self.call(at, function, vec![operand]) }
    }

    /// A minus that is the sign of the number behind it.
    fn before_number(&self) -> bool {
        let next = self.tokens.get(self.at + 1);
        next.is_some_and(|next| matches!(next.kind, token::Kind::Int | token::Kind::Float))
    }

    fn call(&mut self, at: usize, function: &str, args: Vec<Expr>) -> Option<Expr> {
        let call = Call { function: function.to_owned(), target: None, args };
        self.node(at, Kind::Call(Box::new(call)))
    }

    /// A new expression. `None` if there are too many.
    fn node(&mut self, at: usize, kind: Kind) -> Option<Expr> {
        if self.next_id >= MOST_NODES {
            self.issues.report_nowhere("expression is too large when its macros are expanded");
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        Some(Expr { id, at, kind })
    }

    fn deeper(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            self.issues.report_nowhere(format!("expression recursion limit exceeded: {MOST_DEPTH}"));
            return None;
        }
        Some(())
    }

    /// The token to be read. There is always one: the last is the end.
    fn token(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn take(&mut self, symbol: &str) -> Option<usize> {
        let token = self.token();
        let at = token.is(symbol).then_some(token.at)?;
        self.at += 1;
        Some(at)
    }

    /// Reads a symbol that has to come. A needless token before it is reported and left out.
    fn expect(&mut self, symbol: &str) -> Option<usize> {
        if let Some(at) = self.take(symbol) {
            return Some(at);
        }
        let found = self.token().clone();
        if found.kind == token::Kind::End {
            self.syntax_error(found.at, format!("missing '{symbol}' at '<EOF>'"));
            return None;
        }
        if self.tokens.get(self.at + 1).is_some_and(|next| next.is(symbol)) {
            self.syntax_error(found.at, format!("extraneous input '{}' expecting '{symbol}'", found.text));
            self.at += 2;
            return Some(found.at);
        }
        self.syntax_error(found.at, format!("mismatched input '{}' expecting '{symbol}'", found.text));
        None
    }

    fn syntax_error(&mut self, at: usize, message: String) {
        self.issues.report(self.source, at, format!("Syntax error: {message}"));
    }

    fn report(&mut self, at: usize, message: impl Into<String>) {
        self.issues.report(self.source, at, message);
    }
}
