//! The text form of a label selector, read by recursive descent over its tokens.
//!
//! ```text
//! selector    = [ requirement { "," requirement } ]
//! requirement = [ "!" ] KEY | KEY operator VALUE | KEY ( "in" | "notin" ) "(" values ")"
//! operator    = "=" | "==" | "!=" | ">" | "<"
//! values      = [ VALUE ] { "," [ VALUE ] }
//! ```

use std::collections::BTreeSet;

use super::{Operator, Requirement, joined};
use crate::field::{FieldError, Path};
use crate::validation::qualified_name;

/// What upstream says of a text that is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(String);

type Parsed<T> = Result<T, ParseError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    End,
    /// A sign, a keyword or a bracket.
    Mark(&'a str),
    Word(&'a str),
}

impl<'a> Token<'a> {
    fn literal(self) -> &'a str {
        match self {
            Self::End => "",
            Self::Mark(text) | Self::Word(text) => text,
        }
    }

    /// Where a value is expected, `in` and `notin` are words.
    fn as_value(self) -> Self {
        match self {
            Self::Mark(word @ ("in" | "notin")) => Self::Word(word),
            other => other,
        }
    }
}

/// The longer ones first: the longest that fits is the token.
const SIGNS: [&str; 9] = ["==", "!=", "=", "!", ">", "<", "(", ")", ","];

fn is_sign(c: char) -> bool {
    "=!(),><".contains(c)
}

fn is_space(c: char) -> bool {
    " \t\r\n".contains(c)
}

pub(super) fn parse(text: &str) -> Parsed<Vec<Requirement>> {
    // Upstream's lexer reads a NUL as the end.
    let text = text.split('\0').next().unwrap_or_default();
    Parser { rest: text }.selector()
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn selector(&mut self) -> Parsed<Vec<Requirement>> {
        let mut requirements = Vec::new();
        loop {
            match self.peek().as_value() {
                Token::Word(_) | Token::Mark("!") => {
                    let requirement = self.requirement();
                    requirements.push(requirement.map_err(|ParseError(why)| {
                        ParseError(format!("unable to parse requirement: {why}"))
                    })?);
                }
                Token::End => return Ok(requirements),
                other => return expected(other, "!, identifier, or 'end of string'"),
            }
            match self.next().as_value() {
                Token::End => return Ok(requirements),
                Token::Mark(",") => match self.peek().as_value() {
                    Token::Word(_) | Token::Mark("!") => {}
                    other => return expected(other, "identifier after ','"),
                },
                other => return expected(other, "',' or 'end of string'"),
            }
        }
    }

    fn requirement(&mut self) -> Parsed<Requirement> {
        let mut token = self.next().as_value();
        let negated = token == Token::Mark("!");
        if negated {
            token = self.next().as_value();
        }
        let Token::Word(key) = token else { return expected(token, "identifier") };
        let faults = qualified_name(key);
        if !faults.is_empty() {
            // Upstream has no path here, and prints it so.
            return Err(ParseError(
                FieldError::invalid(&Path::new("<nil>"), key, faults.join("; ")).to_string(),
            ));
        }
        let alone = matches!(self.peek(), Token::End | Token::Mark(","));
        let (operator, values) = match (negated, alone) {
            (true, _) => (Operator::DoesNotExist, BTreeSet::new()),
            (false, true) => (Operator::Exists, BTreeSet::new()),
            (false, false) => self.restriction()?,
        };
        let requirement = Requirement::new(key, operator, values.into_iter().collect());
        requirement.map_err(|errors| ParseError(joined(&errors)))
    }

    fn restriction(&mut self) -> Parsed<(Operator, BTreeSet<String>)> {
        let operator = match self.next() {
            Token::Mark("in") => Operator::In,
            Token::Mark("notin") => Operator::NotIn,
            Token::Mark("=") => Operator::Equals,
            Token::Mark("==") => Operator::DoubleEquals,
            Token::Mark("!=") => Operator::NotEquals,
            Token::Mark(">") => Operator::GreaterThan,
            Token::Mark("<") => Operator::LessThan,
            other => return expected(other, "in, notin, =, ==, !=, gt, lt"),
        };
        let values = match operator {
            Operator::In | Operator::NotIn => self.value_set()?,
            _ => BTreeSet::from([self.value()?]),
        };
        Ok((operator, values))
    }

    fn value(&mut self) -> Parsed<String> {
        match self.peek().as_value() {
            Token::End | Token::Mark(",") => Ok(String::new()),
            Token::Word(value) => {
                self.next();
                Ok(value.to_owned())
            }
            other => expected(other, "identifier"),
        }
    }

    fn value_set(&mut self) -> Parsed<BTreeSet<String>> {
        match self.next().as_value() {
            Token::Mark("(") => {}
            other => return Err(ParseError(format!("found '{}' expected: '('", other.literal()))),
        }
        match self.peek().as_value() {
            Token::Word(_) | Token::Mark(",") => self.value_list(),
            Token::Mark(")") => {
                self.next();
                Ok(BTreeSet::from([String::new()]))
            }
            other => expected(other, "',', ')' or identifier"),
        }
    }

    /// Up to and with the closing bracket. An empty place between commas is the empty value.
    fn value_list(&mut self) -> Parsed<BTreeSet<String>> {
        let mut values = BTreeSet::new();
        loop {
            match self.next().as_value() {
                Token::Word(value) => {
                    values.insert(value.to_owned());
                    match self.peek().as_value() {
                        Token::Mark(",") => {}
                        Token::Mark(")") => break,
                        other => return expected(other, "',' or ')'"),
                    }
                }
                Token::Mark(",") => {
                    if values.is_empty() {
                        values.insert(String::new());
                    }
                    match self.peek().as_value() {
                        Token::Mark(")") => {
                            values.insert(String::new());
                            break;
                        }
                        Token::Mark(",") => {
                            values.insert(String::new());
                        }
                        _ => {}
                    }
                }
                other => return expected(other, "',', or identifier"),
            }
        }
        self.next();
        Ok(values)
    }

    // === tokens ===

    fn peek(&self) -> Token<'a> {
        self.lex().0
    }

    fn next(&mut self) -> Token<'a> {
        let (token, rest) = self.lex();
        self.rest = rest;
        token
    }

    fn lex(&self) -> (Token<'a>, &'a str) {
        let text = self.rest.trim_start_matches(is_space);
        if text.is_empty() {
            return (Token::End, text);
        }
        if let Some(sign) = SIGNS.iter().find(|sign| text.starts_with(**sign)) {
            let (sign, rest) = text.split_at(sign.len());
            return (Token::Mark(sign), rest);
        }
        let end = text.find(|c| is_sign(c) || is_space(c)).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        match word {
            "in" | "notin" => (Token::Mark(word), rest),
            _ => (Token::Word(word), rest),
        }
    }
}

fn expected<T>(found: Token<'_>, what: &str) -> Parsed<T> {
    Err(ParseError(format!("found '{}', expected: {what}", found.literal())))
}
