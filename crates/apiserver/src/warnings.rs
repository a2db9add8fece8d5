//! `Warning` headers (RFC 7234 section 5.5), bounded as upstream bounds them.

use http::HeaderValue;
use http::header::WARNING;

use crate::reply::Reply;

/// All texts together; beyond it each is cut short.
const TOTAL_MAX: usize = 4 * 1024;
const CUT: usize = 256;

/// Adds the warnings to the reply.
pub fn write(reply: &mut Reply, texts: &[String]) {
    for header in headers(texts) {
        if let Ok(header) = HeaderValue::from_str(&header) {
            reply.headers_mut().append(WARNING, header);
        }
    }
}

fn headers(texts: &[String]) -> Vec<String> {
    // A control character cannot stand in a header; such a text is left out.
    let texts = texts.iter().filter(|text| !text.is_empty() && !text.contains(char::is_control));
    let total: usize = texts.clone().map(|text| text.chars().count()).sum();
    let longest = if total > TOTAL_MAX { CUT } else { TOTAL_MAX };
    let mut written = 0;
    texts
        .map(|text| text.chars().take(longest).collect::<String>())
        .take_while(|text| {
            let fits = written < TOTAL_MAX;
            written += text.chars().count();
            fits
        })
        .map(|text| format!("299 - \"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_bounded() {
        let texts = [
            "unknown field \"spec.x\"".to_owned(),
            "a\\b".to_owned(),
            "line\nbreak".to_owned(),
            String::new(),
        ];
        assert_eq!(headers(&texts), ["299 - \"unknown field \\\"spec.x\\\"\"", "299 - \"a\\\\b\""]);
        let many: Vec<String> = (0..100).map(|n| format!("{n:0>1000}")).collect();
        let headers = headers(&many);
        assert_eq!(headers.len(), TOTAL_MAX / CUT);
        assert!(headers.iter().all(|header| header.len() == CUT + "299 - \"\"".len()));
    }
}
