//! Environment files (KEP-3721): lines of `NAME='value'`, quoted values only.

/// The value of a key, the first one it has; `None` if the file has none. The file is read up to that key,
/// so faults behind it do not count.
pub fn value(file: &str, key: &str) -> Result<Option<String>, String> {
    let mut lines = file.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let number = index + 1;
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |why: &str| Err(format!("invalid environment variable format at line {number}: {why}"));
        let Some((name, rest)) = line.split_once('=') else { return wrong("missing '='") };
        if name.is_empty() {
            return wrong("empty variable name");
        }
        if name.ends_with([' ', '\t']) {
            return wrong("whitespace before '=' is not allowed");
        }
        let value = if rest.starts_with([' ', '\t']) {
            // As a shell reads it: nothing is assigned.
            String::new()
        } else {
            let Some(rest) = rest.strip_prefix('\'') else {
                return wrong("value must be enclosed in single quotes");
            };
            quoted(rest, &mut lines, number)?
        };
        if name == key {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The text up to the closing quote, which may be lines below.
fn quoted<'a>(
    first: &'a str,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    start: usize,
) -> Result<String, String> {
    let mut value = String::new();
    let (mut rest, mut number) = (first, start);
    loop {
        if let Some((inside, after)) = rest.split_once('\'') {
            value.push_str(inside);
            let after = after.trim_start_matches([' ', '\t']);
            if after.is_empty() || after.starts_with('#') {
                return Ok(value);
            }
            let why = "unexpected content after closing quote";
            return Err(format!("invalid environment variable format at line {number}: {why}"));
        }
        value.push_str(rest);
        value.push('\n');
        match lines.next() {
            Some((index, line)) => (rest, number) = (line, index + 1),
            None => {
                let why = "unclosed single quote";
                return Err(format!("invalid environment variable format starting at line {start}: {why}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_to_the_letter() {
        let check = |file: &str, expected: Result<Option<&str>, &str>| {
            let expected = expected
                .map(|v| v.map(str::to_owned))
                .map_err(|why| format!("invalid environment variable format {why}"));
            assert_eq!(value(file, "K"), expected, "{file:?}");
        };
        check("K='v'", Ok(Some("v")));
        check("# c\n\n  A='1'\n\tK='v' # why\n", Ok(Some("v")));
        check("K='two\nlines'", Ok(Some("two\nlines")));
        check("K='$X \\n'", Ok(Some("$X \\n")));
        check("K= 'v'", Ok(Some("")));
        check("A='1'", Ok(None));
        check("K='v'\nbroken", Ok(Some("v")));
        check("A", Err("at line 1: missing '='"));
        check("=1", Err("at line 1: empty variable name"));
        check("K ='v'", Err("at line 1: whitespace before '=' is not allowed"));
        check("\nK=v", Err("at line 2: value must be enclosed in single quotes"));
        check("K='v'x", Err("at line 1: unexpected content after closing quote"));
        check("K='v", Err("starting at line 1: unclosed single quote"));
    }
}
