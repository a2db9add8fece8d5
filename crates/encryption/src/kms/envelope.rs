//! The stored form: the sealed object with what the service needs to unwrap its key.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use ironclad_api::Path;
use ironclad_api::field;
use ironclad_api::validation::dns;
use ironclad_engine::codec::AtRestError;
use prost::Message;

use super::encrypted::{EncryptedDekSourceType as Kind, EncryptedObject};
use crate::transformer::failed;

const MOST_KEY_ID: usize = 1024;
const MOST_SOURCE: usize = 1024;
const MOST_ANNOTATIONS: usize = 32 * 1024;

/// A wrapped key or seed, as the service gave it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    pub kind: Kind,
    pub wrapped: Vec<u8>,
    pub key_id: String,
    pub annotations: BTreeMap<String, Vec<u8>>,
}

impl Source {
    /// Whether it may be stored; the error is upstream's.
    pub fn check(&self) -> Result<(), String> {
        match self.wrapped.len() {
            0 => return Err("failed to validate encrypted DEK source: encrypted DEK source is empty".into()),
            size if size > MOST_SOURCE => {
                return Err(format!(
                    "failed to validate encrypted DEK source: encrypted DEK source is {size} bytes, which exceeds the max \
                     size of {MOST_SOURCE}"
                ));
            }
            _ => {}
        }
        check_key_id(&self.key_id).map_err(|why| format!("failed to validate key id: {why}"))?;
        let faults = annotation_faults(&self.annotations);
        match field::aggregate_texts(faults) {
            None => Ok(()),
            Some(why) => Err(format!("failed to validate annotations: {why}")),
        }
    }

    /// The stored form of an object that was sealed with this source's key.
    pub fn encode(&self, sealed: Vec<u8>) -> Vec<u8> {
        let object = EncryptedObject {
            encrypted_data: sealed,
            key_id: self.key_id.clone(),
            encrypted_dek_source: self.wrapped.clone(),
            annotations: self.annotations.clone(),
            encrypted_dek_source_type: self.kind as i32,
        };
        object.encode_to_vec()
    }

    /// The source and the sealed object in a stored value.
    pub fn decode(stored: &[u8]) -> Result<(Self, Vec<u8>), AtRestError> {
        let object = EncryptedObject::decode(stored).map_err(|error| failed(format!("proto: {error}")))?;
        let number = object.encrypted_dek_source_type;
        let kind = Kind::try_from(number);
        let kind = kind.map_err(|_| failed(format!("unknown encryptedDEKSourceType: {number}")))?;
        if object.encrypted_data.is_empty() {
            return Err(failed("encrypted data is empty"));
        }
        let source = Self {
            kind,
            wrapped: object.encrypted_dek_source,
            key_id: object.key_id,
            annotations: object.annotations,
        };
        source.check().map_err(failed)?;
        Ok((source, object.encrypted_data))
    }
}

pub fn check_key_id(id: &str) -> Result<(), String> {
    match id.len() {
        0 => Err("keyID is empty".into()),
        size if size > MOST_KEY_ID => {
            Err(format!("keyID is {size} bytes, which exceeds the max size of {MOST_KEY_ID}"))
        }
        _ => Ok(()),
    }
}

fn annotation_faults(annotations: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let path = Path::new("annotations");
    let mut faults: Vec<String> = annotations
        .keys()
        .filter_map(|name| field::aggregate(&dns::fully_qualified_domain_name(&path, name)))
        .collect();
    let size: usize = annotations.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MOST_ANNOTATIONS {
        faults.push(format!(
            "total size of annotations is {size}, which exceeds the max size of {MOST_ANNOTATIONS}"
        ));
    }
    faults
}

/// How logs and errors name a key: its id may tell more than they should.
pub fn key_id_hash(id: &str) -> String {
    if id.is_empty() {
        return String::new();
    }
    let hash = digest::digest(&digest::SHA256, id.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
