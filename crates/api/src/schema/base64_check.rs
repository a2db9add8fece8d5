//! Go's standard base64 decoder, as far as its errors go.

/// The offset at which Go finds text that is not base64. Line breaks are skipped.
pub(crate) fn bad_base64(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match quantum(bytes, &mut at) {
            Quantum::Full => {}
            Quantum::End => return None,
            Quantum::Bad(offset) => return Some(offset),
        }
    }
}

enum Quantum {
    Full,
    End,
    Bad(usize),
}

/// Reads four characters, the last two of which may be padding at the very end.
fn quantum(bytes: &[u8], at: &mut usize) -> Quantum {
    let mut count = 0;
    while count < 4 {
        let Some(&byte) = bytes.get(*at) else {
            return if count == 0 { Quantum::End } else { Quantum::Bad(*at - count) };
        };
        *at += 1;
        match byte {
            b'\n' | b'\r' => {}
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => count += 1,
            b'=' if count >= 2 => return padding(bytes, at, count),
            _ => return Quantum::Bad(*at - 1),
        }
    }
    Quantum::Full
}

fn padding(bytes: &[u8], at: &mut usize, count: usize) -> Quantum {
    let skip_breaks = |at: &mut usize| {
        while matches!(bytes.get(*at), Some(b'\n' | b'\r')) {
            *at += 1;
        }
    };
    skip_breaks(at);
    if count == 2 {
        match bytes.get(*at) {
            None => return Quantum::Bad(bytes.len()),
            Some(b'=') => *at += 1,
            Some(_) => return Quantum::Bad(*at - 1),
        }
        skip_breaks(at);
    }
    if *at < bytes.len() { Quantum::Bad(*at) } else { Quantum::End }
}
