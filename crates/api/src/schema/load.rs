//! Reads `data/catalog.txt`, which `cargo xtask schema` writes. One line is one thing:
//!
//! ```text
//! @ io.k8s.api.core.v1                         the package of what follows
//! = ServicePort object [map=atomic] [gvk=g/v/K]  a definition and its shape
//! port i32 ! always #3                         a property, its type and facts in any order
//! ```
//!
//! Types: `string bool i32 i64 f64 bytes time microtime quantity intstr raw json`, `[T]` a
//! list, `{T}` a map, `T|T` a union, else the name of a definition (of the same package if
//! it has no dot). Facts: `!` required, `list=atomic|set|map(k,…)`, `map=atomic|granular`,
//! `patch=strategy,…(mergeKey)`, `go=` the Go type, `ptr` a Go pointer, `always` printed
//! when zero, `#2.5` protobuf field numbers, `in=` embedded structs, `default=` JSON.

use std::collections::HashMap;

use super::{
    Catalog, Definition, DefinitionId, Object, Patch, Property, Schema, Shape, Strategy, Topology, Width,
};
use crate::gvk::{GroupVersionKind, Name};

const BUILTIN: &str = include_str!("../../data/catalog.txt");

/// Reads the compiled-in catalog. It is part of the program: a line that cannot be read is
/// a defect of the build, which every test finds, so it ends the program by name.
pub(super) fn builtin() -> Catalog {
    read(BUILTIN).unwrap_or_else(|line| panic!("data/catalog.txt: cannot read {line:?}"))
}

/// `Err` is the line that could not be read.
fn read(text: &'static str) -> Result<Catalog, &'static str> {
    let by_name = names(text);
    let mut reader = Reader { by_name: &by_name, package: "", definitions: Vec::new() };
    for line in text.lines() {
        reader.line(line).ok_or(line)?;
    }
    let mut definitions = reader.definitions;
    for definition in &mut definitions {
        if let Shape::Object(object) = &mut definition.schema.shape {
            **object = Object::sorted(std::mem::take(&mut object.properties));
        }
    }
    Ok(Catalog::new(definitions, by_name))
}

/// Numbers the definitions, so that a line can refer to one that follows.
fn names(text: &'static str) -> HashMap<Name, DefinitionId> {
    let mut names = HashMap::new();
    let mut package = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("@ ") {
            package = name;
        } else if let Some(words) = line.strip_prefix("= ") {
            let short = words.split(' ').next().unwrap_or_default();
            let id = DefinitionId(u16::try_from(names.len()).unwrap_or(u16::MAX));
            names.insert(Name::Owned(format!("{package}.{short}")), id);
        }
    }
    names
}

struct Reader<'a> {
    by_name: &'a HashMap<Name, DefinitionId>,
    package: &'static str,
    definitions: Vec<Definition>,
}

impl Reader<'_> {
    fn line(&mut self, line: &'static str) -> Option<()> {
        if line.is_empty() || line.starts_with('#') {
            return Some(());
        }
        if let Some(package) = line.strip_prefix("@ ") {
            self.package = package;
            return Some(());
        }
        match line.strip_prefix("= ") {
            Some(words) => self.definition(words),
            None => self.property(line),
        }
    }

    fn definition(&mut self, words: &'static str) -> Option<()> {
        let mut words = words.split(' ');
        let short = words.next()?;
        let mut property = Property::default();
        property.schema.shape = match words.next()? {
            "object" => Shape::Object(Box::default()),
            shape => self.shape(shape)?,
        };
        let mut gvk = None;
        for word in words {
            match word.strip_prefix("gvk=") {
                Some(names) => gvk = Some(self::gvk(names)?),
                None => fact(&mut property, word)?,
            }
        }
        let name = Name::Owned(format!("{}.{short}", self.package));
        let go_package = self.package.rsplit('.').next().unwrap_or_default();
        property.schema.go_type = Some(Name::Owned(format!("{go_package}.{short}")));
        self.definitions.push(Definition { name, schema: property.schema, gvk });
        Some(())
    }

    fn property(&mut self, line: &'static str) -> Option<()> {
        let mut words = line.split(' ');
        let name = Name::Borrowed(words.next()?);
        let schema = Schema::of(self.shape(words.next()?)?);
        let mut property = Property { name, schema, ..Property::default() };
        for word in words {
            fact(&mut property, word)?;
        }
        match &mut self.definitions.last_mut()?.schema.shape {
            Shape::Object(object) => object.properties.push(property),
            _ => return None,
        }
        Some(())
    }

    fn shape(&self, word: &'static str) -> Option<Shape> {
        if word.contains('|') {
            let members: Option<Vec<Schema>> =
                word.split('|').map(|member| self.shape(member).map(Schema::of)).collect();
            return Some(Shape::Union(members?.into()));
        }
        if let Some(items) = bracketed(word, '[', ']') {
            return Some(Shape::List(Box::new(Schema::of(self.shape(items)?))));
        }
        if let Some(values) = bracketed(word, '{', '}') {
            return Some(Shape::Map(Box::new(Schema::of(self.shape(values)?))));
        }
        scalar(word).or_else(|| self.reference(word).map(Shape::Ref))
    }

    fn reference(&self, word: &str) -> Option<DefinitionId> {
        match word.contains('.') {
            true => self.by_name.get(word).copied(),
            false => self.by_name.get(format!("{}.{word}", self.package).as_str()).copied(),
        }
    }
}

