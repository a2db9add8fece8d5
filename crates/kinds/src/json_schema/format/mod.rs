//! `format`: what strings and numbers stand for. Unknown formats are ignored, as upstream.
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation>

mod codes;
mod email;
mod times;

use std::net::Ipv6Addr;

pub(crate) use ironclad_api::go_url as uri;
use ironclad_api::validation::dns;
use ironclad_api::validation::ip::{parse_cidr, parse_ip};

/// A format that is checked.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    /// As the schema writes it.
    name: String,
    /// `None` for formats of numbers, which are limits of their values.
    accepts: Option<fn(&str) -> bool>,
}

/// Whether a text is of a format.
type Fits = fn(&str) -> bool;

/// Names are written without dashes; `date-time` and `datetime` are the same.
const TEXTS: [(&str, Fits); 26] = [
    ("bsonobjectid", codes::bson_object_id),
    ("byte", codes::base64),
    ("cidr", |text| parse_cidr(text).is_some()),
    ("creditcard", codes::credit_card),
    ("date", times::date),
    ("datetime", times::date_time),
    ("duration", times::duration),
    ("email", email::accepts),
    ("hexcolor", codes::hex_color),
    ("hostname", codes::hostname),
    ("ipv4", |text| text.contains('.') && parse_ip(text).is_some()),
    ("ipv6", |text| text.contains(':') && text.parse::<Ipv6Addr>().is_ok()),
    ("isbn", |text| codes::isbn10(text) || codes::isbn13(text)),
    ("isbn10", codes::isbn10),
    ("isbn13", codes::isbn13),
    ("k8slongname", |text| dns::dns1123_subdomain(text).is_empty()),
    ("k8sshortname", |text| dns::dns1123_label(text).is_empty()),
    ("mac", codes::mac),
    ("password", |_| true),
    ("rgbcolor", codes::rgb_color),
    ("ssn", codes::ssn),
    ("uri", uri::is_request_uri),
    ("uuid", |text| codes::uuid(text, None)),
    ("uuid3", |text| codes::uuid(text, Some('3'))),
    ("uuid4", |text| codes::uuid(text, Some('4'))),
    ("uuid5", |text| codes::uuid(text, Some('5'))),
];

impl Format {
    /// The format of that name, if it is known for these types.
    pub(crate) fn find(types: &[String], name: &str) -> Option<Self> {
        let accepts = match types {
            [only] if only == "integer" => matches!(name, "int32" | "int64").then_some(None),
            [only] if only == "number" => matches!(name, "float" | "double").then_some(None),
            [only] if only != "string" => None,
            _ => {
                let plain = name.replace('-', "");
                TEXTS.iter().find(|(known, _)| *known == plain).map(|(_, accepts)| Some(*accepts))
            }
        };
        Some(Self { name: name.to_owned(), accepts: accepts? })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_text(&self) -> bool {
        self.accepts.is_some()
    }

    pub(crate) fn accepts(&self, text: &str) -> bool {
        self.accepts.is_none_or(|accepts| accepts(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_from_what_is_none_of_their_format() {
        let check = |format: &str, good: &[&str], bad: &[&str]| {
            let format = Format::find(&["string".to_owned()], format).expect(format);
            good.iter().for_each(|text| assert!(format.accepts(text), "{} {text}", format.name()));
            bad.iter().for_each(|text| assert!(!format.accepts(text), "{} {text}", format.name()));
        };
        check(
            "bsonobjectid",
            &["507f1f77bcf86cd799439011"],
            &["507f1f77bcf86cd79943901", "z07f1f77bcf86cd799439011"],
        );
        check("byte", &["aGVsbG8="], &["aGVsbG8", "a b", ""]);
        check("cidr", &["10.0.0.0/8", "fd00::/64"], &["10.0.0.0", "10.0.0.0/33"]);
        check("creditcard", &["4111 1111 1111 1111", "4111-1111-1111-1111"], &["4111111111111112", "1"]);
        check("date", &["2024-02-29"], &["2023-02-29", "2024-2-9", "2024-02-29T00:00:00Z"]);
        check(
            "date-time",
            &["2014-12-15T19:30:20.000Z", "2014-12-15T19:30:20+01:00"],
            &["2014-12-15", "2014-12-15T24:00:00Z", ""],
        );
        check("duration", &["1h30m", "22 ns", "3 days"], &["1", "abc", ""]);
        check("email", &["a@b", "a.b@c.de", "Bob <bob@x.org>", "\"a b\"@x.org"], &["a", "a@", "@b", "a b@c"]);
        check("hexcolor", &["#FFF", "ffffff"], &["#FFFF", "red"]);
        check("hostname", &["example.com", "a", "1a.example.org"], &["-a.com", "a_b.com", "a..b"]);
        check("ipv4", &["1.2.3.4"], &["1.2.3", "1.2.3.256", "::1"]);
        check("ipv6", &["::1", "fd00::1"], &["1.2.3.4", "::g"]);
        check("isbn", &["0321751043", "978-0321751041"], &["0321751044"]);
        check("k8s-short-name", &["a-b"], &["a.b", "A", "-a"]);
        check("k8s-long-name", &["a.b"], &["a..b", "A"]);
        check(
            "mac",
            &["01:23:45:67:89:ab", "01-23-45-67-89-ab", "0123.4567.89ab"],
            &["01:23:45:67:89", "01:23-45:67:89:ab"],
        );
        check("password", &["", "x"], &[]);
        check("rgbcolor", &["rgb(0, 10,255)"], &["rgb(0,10,256)", "rgb(0,10)"]);
        check("ssn", &["111-11-1111", "111 11 1111"], &["111111111", "1"]);
        check(
            "uri",
            &["http://example.com/a?b#c", "/path", "mailto:x@y", "urn:a:b"],
            &["example", "", "http://[::1", "://x", "http://a b"],
        );
        check(
            "uuid",
            &["123e4567-e89b-12d3-a456-426614174000", "123E4567E89B12D3A456426614174000"],
            &["123e4567"],
        );
        check(
            "uuid4",
            &["123e4567-e89b-42d3-a456-426614174000"],
            &["123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-42d3-c456-426614174000"],
        );
    }

    #[test]
    fn unknown_formats_are_ignored() {
        let known = |types: &[&str], name: &str| {
            Format::find(&types.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), name).is_some()
        };
        assert!(known(&["string"], "uuid") && known(&[], "uuid") && known(&["integer"], "int32"));
        assert!(!known(&["string"], "int32") && !known(&["integer"], "uuid") && !known(&["object"], "uuid"));
        assert!(!known(&["string"], "made-up"));
    }
}
