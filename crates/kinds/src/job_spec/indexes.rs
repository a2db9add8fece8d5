//! Lists of indexes as jobs write them: `1,3-5,7`.

use ironclad_api::goprint::quote;

/// How many indexes a well-formed list has. `Err` is upstream's text.
pub(crate) fn count(list: &str, completions: i64) -> Result<i64, String> {
    if list.is_empty() {
        return Ok(0);
    }
    let (mut total, mut last) = (0, None);
    for part in list.split(',') {
        let (first, end) = interval(part, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

/// The first index that stands in both lists. What is malformed is passed over.
pub(crate) fn overlap(completed: &str, failed: &str, completions: i64) -> Option<i64> {
    let intervals = |list: &str| -> Vec<(i64, i64)> {
        list.split(',').filter_map(|part| interval(part, completions).ok()).collect()
    };
    let (completed, failed) = (intervals(completed), intervals(failed));
    let (mut c, mut f) = (0, 0);
    while let (Some((c_first, c_end)), Some((f_first, f_end))) = (completed.get(c), failed.get(f)) {
        if c_first <= f_end && f_first <= c_end {
            return Some(*c_first.max(f_first));
        }
        if c_first <= f_first { c += 1 } else { f += 1 }
    }
    None
}

/// `3` or `3-5`.
fn interval(part: &str, completions: i64) -> Result<(i64, i64), String> {
    let limits: Vec<&str> = part.split('-').collect();
    let (first, end) = match limits.as_slice() {
        [one] => (index(one, completions)?, None),
        [first, end] => (index(first, completions)?, Some(index(end, completions)?)),
        _ => {
            return Err(format!(
                "the fragment {} violates the requirement that an index interval can have at most two parts separated by '-'",
                quote(part)
            ));
        }
    };
    match end {
        Some(end) if first >= end => Err(format!("non-increasing order, previous: {first}, current: {end}")),
        end => Ok((first, end.unwrap_or(first))),
    }
}

fn index(text: &str, completions: i64) -> Result<i64, String> {
    let index: i64 =
        text.parse().map_err(|_| format!("cannot convert string to integer for index: {}", quote(text)))?;
    match index >= completions {
        true => Err(format!("too large index: {}", quote(text))),
        false => Ok(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted_or_refused() {
        let check =
            |list: &str, want: Result<i64, &str>| assert_eq!(count(list, 10), want.map_err(str::to_owned));
        check("", Ok(0));
        check("0", Ok(1));
        check("1,3-5,7", Ok(5));
        check("3-3", Err("non-increasing order, previous: 3, current: 3"));
        check("3,2", Err("non-increasing order, previous: 3, current: 2"));
        check("10", Err("too large index: \"10\""));
        check("x", Err("cannot convert string to integer for index: \"x\""));
        check(
            "1-2-3",
            Err(
                "the fragment \"1-2-3\" violates the requirement that an index interval can have at most two parts separated by '-'",
            ),
        );
    }

    #[test]
    fn lists_may_overlap() {
        let check = |completed: &str, failed: &str, want: Option<i64>| {
            assert_eq!(overlap(completed, failed, 10), want)
        };
        check("0-2,5", "3-4,6", None);
        check("0-2,5", "3-5", Some(5));
        check("4", "1-6", Some(4));
        check("", "1", None);
    }
}
