//! Lists as YAML, or indented, in pieces: the frame is written around nothing, and the items into it.

use bytes::Bytes;
use ironclad_api::status::Status;
use ironclad_api::{json, yaml};
use serde::Serialize;
use serde_json::Value;

use crate::negotiate::{Accepted, Encoding};
use crate::reply::{self, Pieces};

/// `empty` is the list without what stands under `key`, which is not to be empty here.
pub fn spread<T: Serialize>(
    empty: &T,
    key: &str,
    accepted: &Accepted,
    items: impl Iterator<Item = Value> + Send + 'static,
) -> Result<Pieces, Status> {
    let frame = reply::encode(accepted, empty).map_err(Status::internal_error)?;
    let frame = String::from_utf8_lossy(&frame);
    let is_yaml = accepted.encoding == Encoding::Yaml;
    // The key stands at the top only; deeper ones are indented.
    let mark = if is_yaml { format!("\n{key}: []\n") } else { format!("\n  \"{key}\": []") };
    let Some((before, after)) = frame.split_once(&mark) else {
        return Err(Status::internal_error(format!("a list without {key}")));
    };
    let (head, tail) = match is_yaml {
        true => (format!("{before}\n{key}:\n"), after.to_owned()),
        false => (format!("{before}\n  \"{key}\": ["), format!("\n  ]{after}")),
    };
    let items = items.enumerate().map(move |(at, item)| match is_yaml {
        true => Bytes::from(yaml::encode(&Value::Array(vec![item]))),
        false => indented(at, &item).into(),
    });
    let (head, tail) = (Bytes::from(head), Bytes::from(tail));
    Ok(Box::new(std::iter::once(head).chain(items).chain(std::iter::once(tail))))
}

/// One item with the comma before it. Texts in JSON have no line ends of their own.
fn indented(at: usize, item: &Value) -> String {
    let text = json::encode_pretty(item);
    let comma = if at == 0 { "" } else { "," };
    format!("{comma}\n    {}", String::from_utf8_lossy(&text).replace('\n', "\n    "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What comes in pieces is what comes of the whole tree.
    fn check(items: Vec<Value>) {
        let list = |items: &[Value]| json!({"apiVersion": "v1", "kind": "List", "metadata": {"items": [], "resourceVersion": "1"}, "items": items});
        for (encoding, pretty) in [(Encoding::Yaml, false), (Encoding::Json, true)] {
            let accepted = Accepted { encoding, pretty, ..Accepted::default() };
            let pieces = spread(&list(&[]), "items", &accepted, items.clone().into_iter()).expect("pieces");
            let got: Vec<u8> = pieces.flatten().collect();
            let want = reply::encode(&accepted, &list(&items)).expect("encodes");
            assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&want));
        }
    }

    #[test]
    fn pieces_add_up_to_the_list() {
        check(vec![json!({"a": 1})]);
        check(vec![
            json!({"a": {"b": [1, {"c": "x\ny"}], "items": []}}),
            json!({}),
            json!({"text": "a\n\"b\""}),
        ]);
    }
}
