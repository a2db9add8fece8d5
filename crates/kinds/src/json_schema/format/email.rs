//! Addresses of RFC 5322, as far as Go's `mail.ParseAddress` takes them.

/// `local@domain`, or a name and the address in angle brackets.
pub(super) fn accepts(text: &str) -> bool {
    let text = text.trim_matches([' ', '\t']);
    if address(text) {
        return true;
    }
    let Some((name, address_part)) = text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) else {
        return false;
    };
    address(address_part) && phrase(name.trim_matches([' ', '\t']))
}

fn address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local = quoted(local) || dot_atom(local);
    local && (dot_atom(domain) || literal(domain))
}

fn quoted(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut escaped = false;
    let fine = inner.chars().all(|c| {
        let fine = escaped || (c != '"' && !c.is_control());
        escaped = !escaped && c == '\\';
        fine
    });
    fine && !escaped && !inner.is_empty()
}

fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn dot_atom(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

/// `[127.0.0.1]`
fn literal(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::IpAddr>().is_ok())
}

/// The name before an address: words and quoted words, or nothing.
fn phrase(text: &str) -> bool {
    let words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    quoted(text) || words.clone().all(|word| word.chars().all(|c| is_atom(c) || c == '.'))
}
