//! Browsers cannot set headers on a WebSocket; they pass the token as a subprotocol,
//! `base64url.bearer.authorization.k8s.io.<token>`, beside the one they mean to speak.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE};

const PREFIX: &str = "base64url.bearer.authorization.k8s.io.";

/// Takes the token out of the headers, so that the other end never sees it.
pub fn take(headers: &mut HeaderMap) -> Result<Option<String>, String> {
    let is_websocket =
        headers.get(UPGRADE).is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !is_websocket {
        return Ok(None);
    }
    let offered: Vec<String> = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|protocol| protocol.trim().to_owned())
        .collect();
    let (tokens, others): (Vec<_>, Vec<_>) =
        offered.into_iter().partition(|protocol| protocol.starts_with(PREFIX));
    let encoded = match tokens.as_slice() {
        [] => return Ok(None),
        [one] => one.strip_prefix(PREFIX).unwrap_or_default(),
        _ => return Err("multiple base64.bearer.authorization tokens specified".into()),
    };
    let decoded = URL_SAFE_NO_PAD.decode(encoded);
    let decoded = decoded.map_err(|_| "invalid base64.bearer.authorization token encoding".to_owned())?;
    let token =
        String::from_utf8(decoded).map_err(|_| "invalid base64.bearer.authorization token".to_owned())?;
    if token.is_empty() {
        return Ok(None);
    }
    if others.is_empty() {
        return Err("missing additional subprotocol".into());
    }
    let rest = HeaderValue::from_str(&others.join(",")).map_err(|error| error.to_string())?;
    headers.insert(SEC_WEBSOCKET_PROTOCOL, rest);
    Ok(Some(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_among_the_subprotocols_is_taken_out() {
        let check = |protocols: &str, want: Result<Option<&str>, &str>, left: &str| {
            let mut headers = HeaderMap::from_iter([
                (UPGRADE, HeaderValue::from_static("WebSocket")),
                (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(protocols).expect("a header")),
            ]);
            let got = take(&mut headers);
            assert_eq!(got, want.map(|token| token.map(str::to_owned)).map_err(str::to_owned), "{protocols}");
            assert_eq!(headers[SEC_WEBSOCKET_PROTOCOL], left, "{protocols}");
        };
        let token = format!("{PREFIX}YWJj");
        check("v5.channel.k8s.io", Ok(None), "v5.channel.k8s.io");
        check(&format!("v5.channel.k8s.io, {token}"), Ok(Some("abc")), "v5.channel.k8s.io");
        check(&token, Err("missing additional subprotocol"), &token);
        let twice = format!("{token},{token},x");
        check(&twice, Err("multiple base64.bearer.authorization tokens specified"), &twice);
        let bad = format!("{PREFIX}!!,x");
        check(&bad, Err("invalid base64.bearer.authorization token encoding"), &bad);
    }

    #[test]
    fn other_requests_are_left_alone() {
        assert_eq!(take(&mut HeaderMap::new()), Ok(None));
    }
}
