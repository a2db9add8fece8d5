//! The options of a pod's streaming subresources.

use jiff::Timestamp;

use super::Query;
use crate::field::{FieldError, FieldErrors, Path};
use crate::gvk::GroupKind;
use crate::status::{Result, Status};
use crate::{time, validation};

/// `pods/log`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Empty for a pod with one container.
    pub container: String,
    pub follow: bool,
    /// Of the container's run before this one.
    pub previous: bool,
    pub since_seconds: Option<i64>,
    pub since_time: Option<Timestamp>,
    pub timestamps: bool,
    pub tail_lines: Option<u64>,
    pub limit_bytes: Option<u64>,
}

impl LogOptions {
    /// `pod` is the pod's name, for the error.
    pub fn from_query(query: &Query, pod: &str) -> Result<Self> {
        let since_time = query.first("sinceTime").filter(|text| !["", "null"].contains(text));
        let since_time = since_time.map(time::parse).transpose();
        let since_time = since_time.map_err(|error| Status::bad_request(error.to_string()))?;
        let since_seconds = query.integer("sinceSeconds")?;
        let tail_lines = query.integer("tailLines")?;
        let limit_bytes = query.integer("limitBytes")?;

        let mut errors = FieldErrors::new();
        if let Some(lines) = tail_lines {
            errors.extend(validation::number::not_negative(&Path::new("tailLines"), lines));
        }
        errors.extend(above_zero("limitBytes", limit_bytes));
        match (since_seconds, since_time) {
            (Some(_), Some(_)) => {
                let detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
                errors.push(FieldError::forbidden(&Path::root(), detail));
            }
            (seconds, _) => errors.extend(above_zero("sinceSeconds", seconds)),
        }
        if query.first("stream").is_some() {
            errors.push(FieldError::forbidden(&Path::new("stream"), "may not be specified"));
        }
        if !errors.is_empty() {
            return Err(Status::invalid(&GroupKind::new("", "PodLogOptions"), pod, &errors));
        }
        Ok(Self {
            container: query.text("container").to_owned(),
            follow: query.flag("follow").unwrap_or(false),
            previous: query.flag("previous").unwrap_or(false),
            since_seconds,
            since_time,
            timestamps: query.flag("timestamps").unwrap_or(false),
            tail_lines: tail_lines.map(i64::unsigned_abs),
            limit_bytes: limit_bytes.map(i64::unsigned_abs),
        })
    }
}

fn above_zero(field: &'static str, value: Option<i64>) -> Option<FieldError> {
    let value = value.filter(|value| *value < 1)?;
    Some(FieldError::invalid(&Path::new(field), value, "must be greater than 0"))
}

/// `pods/exec` and `pods/attach`, which has no command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    pub container: String,
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    pub tty: bool,
    pub command: Vec<String>,
}

impl StreamOptions {
    pub fn from_query(query: &Query) -> Self {
        let flag = |name| query.flag(name).unwrap_or(false);
        Self {
            container: query.text("container").to_owned(),
            stdin: flag("stdin"),
            stdout: flag("stdout"),
            stderr: flag("stderr"),
            tty: flag("tty"),
            command: query.all("command").map(str::to_owned).collect(),
        }
    }
}

/// `pods/portforward`. SPDY clients name the ports in each stream's headers instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortForwardOptions {
    pub ports: Vec<u16>,
}

impl PortForwardOptions {
    /// Ports may stand in one value, with commas, or in several.
    pub fn from_query(query: &Query) -> Result<Self> {
        let texts = query.all("ports").flat_map(|ports| ports.split(','));
        let ports = texts.map(|text| {
            let port = text.trim().parse().ok().filter(|port: &u16| *port > 0);
            port.ok_or_else(|| {
                Status::bad_request(format!("invalid ports {text:?}: must be between 1 and 65535"))
            })
        });
        Ok(Self { ports: ports.collect::<Result<_>>()? })
    }
}

/// The `proxy` subresources of pods, services and nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyOptions {
    pub path: String,
}

impl ProxyOptions {
    pub fn from_query(query: &Query) -> Self {
        Self { path: query.text("path").to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_options_are_read_and_checked() {
        let read = |raw: &str| {
            LogOptions::from_query(&Query::parse(raw), "web").map_err(|status| (status.code, status.message))
        };
        assert_eq!(read(""), Ok(LogOptions::default()));
        assert_eq!(
            read(
                "container=c&follow=true&previous=1&sinceTime=2026-01-01T00:00:00Z&timestamps=&tailLines=0&limitBytes=1"
            ),
            Ok(LogOptions {
                container: "c".into(),
                follow: true,
                previous: true,
                since_seconds: None,
                since_time: time::parse("2026-01-01T00:00:00Z").ok(),
                timestamps: true,
                tail_lines: Some(0),
                limit_bytes: Some(1),
            })
        );
        let check = |raw: &str, want: &str| {
            let want = format!("PodLogOptions \"web\" is invalid: {want}");
            assert_eq!(read(raw), Err((422, want)), "{raw}");
        };
        check("tailLines=-1", "tailLines: Invalid value: -1: must be greater than or equal to 0");
        check("limitBytes=0", "limitBytes: Invalid value: 0: must be greater than 0");
        check("sinceSeconds=0", "sinceSeconds: Invalid value: 0: must be greater than 0");
        check(
            "sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z",
            ": Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
        );
        check("stream=Stdout", "stream: Forbidden: may not be specified");
        assert_eq!(read("sinceTime=x").map_err(|(code, _)| code), Err(400));
        assert_eq!(read("tailLines=x").map_err(|(code, _)| code), Err(400));
    }

    #[test]
    fn stream_options_are_read() {
        let query =
            Query::parse("container=c&stdin=true&stdout=true&tty=false&command=sh&command=-c&command=a+b");
        assert_eq!(
            StreamOptions::from_query(&query),
            StreamOptions {
                container: "c".into(),
                stdin: true,
                stdout: true,
                stderr: false,
                tty: false,
                command: vec!["sh".into(), "-c".into(), "a b".into()],
            }
        );
        let ports =
            |raw: &str| PortForwardOptions::from_query(&Query::parse(raw)).map(|options| options.ports);
        assert_eq!(ports("ports=80,443&ports=8080"), Ok(vec![80, 443, 8080]));
        assert_eq!(ports("ports=0").map_err(|status| status.code), Err(400));
        assert_eq!(ports("ports=x").map_err(|status| status.code), Err(400));
    }
}
