//! How large the values of variables may be.

use crate::cost::Interval;
use crate::declared::Declared;

/// Knows the sizes of values by their place: the name of a variable, then the names of
/// fields, `@items` of a list, `@keys` and `@values` of a map.
pub trait Sizes {
    /// `None` if nothing is known of the place.
    fn size(&self, path: &[String]) -> Option<Interval>;
}

/// The sizes of a rule's `self` and `oldSelf`: both are of the declared type.
impl Sizes for Declared {
    fn size(&self, path: &[String]) -> Option<Interval> {
        let (_, path) = path.split_first()?;
        let mut node = self;
        for step in path {
            node = match step.as_str() {
                "@items" | "@values" => node.element()?,
                "@keys" if node.is_map() => return Some(Interval::up_to(0)),
                field => node.field(field)?,
            };
        }
        Some(Interval::up_to(node.max_elements()))
    }
}

/// Nothing is known of any variable.
impl Sizes for () {
    fn size(&self, _: &[String]) -> Option<Interval> {
        None
    }
}
