//! The ports of a port-forward over a plain WebSocket, which has a pair of channels for each.

use std::num::{IntErrorKind, ParseIntError};

use ironclad_api::goprint::quote;
use ironclad_api::params::Query;

/// In one parameter with commas, or in several. The error is upstream's text.
pub(super) fn of(query: &Query) -> Result<Vec<i32>, String> {
    let mut ports = Vec::new();
    for value in query.all("port") {
        if value.is_empty() {
            return Err("query parameter \"port\" cannot be empty".to_owned());
        }
        for text in value.split(',') {
            let port: u16 = text.parse().map_err(|error| {
                let (whole, part) = (quote(value), quote(text));
                format!(
                    "unable to parse {whole} as a port: strconv.ParseUint: parsing {part}: {}",
                    why(&error)
                )
            })?;
            if port == 0 {
                return Err(format!("port {} must be > 0", quote(value)));
            }
            ports.push(i32::from(port));
        }
    }
    if ports.is_empty() { Err("query parameter \"port\" is required".to_owned()) } else { Ok(ports) }
}

/// In Go's words.
fn why(error: &ParseIntError) -> &'static str {
    match error.kind() {
        IntErrorKind::PosOverflow => "value out of range",
        _ => "invalid syntax",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_the_query() {
        let check = |query: &str, want: Result<&[i32], &str>| {
            let got = of(&Query::parse(query));
            assert_eq!(got, want.map(<[i32]>::to_vec).map_err(str::to_owned), "{query}");
        };
        check("port=80", Ok(&[80]));
        check("port=80,443&port=8080", Ok(&[80, 443, 8080]));
        check("", Err("query parameter \"port\" is required"));
        check("port=", Err("query parameter \"port\" cannot be empty"));
        check("port=0", Err("port \"0\" must be > 0"));
        let parsing = "unable to parse \"80,x\" as a port: strconv.ParseUint: parsing \"x\": invalid syntax";
        check("port=80,x", Err(parsing));
        let parsing =
            "unable to parse \"65536\" as a port: strconv.ParseUint: parsing \"65536\": value out of range";
        check("port=65536", Err(parsing));
    }
}
