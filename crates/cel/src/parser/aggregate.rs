//! Lists, maps and messages.

use super::Parser;
use super::token::Kind as TokenKind;
use crate::ast::{Element, Entry, Expr, Field, Kind};

impl Parser<'_> {
    pub(super) fn list(&mut self) -> Option<Expr> {
        let at = self.expect("[")?;
        self.take_lone_comma("]");
        let mut elements = Vec::new();
        while !self.token().is("]") {
            let optional = self.take("?").is_some();
            elements.push(Element { value: self.expr()?, optional });
            if !self.comma_before("]")? {
                break;
            }
        }
        self.expect("]")?;
        self.node(at, Kind::List(elements))
    }

    /// The grammar lets a comma end a list of nothing, too: `[,]`.
    fn take_lone_comma(&mut self, close: &str) {
        if self.token().is(",") && self.tokens.get(self.at + 1).is_some_and(|next| next.is(close)) {
            self.at += 1;
        }
    }

    /// Reads a comma. `Some(false)` if there is none, or only the closing bracket follows it;
    /// `None` if nothing does.
    fn comma_before(&mut self, close: &str) -> Option<bool> {
        if self.take(",").is_none() {
            return Some(false);
        }
        let token = self.token();
        if token.kind == TokenKind::End {
            let at = token.at;
            self.syntax_error(at, format!("missing '{close}' at '<EOF>'"));
            return None;
        }
        Some(!token.is(close))
    }

    pub(super) fn map(&mut self) -> Option<Expr> {
        let at = self.expect("{")?;
        self.take_lone_comma("}");
        let mut entries = Vec::new();
        while !self.token().is("}") {
            let optional = self.take("?").is_some();
            let key = self.expr()?;
            self.expect(":")?;
            entries.push(Entry { key, value: self.expr()?, optional });
            if !self.comma_before("}")? {
                break;
            }
        }
        self.expect("}")?;
        self.node(at, Kind::Map(entries))
    }

    /// `a.b.C{field: value}`, if that is what follows the first name; nothing is read otherwise.
    pub(super) fn message(&mut self, leading_dot: bool, first: &str) -> Option<Option<Expr>> {
        let mut name = if leading_dot { format!(".{first}") } else { first.to_owned() };
        let mut ahead = self.at;
        while self.tokens.get(ahead)?.is(".") && self.tokens.get(ahead + 1)?.kind == TokenKind::Identifier {
            name = format!("{name}.{}", self.tokens.get(ahead + 1)?.text);
            ahead += 2;
        }
        if !self.tokens.get(ahead)?.is("{") {
            return None;
        }
        self.at = ahead;
        Some(self.fields(name))
    }

    fn fields(&mut self, name: String) -> Option<Expr> {
        let at = self.expect("{")?;
        self.take_lone_comma("}");
        let mut fields = Vec::new();
        while !self.token().is("}") {
            let optional = self.take("?").is_some();
            let token = self.token().clone();
            if token.kind != TokenKind::Identifier {
                self.syntax_error(
                    token.at,
                    format!(
                        "mismatched input '{}' expecting {{'}}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}}",
                        token.text
                    ),
                );
                return None;
            }
            self.at += 1;
            let at = self.expect(":")?;
            fields.push(Field { at, name: token.text, value: self.expr()?, optional });
            if !self.comma_before("}")? {
                break;
            }
        }
        self.expect("}")?;
        self.node(at, Kind::Struct(name, fields))
    }
}
