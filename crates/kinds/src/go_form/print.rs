//! JSON whose members stand in the order given, which maps of [`serde_json`] do not keep.

/// A printed value.
pub(super) enum Node {
    /// Its JSON.
    Scalar(String),
    List(Vec<Node>),
    /// Each member with its quoted name.
    Object(Vec<(String, Node)>),
}

/// Where the members of what is printed over several lines stand.
#[derive(Clone, Copy)]
enum Layout {
    Line,
    /// Each on its own line, so deep.
    Lines(usize),
}

impl Node {
    /// As Go's `json.Marshal`.
    pub(super) fn compact(&self) -> String {
        let mut out = String::new();
        self.push(&mut out, Layout::Line);
        out
    }

    /// As Go's `json.MarshalIndent` with one space for each level.
    pub(super) fn pretty(&self) -> String {
        let mut out = String::new();
        self.push(&mut out, Layout::Lines(0));
        out
    }

    fn push(&self, out: &mut String, layout: Layout) {
        match self {
            Node::Scalar(text) => out.push_str(text),
            Node::List(elements) => {
                let elements = elements.iter().map(|element| (None, element));
                push_members(out, ('[', ']'), elements, layout);
            }
            Node::Object(members) => {
                let members = members.iter().map(|(name, member)| (Some(name.as_str()), member));
                push_members(out, ('{', '}'), members, layout);
            }
        }
    }
}

fn push_members<'n>(
    out: &mut String,
    (open, close): (char, char),
    members: impl Iterator<Item = (Option<&'n str>, &'n Node)>,
    layout: Layout,
) {
    out.push(open);
    let inner = match layout {
        Layout::Line => Layout::Line,
        Layout::Lines(depth) => Layout::Lines(depth + 1),
    };
    let mut is_empty = true;
    for (name, member) in members {
        if !is_empty {
            out.push(',');
        }
        is_empty = false;
        push_break(out, inner);
        if let Some(name) = name {
            out.push_str(name);
            out.push(':');
            if let Layout::Lines(_) = layout {
                out.push(' ');
            }
        }
        member.push(out, inner);
    }
    if !is_empty {
        push_break(out, layout);
    }
    out.push(close);
}

fn push_break(out: &mut String, layout: Layout) {
    if let Layout::Lines(depth) = layout {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth));
    }
}
