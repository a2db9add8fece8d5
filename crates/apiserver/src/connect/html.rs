//! Links in an HTML page, rewritten while it passes. Only the values of links change; every other byte stays.
//! What counts as a tag is what the HTML standard's tokenizer says, as far as links can tell.

pub mod body;

use super::links::Links;

/// A tag that is longer than this passes as it is.
const MOST_TAG: usize = 16 * 1024;

/// Elements whose content is text to the tokenizer, whatever it looks like.
const RAW: [&str; 8] = ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"];

pub struct Page {
    links: Links,
    /// What cannot be told yet without what follows.
    pending: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Comment,
    /// Within an element of [`RAW`].
    Raw(&'static str),
    /// Within a tag that is too long.
    LongTag,
}

/// What a state made of the bytes before it.
enum Step {
    /// So many bytes are dealt with, and this is how it goes on.
    Done(usize, State),
    /// So many bytes are dealt with; the others need what follows.
    Wait(usize),
}

impl Page {
    pub fn new(links: Links) -> Self {
        Self { links, pending: Vec::new(), state: State::Text }
    }

    /// Takes the next bytes of the page and adds to `out` what is settled.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let rest = pending.get(at..).unwrap_or_default();
            match self.step(rest, out) {
                Step::Done(taken, state) => {
                    at += taken;
                    self.state = state;
                }
                Step::Wait(taken) => {
                    at += taken;
                    break;
                }
            }
        }
        pending.drain(..at);
        self.pending = pending;
    }

    /// The page's end: what was waiting was no tag.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.pending);
    }

    fn step(&self, rest: &[u8], out: &mut Vec<u8>) -> Step {
        match self.state {
            State::Text => self.text(rest, out),
            State::Comment => until(rest, b"-->", out),
            State::LongTag => until(rest, b">", out),
            State::Raw(name) => until(rest, format!("</{name}").as_bytes(), out),
        }
    }

    fn text(&self, rest: &[u8], out: &mut Vec<u8>) -> Step {
        const COMMENT: &[u8] = b"<!--";
        let start = rest.iter().position(|byte| *byte == b'<').unwrap_or(rest.len());
        let (text, markup) = rest.split_at(start);
        out.extend_from_slice(text);
        if markup.len() < COMMENT.len() && COMMENT.starts_with(markup) {
            return Step::Wait(start);
        }
        if markup.starts_with(COMMENT) {
            // The dashes may be those of the end as well: `<!-->`.
            out.extend_from_slice(b"<!");
            return Step::Done(start + 2, State::Comment);
        }
        if !markup.get(1).is_some_and(u8::is_ascii_alphabetic) {
            out.push(b'<');
            return Step::Done(start + 1, State::Text);
        }
        match Tag::read(markup) {
            Some(tag) => {
                tag.write(markup, &self.links, out);
                let raw = RAW.into_iter().find(|raw| tag.name.eq_ignore_ascii_case(raw));
                Step::Done(start + tag.end, raw.map_or(State::Text, State::Raw))
            }
            None if markup.len() < MOST_TAG => Step::Wait(start),
            None => Step::Done(start, State::LongTag),
        }
    }
}

/// Passes everything to the end of `mark`, in any case of letters.
fn until(rest: &[u8], mark: &[u8], out: &mut Vec<u8>) -> Step {
    match rest.windows(mark.len()).position(|window| window.eq_ignore_ascii_case(mark)) {
        Some(at) => {
            let end = at + mark.len();
            out.extend(rest.iter().take(end));
            Step::Done(end, State::Text)
        }
        None => {
            let settled = (rest.len() + 1).saturating_sub(mark.len());
            out.extend(rest.iter().take(settled));
            Step::Wait(settled)
        }
    }
}

/// A start tag.
struct Tag {
    name: String,
    attributes: Vec<Attribute>,
    /// Behind the closing bracket.
    end: usize,
}

struct Attribute {
    name: String,
    /// Where its value stands, without quotes.
    value: std::ops::Range<usize>,
}

impl Tag {
    /// Reads a tag that begins with the first byte; `None` if it does not end.
    fn read(markup: &[u8]) -> Option<Self> {
        let mut cursor = Cursor { bytes: markup, at: 1 };
        let name = cursor.word(|byte| is_space(byte) || matches!(byte, b'/' | b'>'))?;
        let mut tag = Self { name, attributes: Vec::new(), end: 0 };
        loop {
            cursor.skip(|byte| is_space(byte) || byte == b'/')?;
            if cursor.peek()? == b'>' {
                tag.end = cursor.at + 1;
                return Some(tag);
            }
            tag.attributes.push(cursor.attribute()?);
        }
    }

    fn write(&self, markup: &[u8], links: &Links, out: &mut Vec<u8>) {
        let mut written = 0;
        for Attribute { name, value } in &self.attributes {
            let Some(raw) = markup.get(value.clone()) else { continue };
            let link = std::str::from_utf8(raw).ok().filter(|_| is_link(&self.name, name));
            let Some(link) = link.and_then(|link| links.rewritten(link)) else { continue };
            out.extend_from_slice(markup.get(written..value.start).unwrap_or_default());
            out.extend_from_slice(escaped(&link).as_bytes());
            written = value.end;
        }
        out.extend_from_slice(markup.get(written..self.end).unwrap_or_default());
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) -> Option<()> {
        while wanted(self.peek()?) {
            self.at += 1;
        }
        Some(())
    }

