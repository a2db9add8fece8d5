//! The v2 document in protobuf, as `kubectl` before 1.27 and GitOps tools ask for it with
//! [`MEDIA_TYPE`]. One table says where each JSON field goes; numbers are those of
//! gnostic's OpenAPIv2.proto.

use serde_json::{Map, Value};

/// What such clients accept.
/// As answers name it. Clients ask for it with `@v1.0`, which no media type may hold, so that
/// Go refuses to read an answer that repeats it.
pub const MEDIA_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Encodes a document that [`super::v2`] made.
pub fn encode(document: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    DOCUMENT.write(document, &mut bytes);
    bytes
}

/// A message: JSON field, number and kind of each field it has here.
struct Message {
    fields: &'static [(&'static str, u32, Kind)],
    /// The field for `x-…` properties; 0 if it has none.
    extensions: u32,
}

/// How a JSON value is written.
enum Kind {
    Text,
    Flag,
    Integer,
    Double,
    /// Any JSON, as YAML text.
    Any,
    One(&'static Message),
    /// A list, each element written on its own.
    Each(&'static Kind),
    /// A message with this one field.
    In(u32, &'static Kind),
    /// An object as a message with a repeated field of names (1) and values (2).
    Map(u32, &'static Kind),
    /// Decided by the value.
    By(fn(&Value) -> &'static Kind),
}

static TEXTS: Kind = Kind::Each(&Kind::Text);
static ANY: Kind = Kind::Any;
static SCHEMA_KIND: Kind = Kind::One(&SCHEMA);

static DOCUMENT: Message = Message {
    fields: &[
        ("swagger", 1, Kind::Text),
        ("info", 2, Kind::One(&INFO)),
        ("paths", 8, Kind::Map(2, &Kind::One(&PATH_ITEM))),
        ("definitions", 9, Kind::Map(1, &SCHEMA_KIND)),
        ("security", 12, Kind::Each(&Kind::Map(1, &Kind::In(1, &TEXTS)))),
        ("securityDefinitions", 13, Kind::Map(1, &Kind::In(2, &Kind::One(&API_KEY)))),
    ],
    extensions: 16,
};

static INFO: Message =
    Message { fields: &[("title", 1, Kind::Text), ("version", 2, Kind::Text)], extensions: 7 };

static API_KEY: Message = Message {
    fields: &[
        ("type", 1, Kind::Text),
        ("name", 2, Kind::Text),
        ("in", 3, Kind::Text),
        ("description", 4, Kind::Text),
    ],
    extensions: 5,
};

static PATH_ITEM: Message = Message {
    fields: &[
        ("get", 2, Kind::One(&OPERATION)),
        ("put", 3, Kind::One(&OPERATION)),
        ("post", 4, Kind::One(&OPERATION)),
        ("delete", 5, Kind::One(&OPERATION)),
        ("options", 6, Kind::One(&OPERATION)),
        ("head", 7, Kind::One(&OPERATION)),
        ("patch", 8, Kind::One(&OPERATION)),
        ("parameters", 9, Kind::Each(&PARAMETER)),
    ],
    extensions: 10,
};

static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, Kind::Each(&Kind::Text)),
        ("description", 3, Kind::Text),
        ("operationId", 5, Kind::Text),
        ("produces", 6, Kind::Each(&Kind::Text)),
        ("consumes", 7, Kind::Each(&Kind::Text)),
        ("parameters", 8, Kind::Each(&PARAMETER)),
        ("responses", 9, Kind::Map(1, &Kind::In(1, &Kind::One(&RESPONSE)))),
        ("schemes", 10, Kind::Each(&Kind::Text)),
    ],
    extensions: 13,
};

static RESPONSE: Message = Message {
    fields: &[("description", 1, Kind::Text), ("schema", 2, Kind::In(1, &SCHEMA_KIND))],
    extensions: 5,
};

static PARAMETER: Kind = Kind::In(1, &Kind::By(parameter_kind));

static BODY_PARAMETER: Kind = Kind::In(1, &Kind::One(&BODY));
static QUERY_PARAMETER: Kind = Kind::In(2, &Kind::In(3, &Kind::One(&QUERY)));
static PATH_PARAMETER: Kind = Kind::In(2, &Kind::In(4, &Kind::One(&PATH)));

fn parameter_kind(value: &Value) -> &'static Kind {
    match value.get("in").and_then(Value::as_str) {
        Some("body") => &BODY_PARAMETER,
        Some("path") => &PATH_PARAMETER,
        _ => &QUERY_PARAMETER,
    }
}

static BODY: Message = Message {
    fields: &[
        ("description", 1, Kind::Text),
        ("name", 2, Kind::Text),
        ("in", 3, Kind::Text),
        ("required", 4, Kind::Flag),
        ("schema", 5, Kind::One(&SCHEMA)),
    ],
    extensions: 6,
};

static QUERY: Message = Message {
    fields: &[
        ("required", 1, Kind::Flag),
        ("in", 2, Kind::Text),
        ("description", 3, Kind::Text),
        ("name", 4, Kind::Text),
        ("type", 6, Kind::Text),
        ("uniqueItems", 20, Kind::Flag),
    ],
    extensions: 23,
};

static PATH: Message = Message {
    fields: &[
        ("required", 1, Kind::Flag),
        ("in", 2, Kind::Text),
        ("description", 3, Kind::Text),
        ("name", 4, Kind::Text),
        ("type", 5, Kind::Text),
        ("uniqueItems", 19, Kind::Flag),
    ],
    extensions: 22,
};

static SCHEMA: Message = Message {
    fields: &[
        ("$ref", 1, Kind::Text),
        ("format", 2, Kind::Text),
        ("title", 3, Kind::Text),
        ("description", 4, Kind::Text),
        ("default", 5, Kind::Any),
        ("multipleOf", 6, Kind::Double),
        ("maximum", 7, Kind::Double),
        ("exclusiveMaximum", 8, Kind::Flag),
        ("minimum", 9, Kind::Double),
        ("exclusiveMinimum", 10, Kind::Flag),
        ("maxLength", 11, Kind::Integer),
        ("minLength", 12, Kind::Integer),
        ("pattern", 13, Kind::Text),
        ("maxItems", 14, Kind::Integer),
        ("minItems", 15, Kind::Integer),
        ("uniqueItems", 16, Kind::Flag),
        ("maxProperties", 17, Kind::Integer),
        ("minProperties", 18, Kind::Integer),
        ("required", 19, Kind::Each(&Kind::Text)),
        ("enum", 20, Kind::Each(&ANY)),
        ("additionalProperties", 21, Kind::By(additional_properties_kind)),
        ("type", 22, Kind::In(1, &Kind::Text)),
        ("items", 23, Kind::In(1, &SCHEMA_KIND)),
        ("properties", 25, Kind::Map(1, &SCHEMA_KIND)),
        ("example", 30, Kind::Any),
    ],
    extensions: 31,
};

static ADDITIONAL_SCHEMA: Kind = Kind::In(1, &SCHEMA_KIND);
static ADDITIONAL_FLAG: Kind = Kind::In(2, &Kind::Flag);

fn additional_properties_kind(value: &Value) -> &'static Kind {
    if value.is_boolean() { &ADDITIONAL_FLAG } else { &ADDITIONAL_SCHEMA }
}

