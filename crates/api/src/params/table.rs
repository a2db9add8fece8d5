//! What of each object goes into a table's rows.

use super::Query;
use crate::field::{FieldError, Path};
use crate::status::{Result, Status};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    None,
    /// As a PartialObjectMetadata.
    #[default]
    Metadata,
    Object,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    pub include_object: IncludeObject,
}

impl TableOptions {
    pub fn from_query(query: &Query) -> Result<Self> {
        let include_object = match query.text("includeObject") {
            "" | "Metadata" => IncludeObject::Metadata,
            "None" => IncludeObject::None,
            "Object" => IncludeObject::Object,
            other => {
                let detail = "must be 'Metadata', 'Object', 'None', or empty";
                let error = FieldError::invalid(&Path::new("includeObject"), other, detail);
                return Err(Status::bad_request(format!("Unable to convert to Table as requested: {error}")));
            }
        };
        Ok(Self { include_object })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_carry_metadata_unless_asked_otherwise() {
        let read =
            |raw: &str| TableOptions::from_query(&Query::parse(raw)).map(|options| options.include_object);
        assert_eq!(read(""), Ok(IncludeObject::Metadata));
        assert_eq!(read("includeObject=None"), Ok(IncludeObject::None));
        assert_eq!(read("includeObject=Object"), Ok(IncludeObject::Object));
        assert_eq!(
            read("includeObject=x").map_err(|status| status.message),
            Err("Unable to convert to Table as requested: includeObject: Invalid value: \"x\": must be 'Metadata', 'Object', 'None', or empty".to_owned())
        );
    }
}
