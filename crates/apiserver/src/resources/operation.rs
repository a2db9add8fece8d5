//! The operation that a request asks for: verb, options and body.

use bytes::Bytes;
use hyper::body::Incoming;
use ironclad_api::params::{DeleteOptions, GetOptions, ListOptions, WriteOptions};
use ironclad_api::status::Status;
use ironclad_api::{GroupVersionKind, json, protobuf, yaml};
use ironclad_client::{Body, Operation, Patch, PatchKind};

use super::Asked;
use crate::audit::Tap;
use crate::body::{self, Share};
use crate::negotiate::{self, Encoding};

pub async fn read(asked: &Asked<'_>, incoming: Incoming) -> Result<Operation, Status> {
    let (query, headers) = (asked.query, &asked.parts.headers);
    let resource = asked.served.gvr.group_resource();
    Ok(match &*asked.info.verb {
        "get" => Operation::Get(GetOptions::from_query(query)?),
        "list" => Operation::List(ListOptions::from_query(query, &resource)?),
        "create" => {
            let body = object(asked, incoming).await?;
            Operation::Create(body, WriteOptions::from_query(query, "CreateOptions")?)
        }
        "update" => {
            let body = object(asked, incoming).await?;
            Operation::Update(body, WriteOptions::from_query(query, "UpdateOptions")?)
        }
        "patch" => {
            let kind = negotiate::patch(headers, asked.is_builtin())?;
            let body = whole(asked, incoming).await?;
            let options = WriteOptions::from_query(query, "PatchOptions")?;
            // An explicit `force=false` is as wrong as `true`, and only visible here.
            let force = options.force || (kind != PatchKind::Apply && query.first("force").is_some());
            Operation::Patch(Patch { kind, body }, WriteOptions { force, ..options })
        }
        "delete" => Operation::Delete(delete_options(asked, incoming).await?),
        "deletecollection" => {
            let list = ListOptions::from_query(query, &resource)?;
            Operation::DeleteCollection(list, delete_options(asked, incoming).await?)
        }
        verb => return Err(Status::method_not_supported(&resource, verb)),
    })
}

/// The body, of which the audit log may want a copy.
async fn whole(asked: &Asked<'_>, incoming: Incoming) -> Result<Bytes, Status> {
    let extensions = &asked.parts.extensions;
    let bytes = body::read(incoming, extensions.get::<Share>()).await?;
    if let Some(tap) = extensions.get::<Tap>() {
        tap.put(&bytes);
    }
    Ok(bytes)
}

async fn object(asked: &Asked<'_>, incoming: Incoming) -> Result<Body, Status> {
    let encoding = negotiate::body(&asked.parts.headers, asked.is_builtin())?;
    let bytes = whole(asked, incoming).await?;
    Ok(match encoding {
        Encoding::Json => Body::Json(bytes),
        Encoding::Yaml => Body::Yaml(bytes),
        Encoding::Protobuf => {
            let kind = asked.body_kind();
            let object = protobuf::decode(&bytes, Some(kind));
            Body::Tree(object.map_err(|error| json::bad_body(None, &kind.kind, error, &bytes))?)
        }
    })
}

/// From the body if there is one, else from the query.
async fn delete_options(asked: &Asked<'_>, incoming: Incoming) -> Result<DeleteOptions, Status> {
    let bytes = whole(asked, incoming).await?;
    if bytes.is_empty() {
        return DeleteOptions::from_query(asked.query);
    }
    let value = match negotiate::body(&asked.parts.headers, true)? {
        Encoding::Json => json::decode(&bytes).map(|decoded| decoded.value).map_err(|error| {
            Status::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
        })?,
        Encoding::Yaml => {
            let decoded = yaml::decode(&bytes).map_err(|error| Status::bad_request(error.converting()))?;
            decoded.value
        }
        Encoding::Protobuf => {
            let kind = GroupVersionKind::new("meta.k8s.io", "v1", "DeleteOptions");
            let options = protobuf::decode(&bytes, Some(&kind));
            options.map_err(|error| Status::bad_request(error.to_string()))?.into_value()
        }
    };
    DeleteOptions::from_body(&value)
}