// === writing ===

impl Message {
    fn write(&self, value: &Value, out: &mut Vec<u8>) {
        let Some(properties) = value.as_object() else { return };
        for (name, number, kind) in self.fields {
            if let Some(value) = properties.get(*name) {
                kind.write(*number, value, out);
            }
        }
        if self.extensions != 0 {
            write_extensions(self.extensions, properties, out);
        }
    }
}

fn write_extensions(number: u32, properties: &Map<String, Value>, out: &mut Vec<u8>) {
    for (name, value) in properties.iter().filter(|(name, _)| name.starts_with("x-")) {
        write_entry(number, name, &ANY, value, out);
    }
}

/// A message of a name (1) and a value (2).
fn write_entry(number: u32, name: &str, kind: &Kind, value: &Value, out: &mut Vec<u8>) {
    let mut entry = Vec::new();
    write_bytes(1, name.as_bytes(), &mut entry);
    kind.write(2, value, &mut entry);
    write_bytes(number, &entry, out);
}

impl Kind {
    fn write(&self, number: u32, value: &Value, out: &mut Vec<u8>) {
        match self {
            Kind::Text => write_bytes(number, value.as_str().unwrap_or_default().as_bytes(), out),
            Kind::Flag => write_varint_field(number, u64::from(value.as_bool().unwrap_or_default()), out),
            Kind::Integer => write_varint_field(number, value.as_u64().unwrap_or_default(), out),
            Kind::Double => {
                write_varint(u64::from(number) << 3 | 1, out);
                out.extend(value.as_f64().unwrap_or_default().to_le_bytes());
            }
            Kind::Any => {
                // JSON is YAML.
                let mut any = Vec::new();
                write_bytes(2, format!("{value}\n").as_bytes(), &mut any);
                write_bytes(number, &any, out);
            }
            Kind::One(message) => {
                let mut bytes = Vec::new();
                message.write(value, &mut bytes);
                write_bytes(number, &bytes, out);
            }
            Kind::Each(kind) => {
                value.as_array().into_iter().flatten().for_each(|v| kind.write(number, v, out))
            }
            Kind::In(inner, kind) => {
                let mut bytes = Vec::new();
                kind.write(*inner, value, &mut bytes);
                write_bytes(number, &bytes, out);
            }
            Kind::Map(inner, kind) => {
                let mut bytes = Vec::new();
                for (name, value) in value.as_object().into_iter().flatten() {
                    write_entry(*inner, name, kind, value, &mut bytes);
                }
                write_bytes(number, &bytes, out);
            }
            Kind::By(choose) => choose(value).write(number, value, out),
        }
    }
}

fn write_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    write_varint(u64::from(number) << 3 | 2, out);
    write_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn write_varint_field(number: u32, value: u64, out: &mut Vec<u8>) {
    write_varint(u64::from(number) << 3, out);
    write_varint(value, out);
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
