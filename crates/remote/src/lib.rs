//! The API over HTTPS: a [`Client`](ironclad_client::Client) and a list+watch
//! [`Cache`](ironclad_client::Cache) for processes that are not the server.
