//! JSON paths as kubectl and printer columns know them: `.spec.replicas`,
//! `.status.conditions[?(@.type=="Ready")].status`, `.spec.ports[*].name`.
//! Source: <https://kubernetes.io/docs/reference/kubectl/jsonpath/>

mod evaluate;
mod filter;
mod parse;

use std::cell::OnceCell;

use serde_json::{Map, Value};

/// A parsed path. It may be evaluated any number of times.
#[derive(Debug, PartialEq)]
pub struct JsonPath(Vec<Node>);

#[derive(Debug, PartialEq)]
enum Node {
    /// A quoted text, a number or a boolean.
    Literal(Value),
    Field(String),
    Slice(Slice),
    Filter(Box<filter::Filter>),
    Wildcard,
    /// `..`: the value and everything in it.
    Recursive,
    Union(Vec<Vec<Node>>),
    /// `range` and `end`, which mean nothing here, or an error.
    Word(String),
}

/// `[start:end:step]`; a plain index is a slice of one element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slice {
    start: Option<i64>,
    end: Option<i64>,
    step: Option<i64>,
    /// `[n]`
    single: bool,
}

impl JsonPath {
    /// Parses a path as it stands between the braces of `{.spec.x}`.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse::parse(text).map(Self)
    }

    /// The values that the path leads to. Missing fields are none; an index out of bounds or a
    /// step into the wrong type is an error.
    pub fn find<'v>(&'v self, root: &'v Value) -> Result<Vec<&'v Value>, String> {
        evaluate::list(vec![root], &self.0)
    }

    /// The same from the root of an object. The few paths that do not begin with a field need
    /// the object as a value: it is put into `whole`.
    pub(crate) fn find_in<'v>(
        &'v self,
        fields: &'v Map<String, Value>,
        whole: &'v OnceCell<Value>,
    ) -> Result<Vec<&'v Value>, String> {
        match self.0.split_first() {
            Some((Node::Field(name), rest)) => evaluate::list(fields.get(name).into_iter().collect(), rest),
            _ => self.find(whole.get_or_init(|| Value::Object(fields.clone()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(path: &str, want: Value) {
        let object = json!({
            "a": {"b": "x", "c.d": 1, "n": null, "t": true},
            "list": [{"k": "1", "v": 1}, {"k": "2", "v": 2}, {"k": "3"}],
            "numbers": [1, 2, 3, 4],
        });
        let path_of = JsonPath::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let found = path_of.find(&object).unwrap_or_else(|error| panic!("{path}: {error}"));
        let found: Vec<Value> = found.into_iter().cloned().collect();
        assert_eq!(Value::from(found), want, "{path}");
    }

    #[test]
    fn paths_lead_where_they_lead_in_kubectl() {
        check(".a.b", json!(["x"]));
        check("$.a.b", json!(["x"]));
        check(".a.missing", json!([]));
        check(".missing.b", json!([]));
        check(".a.n", json!([null]));
        check(".a.n.x", json!([]));
        check(r".a.c\.d", json!([1]));
        check(".a['b']", json!(["x"]));
        check(".list[0].v", json!([1]));
        check(".list[-1].k", json!(["3"]));
        check(".list[*].v", json!([1, 2]));
        check(".numbers[1:3]", json!([2, 3]));
        check(".numbers[:2]", json!([1, 2]));
        check(".numbers[::2]", json!([1, 3]));
        check(".numbers[2:]", json!([3, 4]));
        check(".numbers[0,2]", json!([1, 3]));
        check(".a.*", json!(["x", 1, null, true]));
        check("..v", json!([1, 2]));
        check(r#".list[?(@.k=="2")].v"#, json!([2]));
        check(r#".list[?(@.k=='2')].v"#, json!([2]));
        check(".list[?(@.v>1)].k", json!(["2"]));
        check(".list[?(@.v)].k", json!(["1", "2"]));
        check(r#".list[?(@.k!="1")].k"#, json!(["2", "3"]));
        check(".", json!([]));
    }

    #[test]
    fn what_cannot_be_parsed_or_followed_is_an_error() {
        let parse =
            |path: &str, want: &str| assert_eq!(JsonPath::parse(path), Err(want.to_owned()), "{path}");
        parse(".list[0", "unterminated array");
        parse(".list[a]", "invalid array index a");
        parse(".list[?(@.a==1]", "unterminated filter");
        parse(".a....b", "invalid multiple recursive descent");
        parse("!a", "unrecognized character in action: U+0021 '!'");
        let find = |path: &str, want: &str| {
            let path = JsonPath::parse(path).expect("parses");
            let object = json!({"list": [1], "a": {"b": 1}});
            assert_eq!(path.find(&object), Err(want.to_owned()));
        };
        find(".list[1]", "array index out of bounds: index 1, length 1");
        find("a", "unrecognized identifier a");
        find(".a[0]", "map[string]interface {} is not array or slice");
    }
}
