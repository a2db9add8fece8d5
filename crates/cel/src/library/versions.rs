//! `semver('1.2.3').isLessThan(semver('1.3.0'))`.
//!
//! Source: <https://semver.org/spec/v2.0.0.html>

use std::any::Any;
use std::cmp::Ordering;

use super::Library;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{Foreign, Value, quote};

const NAME: &str = "kubernetes.Semver";

/// A version. What stands behind a plus is read and not compared.
#[derive(Debug)]
struct Version {
    numbers: [u64; 3],
    pre_release: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Number(u64),
    Word(String),
}

impl Version {
    fn compare(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| {
            match (self.pre_release.len(), other.pre_release.len()) {
                (0, 0) => Ordering::Equal,
                // A release is later than what came before it.
                (0, _) => Ordering::Greater,
                (_, 0) => Ordering::Less,
                (own, others) => {
                    let parts = self.pre_release.iter().zip(&other.pre_release);
                    let first = parts.map(|(a, b)| a.compare(b)).find(|ordering| ordering.is_ne());
                    first.unwrap_or_else(|| own.cmp(&others))
                }
            }
        })
    }
}

impl Part {
    /// Numbers come before words.
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Part::Number(a), Part::Number(b)) => a.cmp(b),
            (Part::Number(_), Part::Word(_)) => Ordering::Less,
            (Part::Word(_), Part::Number(_)) => Ordering::Greater,
            (Part::Word(a), Part::Word(b)) => a.cmp(b),
        }
    }
}

impl Foreign for Version {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Foreign) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self.compare(other).is_eq())
    }
}

pub(super) fn declare(library: &mut Library) {
    use Type::{Bool, Int, String};
    let own = || Type::message(NAME);
    library.function("semver", "string_to_semver", [String], own(), |args| Ok(Value::foreign(read(args)?)));
    library.function("semver", "string_bool_to_semver", [String, Bool], own(), |args| {
        Ok(Value::foreign(read(args)?))
    });
    library
        .function("isSemver", "is_semver_string", [String], Bool, |args| Ok(Value::Bool(read(args).is_ok())));
    library.function("isSemver", "is_semver_string_bool", [String, Bool], Bool, |args| {
        Ok(Value::Bool(read(args).is_ok()))
    });
    library.method("isGreaterThan", "semver_is_greater_than", [own(), own()], Bool, |args| {
        Ok(Value::Bool(compare(args)?.is_gt()))
    });
    library.method("isLessThan", "semver_is_less_than", [own(), own()], Bool, |args| {
        Ok(Value::Bool(compare(args)?.is_lt()))
    });
    library.method("compareTo", "semver_compare_to", [own(), own()], Int, |args| {
        Ok(Value::Int(compare(args)? as i64))
    });
    library.method("major", "semver_major", [own()], Int, |args| number(args, 0));
    library.method("minor", "semver_minor", [own()], Int, |args| number(args, 1));
    library.method("patch", "semver_patch", [own()], Int, |args| number(args, 2));
}

fn version<'v>(args: &'v [Value<'_>], at: usize) -> Result<&'v Version, Error> {
    args.get(at).and_then(Value::as_foreign).ok_or_else(Error::no_such_overload)
}

fn compare(args: &[Value<'_>]) -> Result<Ordering, Error> {
    Ok(version(args, 0)?.compare(version(args, 1)?))
}

fn number<'a>(args: &[Value<'a>], at: usize) -> Answer<'a> {
    Ok(Value::Int(i64::try_from(version(args, 0)?.numbers[at]).unwrap_or(i64::MAX)))
}

/// The version of a text; with `true` behind it, a text such as `v1.2` is made whole first.
fn read(args: &[Value<'_>]) -> Result<Version, Error> {
    match args {
        [Value::String(text)] | [Value::String(text), Value::Bool(false)] => parse(text),
        [Value::String(text), Value::Bool(true)] => parse(&normalized(text)?),
        _ => Err(Error::no_such_overload()),
    }
}

/// Without a leading `v` and leading zeros, with the numbers that are missing.
fn normalized(text: &str) -> Result<String, Error> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts: Vec<String> = text.splitn(3, '.').map(without_zeros).collect();
    if parts.len() < 3 && parts.last().is_some_and(|part| part.contains(['+', '-'])) {
        return Err(Error::new("short version cannot contain PreRelease/Build meta data"));
    }
    parts.resize(3, "0".to_owned());
    Ok(parts.join("."))
}

fn without_zeros(part: &str) -> String {
    if part.len() < 2 {
        return part.to_owned();
    }
    let rest = part.trim_start_matches('0');
    if rest.starts_with(|c: char| c.is_ascii_digit()) { rest.to_owned() } else { format!("0{rest}") }
}

fn parse(text: &str) -> Result<Version, Error> {
    if text.is_empty() {
        return Err(Error::new("Version string empty"));
    }
    let parts: Vec<&str> = text.splitn(3, '.').collect();
    let [major, minor, patch] = parts.as_slice() else {
        return Err(Error::new("No Major.Minor.Patch elements found"));
    };
    let (patch, build) = patch.split_once('+').map_or((*patch, None), |(patch, build)| (patch, Some(build)));
    let (patch, pre_release) = patch.split_once('-').map_or((patch, None), |(patch, pre)| (patch, Some(pre)));
    let numbers = [numeric("Major", major)?, numeric("Minor", minor)?, numeric("Patch", patch)?];
    let pre_release: Vec<Part> =
        pre_release.map(|text| text.split('.').map(part).collect()).transpose()?.unwrap_or_default();
    for build in build.into_iter().flat_map(|build| build.split('.')) {
        check_identifier(build, "Build meta data is empty", "Invalid character(s) found in build meta data")?;
    }
    Ok(Version { numbers, pre_release })
}

fn numeric(name: &str, text: &str) -> Result<u64, Error> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::new(format!(
            "Invalid character(s) found in {} number {}",
            name.to_lowercase(),
            quote(text)
        )));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(Error::new(format!("{name} number must not contain leading zeroes {}", quote(text))));
    }
    text.parse()
        .map_err(|_| Error::new(format!("strconv.ParseUint: parsing {}: invalid syntax", quote(text))))
}

fn part(text: &str) -> Result<Part, Error> {
    check_identifier(text, "Prerelease is empty", "Invalid character(s) found in prerelease")?;
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Part::Word(text.to_owned()));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(Error::new(format!(
            "Numeric PreRelease version must not contain leading zeroes {}",
            quote(text)
        )));
    }
    text.parse()
        .map(Part::Number)
        .map_err(|_| Error::new(format!("strconv.ParseUint: parsing {}: value out of range", quote(text))))
}

fn check_identifier(text: &str, empty: &str, invalid: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::new(empty));
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Error::new(format!("{invalid} {}", quote(text))));
    }
    Ok(())
}
