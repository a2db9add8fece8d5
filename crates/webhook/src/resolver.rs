//! Where a Service is.

/// Knows the cluster's Services.
pub trait Resolver: Send + Sync + 'static {
    /// A `host:port` to connect to for a port of a Service. The error is the text that
    /// stands in the call's.
    fn resolve(&self, namespace: &str, name: &str, port: u16) -> Result<String, String>;
}

/// For servers that are asked for URLs only.
pub struct NoServices;

impl Resolver for NoServices {
    fn resolve(&self, _namespace: &str, name: &str, _port: u16) -> Result<String, String> {
        Err(format!("service \"{name}\" not found"))
    }
}
