//! The machine of one pod.
