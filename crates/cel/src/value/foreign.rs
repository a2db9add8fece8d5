//! Values that only a library knows.

use std::any::Any;
use std::fmt::Debug;

/// A value with methods only.
pub trait Foreign: Any + Debug + Send + Sync {
    /// The name of its type, such as `kubernetes.Quantity`.
    fn type_name(&self) -> &'static str;

    /// For the library to find its own type again.
    fn as_any(&self) -> &dyn Any;

    fn equals(&self, other: &dyn Foreign) -> bool;

    /// What cost is reckoned by.
    fn size(&self) -> usize {
        1
    }

    /// Whether comparing two of them costs one unit, whatever their size.
    fn compares_for_one(&self) -> bool {
        true
    }
}
