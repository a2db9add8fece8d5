//! JSON as Go writes it: whole floats without a point, exponents only at the extremes.
//! Unlike Go's, `<`, `>` and `&` stand as they are; readers see the same text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use crate::goprint;

/// Without spaces. Empty only if a map has a key that is no string.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    write(value, Go(CompactFormatter))
}

/// Over several lines, indented by two spaces (`?pretty=true`).
pub fn encode_pretty<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    write(value, Go(PrettyFormatter::new()))
}

fn write<T: Serialize + ?Sized, F: Formatter>(value: &T, formatter: F) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024);
    match value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter)) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

/// Another formatter, but for its floats.
struct Go<F>(F);

macro_rules! delegate {
    ($($name:ident $(($argument:ident: $kind:ty))?),+) => {$(
        fn $name<W: Write + ?Sized>(&mut self, writer: &mut W $(, $argument: $kind)?) -> io::Result<()> {
            self.0.$name(writer $(, $argument)?)
        }
    )+};
}

impl<F: Formatter> Formatter for Go<F> {
    fn write_f64<W: Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(goprint::json_float(value).as_bytes())
    }

    delegate!(
        begin_array,
        end_array,
        begin_array_value(first: bool),
        end_array_value,
        begin_object,
        end_object,
        begin_object_key(first: bool),
        end_object_key,
        begin_object_value,
        end_object_value
    );
}