fn scalar(word: &str) -> Option<Shape> {
    Some(match word {
        "string" => Shape::String,
        "bool" => Shape::Boolean,
        "i32" => Shape::Integer(Width::I32),
        "i64" => Shape::Integer(Width::I64),
        "f64" => Shape::Number,
        "bytes" => Shape::Bytes,
        "time" => Shape::Time,
        "microtime" => Shape::MicroTime,
        "quantity" => Shape::Quantity,
        "intstr" => Shape::IntOrString,
        "raw" => Shape::Raw,
        "json" => Shape::Json,
        _ => return None,
    })
}

fn bracketed(word: &'static str, open: char, close: char) -> Option<&'static str> {
    word.strip_prefix(open)?.strip_suffix(close)
}

fn gvk(names: &'static str) -> Option<GroupVersionKind> {
    let mut names = names.split('/');
    Some(GroupVersionKind::new(names.next()?, names.next()?, names.next()?))
}

fn fact(property: &mut Property, word: &'static str) -> Option<()> {
    match word {
        "!" => property.required = true,
        "ptr" => property.pointer = true,
        "always" => property.always = true,
        _ if word.starts_with('#') => property.protobuf = numbers(word)?,
        _ => {
            let (name, value) = word.split_once('=')?;
            named_fact(property, name, value)?;
        }
    }
    Some(())
}

fn named_fact(property: &mut Property, name: &str, value: &'static str) -> Option<()> {
    let schema = &mut property.schema;
    match name {
        "list" | "map" => schema.topology = Some(topology(name, value)?),
        "patch" => schema.patch = Some(Box::new(patch(value)?)),
        "go" => schema.go_type = Some(Name::Borrowed(value)),
        "in" => property.embedded_in = Name::Borrowed(value),
        "default" => schema.default = Some(Box::new(serde_json::from_str(value).ok()?)),
        _ => return None,
    }
    Some(())
}

fn topology(name: &str, value: &'static str) -> Option<Topology> {
    Some(match (name, value) {
        ("list", "atomic") => Topology::AtomicList,
        ("list", "set") => Topology::SetList,
        ("list", keys) => {
            let keys = keys.strip_prefix("map(")?.strip_suffix(')')?;
            Topology::MapList(keys.split(',').map(Name::Borrowed).collect())
        }
        ("map", "atomic") => Topology::AtomicMap,
        ("map", "granular") => Topology::GranularMap,
        _ => return None,
    })
}

fn patch(value: &'static str) -> Option<Patch> {
    let (strategies, merge_key) = value.strip_suffix(')')?.split_once('(')?;
    let strategies: Option<Vec<Strategy>> = strategies
        .split(',')
        .map(|word| match word {
            "merge" => Some(Strategy::Merge),
            "replace" => Some(Strategy::Replace),
            "retainKeys" => Some(Strategy::RetainKeys),
            _ => None,
        })
        .collect();
    let merge_key = (!merge_key.is_empty()).then_some(Name::Borrowed(merge_key));
    Some(Patch { strategies: strategies?, merge_key })
}

fn numbers(word: &str) -> Option<[u16; 3]> {
    let mut numbers = [0; 3];
    let mut places = numbers.iter_mut();
    for number in word.strip_prefix('#')?.split('.') {
        *places.next()? = number.parse().ok()?;
    }
    Some(numbers)
}
