//! Lists in error texts as Go's `%q` prints them, which clients have come to know.

/// `["a" "b"]`
pub(crate) fn list<S: AsRef<str>>(items: &[S]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("{:?}", item.as_ref())).collect();
    format!("[{}]", quoted.join(" "))
}
