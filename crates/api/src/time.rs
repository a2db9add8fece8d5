//! Timestamps as Kubernetes writes them.

use jiff::Timestamp;

/// `metav1.Time`: whole seconds, `2026-01-01T00:00:00Z`.
pub fn format(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `metav1.MicroTime`: six digits, `2026-01-01T00:00:00.000000Z`.
pub fn format_micro(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
