//! Which containerd is installed.

use std::fmt;

/// A released version. Suffixes (`-rc.1`, Debian's `~ds1`) are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

/// The first containerd that serves CRI v1, which Kubernetes requires since 1.26.
pub(crate) const OLDEST: Version = Version { major: 1, minor: 6, patch: 0 };

impl Version {
    /// The version in the output of `containerd --version`: three or four words, the third of which is
    /// the version, with or without a `v`:
    /// `containerd github.com/containerd/containerd/v2 v2.0.5 fb4c30d4ede3531652d86197bf3fc9515e5276d9`.
    pub fn parse(output: &str) -> Option<Self> {
        let mut words = output.split_whitespace();
        (words.next() == Some("containerd")).then_some(())?;
        let version = words.nth(1)?;
        let version = version.strip_prefix('v').unwrap_or(version);
        let mut parts = version.splitn(3, '.');
        let major = parts.next()?.parse().ok()?;
        let minor = leading_number(parts.next()?)?;
        let patch = parts.next().and_then(leading_number).unwrap_or(0);
        Some(Self { major, minor, patch })
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_every_packager_writes_them() {
        let check = |output: &str, expected: Option<&str>| {
            let found = Version::parse(output).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{output:?}");
        };
        // Debian 12, Debian 13, Docker's packages, a release, a candidate, a build from source.
        check(
            "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n",
            Some("1.6.20"),
        );
        check("containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6\n", Some("1.7.24"));
        check("containerd containerd.io 1.6.33 d2d58213f83a351ca8f528a95fbd145f5654e957", Some("1.6.33"));
        check(
            "containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7193e4e490e9fbdc236c0e811ccaba3376",
            Some("2.1.4"),
        );
        check("containerd github.com/containerd/containerd/v2 v2.0.0-rc.3 abc", Some("2.0.0"));
        check("containerd github.com/containerd/containerd/v2 2.2", Some("2.2.0"));
        check("containerd github.com/containerd/containerd unknown", None);
        check("runc version 1.1.5", None);
        check("", None);
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let version = |text: &str| Version::parse(&format!("containerd x {text}")).unwrap();
        assert!(version("1.10.0") > version("1.6.20"));
        assert!(version("1.5.18") < OLDEST);
        assert!(version("1.6.0~rc1") >= OLDEST);
    }
}
