//! The text of a path to its nodes.

use serde_json::Value;

use super::filter::{Filter, Operator};
use super::{Node, Slice};

/// Filters and unions nest paths in paths; deeper than this is refused.
const MAX_DEPTH: usize = 16;

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    nodes: Vec<Node>,
}

pub(super) fn parse(text: &str) -> Result<Vec<Node>, String> {
    nested(text, 0)
}

fn nested(text: &str, depth: usize) -> Result<Vec<Node>, String> {
    if depth > MAX_DEPTH {
        return Err("path nests too deeply".to_owned());
    }
    let mut parser = Parser { text, at: 0, depth, nodes: Vec::new() };
    while let Some(c) = parser.peek() {
        if c == '}' {
            break;
        }
        parser.step(c)?;
    }
    Ok(parser.nodes)
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn step(&mut self, c: char) -> Result<(), String> {
        if self.rest().starts_with("[?(") {
            return self.filter();
        }
        if self.rest().starts_with("..") {
            return self.recursive();
        }
        match c {
            '\r' | '\n' => return Err("unclosed action".to_owned()),
            ' ' | '@' | '$' => self.at += 1,
            '[' => return self.array(),
            '"' | '\'' => return self.quote(c),
            '.' => {
                self.at += 1;
                self.field();
            }
            '+' | '-' => return self.number(),
            c if c.is_numeric() => return self.number(),
            c if c == '_' || c.is_alphabetic() => self.word(),
            c => return Err(format!("unrecognized character in action: U+{:04X} '{c}'", u32::from(c))),
        }
        Ok(())
    }

    /// Text up to where a name ends.
    fn name(&mut self) -> &'t str {
        let mut escaped = false;
        let ends = |c: char| {
            let ends = !escaped
                && matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}');
            escaped = !escaped && c == '\\';
            ends
        };
        let rest = self.rest();
        let name = rest.find(ends).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += name.len();
        name
    }

    fn field(&mut self) {
        match self.name() {
            "*" => self.nodes.push(Node::Wildcard),
            name => self.nodes.push(Node::Field(name.replace('\\', ""))),
        }
    }

    fn word(&mut self) {
        match self.name() {
            "true" => self.nodes.push(Node::Literal(true.into())),
            "false" => self.nodes.push(Node::Literal(false.into())),
            name => self.nodes.push(Node::Word(name.to_owned())),
        }
    }

    fn recursive(&mut self) -> Result<(), String> {
        if self.nodes.last() == Some(&Node::Recursive) {
            return Err("invalid multiple recursive descent".to_owned());
        }
        self.at += 2;
        self.nodes.push(Node::Recursive);
        if self.peek().is_some_and(|c| c == '_' || c.is_alphanumeric()) {
            self.field();
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let signed = usize::from(rest.starts_with(['+', '-']));
        let digits = rest.get(signed..).unwrap_or_default();
        let length = signed + digits.find(|c: char| c != '.' && !c.is_numeric()).unwrap_or(digits.len());
        let text = rest.get(..length).unwrap_or_default();
        self.at += length;
        let integer = text.parse::<i64>().ok().map(Value::from);
        let number = integer.or_else(|| text.parse::<f64>().ok().map(Value::from));
        self.nodes.push(Node::Literal(number.ok_or_else(|| format!("cannot parse number {text}"))?));
        Ok(())
    }

    fn quote(&mut self, mark: char) -> Result<(), String> {
        let body = self.rest().get(1..).unwrap_or_default();
        let mut text = String::new();
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\n' => break,
                c if c == mark => {
                    self.at += at + 2;
                    self.nodes.push(Node::Literal(text.into()));
                    return Ok(());
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, c @ ('\\' | '\'' | '"'))) => text.push(c),
                    _ => return Err(format!("unquote string {mark}{body} error invalid syntax")),
                },
                c => text.push(c),
            }
        }
        Err("unterminated quoted string".to_owned())
    }

    // === brackets ===

    fn array(&mut self) -> Result<(), String> {
        let body = self.rest().get(1..).unwrap_or_default();
        let end =
            body.find([']', '\n']).filter(|end| body.get(*end..).is_some_and(|rest| rest.starts_with(']')));
        let inner = end.and_then(|end| body.get(..end)).ok_or("unterminated array")?;
        self.at += inner.len() + 2;
        let node = self.bracketed(inner)?;
        self.nodes.extend(node);
        Ok(())
    }

    fn bracketed(&self, inner: &str) -> Result<Vec<Node>, String> {
        if inner.contains(',') {
            let parts =
                inner.split(',').map(|part| nested(&format!("[{}]", part.trim_matches(' ')), self.depth + 1));
            return Ok(vec![Node::Union(parts.collect::<Result<_, _>>()?)]);
        }
        if let Some(key) = inner.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\''))
            && !key.contains('\'')
        {
            return nested(&format!(".{key}"), self.depth + 1);
        }
        let slice = if inner == "*" { Some(Slice::default()) } else { slice(inner) };
        Ok(vec![Node::Slice(slice.ok_or_else(|| format!("invalid array index {inner}"))?)])
    }

    fn filter(&mut self) -> Result<(), String> {
        let body = self.rest().get(3..).unwrap_or_default();
        let end = end_of_filter(body).ok_or("unterminated filter")?;
        if !body.get(end + 1..).unwrap_or_default().starts_with(']') {
            return Err("unclosed array expect ]".to_owned());
        }
        let inner = body.get(..end).unwrap_or_default();
        self.at += end + 5;
        let (left, operator, right) = match split_comparison(inner) {
            None => (inner, Operator::Exists, ""),
            Some((left, operator, right)) => (left, Operator::parse(operator), right),
        };
        let (left, right) = (nested(left, self.depth + 1)?, nested(right, self.depth + 1)?);
        self.nodes.push(Node::Filter(Box::new(Filter { left, operator, right })));
        Ok(())
    }
}

/// `1`, `-1`, `1:3`, `:3`, `1:`, `::2`
fn slice(text: &str) -> Option<Slice> {
    let mut parts = text.split(':');
    let mut part = || -> Option<Option<i64>> {
        match parts.next() {
            None | Some("") => Some(None),
            Some(digits) => digits.parse().ok().map(Some),
        }
    };
    let (start, end, step) = (part()?, part()?, part()?);
    let single = !text.contains(':');
    (parts.next().is_none() && !(single && start.is_none())).then_some(Slice { start, end, step, single })
}

/// Where the parenthesis closes, outside of the one pair of quotes that may be there.
fn end_of_filter(body: &str) -> Option<usize> {
    let (mut mark, mut closed, mut before) = (None, false, ' ');
    for (at, c) in body.char_indices() {
        match (c, mark) {
            ('\n', _) => return None,
            ('"' | '\'', None) => mark = Some(c),
            (c, Some(mark)) if c == mark && before != '\\' => closed = true,
            (')', None) => return Some(at),
            (')', Some(_)) if closed => return Some(at),
            _ => {}
        }
        before = c;
    }
    None
}

/// The two sides of a comparison and what stands between them.
fn split_comparison(text: &str) -> Option<(&str, &str, &str)> {
    let is_sign = |c: char| matches!(c, '!' | '<' | '>' | '=');
    let start = text.find(is_sign).filter(|start| *start > 0)?;
    let (left, rest) = text.split_at(start);
    let length = rest.find(|c| !is_sign(c))?;
    let (operator, right) = rest.split_at(length);
    Some((left, operator, right))
}
