//! The two tables of facts, by `(definition, property)`. The property `(self)` is the
//! definition itself.

use std::collections::HashMap;

use anyhow::{Context, ensure};

pub type Facts<T> = HashMap<(String, String), T>;

/// What merging and defaulting need to know of a property.
#[derive(Default)]
pub struct Merge {
    pub list_type: String,
    pub list_map_keys: Vec<String>,
    pub map_type: String,
    pub patch_strategy: String,
    pub patch_merge_key: String,
}

/// How the Go struct declares a property.
#[derive(Default)]
pub struct Go {
    /// As `reflect.Type.String()` prints it, a leading `*` for a pointer.
    pub go_type: String,
    pub emitted: Emitted,
    /// The protobuf field number, `2.5` for field 5 of the message inlined as field 2.
    pub number: String,
    /// The Go names of the embedded structs the property comes through.
    pub within: String,
    /// The default that the type's declaration states, as JSON.
    pub default: String,
}

/// When Go prints a property: `omitempty` knows no empty struct, `omitzero` does.
#[derive(Default, PartialEq)]
pub enum Emitted {
    Always,
    #[default]
    UnlessEmpty,
    UnlessZero,
}

pub fn merge(csv: &str) -> anyhow::Result<Facts<Merge>> {
    rows(csv, 9, |cell| Merge {
        list_type: cell[3].clone(),
        list_map_keys: cell[4].split_whitespace().map(str::to_owned).collect(),
        map_type: cell[5].clone(),
        patch_strategy: cell[6].clone(),
        patch_merge_key: cell[7].clone(),
    })
}

pub fn go(csv: &str) -> anyhow::Result<Facts<Go>> {
    rows(csv, 7, |cell| Go {
        go_type: cell[2].clone(),
        emitted: match cell[3].as_str() {
            "always" => Emitted::Always,
            "omitzero" => Emitted::UnlessZero,
            _ => Emitted::UnlessEmpty,
        },
        number: cell[4].clone(),
        within: cell[5].clone(),
        default: cell[6].clone(),
    })
}

fn rows<T>(csv: &str, width: usize, row: impl Fn(&[String]) -> T) -> anyhow::Result<Facts<T>> {
    let mut facts = Facts::new();
    for (number, line) in csv.lines().enumerate().skip(1) {
        let cells = cells(line);
        ensure!(cells.len() == width, "line {}: {} cells, not {width}", number + 1, cells.len());
        let definition = cells.first().context("empty line")?.clone();
        facts.insert((definition, cells[1].clone()), row(&cells));
    }
    Ok(facts)
}

/// The cells of one line; a quoted cell may hold commas and doubled quotes.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cells.last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}