    /// What stands before the first byte that ends it, in lower case.
    fn word(&mut self, ends: impl Fn(u8) -> bool) -> Option<String> {
        let start = self.at;
        self.skip(|byte| !ends(byte))?;
        let word = self.bytes.get(start..self.at)?;
        Some(String::from_utf8_lossy(word).to_ascii_lowercase())
    }

    fn attribute(&mut self) -> Option<Attribute> {
        let start = self.at;
        // An equals sign at the very beginning is part of the name.
        self.at += 1;
        self.word(|byte| is_space(byte) || matches!(byte, b'/' | b'=' | b'>'))?;
        let name = String::from_utf8_lossy(self.bytes.get(start..self.at)?).to_ascii_lowercase();
        self.skip(is_space)?;
        if self.peek()? != b'=' {
            return Some(Attribute { name, value: 0..0 });
        }
        self.at += 1;
        self.skip(is_space)?;
        let value = self.value()?;
        Some(Attribute { name, value })
    }

    fn value(&mut self) -> Option<std::ops::Range<usize>> {
        let quote = self.peek().filter(|byte| matches!(byte, b'"' | b'\''));
        let Some(quote) = quote else {
            let start = self.at;
            self.skip(|byte| !is_space(byte) && byte != b'>')?;
            return Some(start..self.at);
        };
        self.at += 1;
        let start = self.at;
        self.skip(|byte| byte != quote)?;
        self.at += 1;
        Some(start..self.at - 1)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

/// Whether an attribute's value is a link.
/// Source: <http://www.w3.org/TR/REC-html40/index/attributes.html>, and the elements of HTML 5.
fn is_link(tag: &str, attribute: &str) -> bool {
    let links: &[&str] = match tag {
        "a" | "area" | "base" | "link" => &["href"],
        "applet" => &["codebase"],
        "audio" | "embed" | "script" | "source" => &["src"],
        "blockquote" | "del" | "ins" | "q" => &["cite"],
        "body" => &["background"],
        "button" => &["formaction"],
        "command" => &["icon"],
        "form" => &["action"],
        "frame" | "iframe" => &["longdesc", "src"],
        "head" => &["profile"],
        "html" => &["manifest"],
        "img" => &["longdesc", "src", "usemap"],
        "input" => &["src", "usemap", "formaction"],
        "object" => &["classid", "codebase", "data", "usemap"],
        "video" => &["poster", "src"],
        _ => &[],
    };
    links.contains(&attribute)
}

/// The quotes that could end the value; the rest of it stood there before.
fn escaped(link: &str) -> String {
    link.replace('"', "&#34;").replace('\'', "&#39;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page::new(Links { prefix: "/p".into(), backend: Vec::new(), host: String::new() })
    }

    fn rewritten(pieces: &[&[u8]]) -> String {
        let (mut page, mut out) = (page(), Vec::new());
        pieces.iter().for_each(|piece| page.push(piece, &mut out));
        page.finish(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn links_change_and_everything_else_stays_however_it_is_cut() {
        let check = |html: &str, want: &str| {
            assert_eq!(rewritten(&[html.as_bytes()]), want, "{html}");
            let single: Vec<&[u8]> = html.as_bytes().chunks(1).collect();
            assert_eq!(rewritten(&single), want, "{html}, byte by byte");
        };
        check(r#"<a href="/rewriteme">test</a>"#, r#"<a href="/p/rewriteme">test</a>"#);
        check("<A HREF='/x' id=\"/y\">", "<A HREF='/p/x' id=\"/y\">");
        check("<img src=/x/ alt=/y><br/>", "<img src=/p/x/ alt=/y><br/>");
        check(
            "<link rel=stylesheet href = \"/a?b=1&amp;c\" />",
            "<link rel=stylesheet href = \"/p/a?b=1&amp;c\" />",
        );
        check("<form action=\"/go\"\n method=post>", "<form action=\"/p/go\"\n method=post>");
        check("<p title='<a href=\"/x\">'>/y</p>", "<p title='<a href=\"/x\">'>/y</p>");
        check("<!-- <a href=\"/x\"> --><a href=\"/x\">", "<!-- <a href=\"/x\"> --><a href=\"/p/x\">");
        check("<!--><a href=\"/x\">", "<!--><a href=\"/p/x\">");
        check(
            "<script src=\"/s\">'<a href=\"/x\">'</SCRIPT>",
            "<script src=\"/p/s\">'<a href=\"/x\">'</SCRIPT>",
        );
        check("<!DOCTYPE html><html><body background=/b>", "<!DOCTYPE html><html><body background=/p/b>");
        check("1 < 2 <3 </p <", "1 < 2 <3 </p <");
        check("<a href=\"/x", "<a href=\"/x");
        check("<a =/x href>", "<a =/x href>");
        check("", "");
    }

    #[test]
    fn a_tag_without_end_does_not_pile_up() {
        let (mut page, mut out) = (page(), Vec::new());
        page.push(b"<a title=\"", &mut out);
        for _ in 0..MOST_TAG / 8 {
            page.push(b"12345678", &mut out);
        }
        assert!(page.pending.len() < MOST_TAG);
        page.push(b"\"><a href=\"/x\">", &mut out);
        assert!(out.ends_with(b"\"><a href=\"/p/x\">"));
    }
}
