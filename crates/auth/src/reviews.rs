//! What webhooks for tokens and for access have in common: the version of the reviews that they are sent, and how
//! their answers are read.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

/// The version of the review that a webhook understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ReviewVersion {
    #[default]
    V1,
    V1Beta1,
}

impl fmt::Display for ReviewVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V1Beta1 => "v1beta1",
        })
    }
}

impl FromStr for ReviewVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "v1" => Ok(Self::V1),
            "v1beta1" => Ok(Self::V1Beta1),
            _ => Err(format!("{text:?} is no version of a review: it must be v1 or v1beta1")),
        }
    }
}

impl TryFrom<String> for ReviewVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ReviewVersion> for String {
    fn from(version: ReviewVersion) -> Self {
        version.to_string()
    }
}

/// A kind of review in a version.
#[derive(Clone, Copy)]
pub(crate) struct ReviewKind {
    pub group: &'static str,
    pub kind: &'static str,
    pub version: ReviewVersion,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<S> {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    status: Option<S>,
}

impl ReviewKind {
    fn api_version(self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// The body of a question.
    pub fn question(self, spec: &Value) -> Bytes {
        let review = json!({ "kind": self.kind, "apiVersion": self.api_version(), "metadata": {}, "spec": spec, "status": {} });
        Bytes::from(review.to_string())
    }

    /// The status of an answer, which must be a review of the same kind and version.
    pub fn answer<S: for<'de> Deserialize<'de> + Default>(self, body: &[u8]) -> Result<S, String> {
        let answer: Answer<S> = serde_json::from_slice(body)
            .map_err(|error| format!("the answer is no {}: {error}", self.kind))?;
        if (answer.api_version.as_str(), answer.kind.as_str()) != (self.api_version().as_str(), self.kind) {
            return Err(format!(
                "expected an answer of {}, kind {}, got {:?}, kind {:?}",
                self.api_version(),
                self.kind,
                answer.api_version,
                answer.kind
            ));
        }
        Ok(answer.status.unwrap_or_default())
    }
}

/// As Go reads JSON: null is the empty value.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}
