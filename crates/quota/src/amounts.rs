//! Named amounts: a quota's limits, its use, an object's use.

use std::collections::BTreeMap;
use std::fmt;

use ironclad_api::quantity::{Notation, Quantity};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde_json::{Map, Value};

/// A resource list as objects carry it.
pub(crate) type ResourceList = BTreeMap<String, Text>;

/// Amounts by name, in the order of the names. Equal if they have the same names and values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts(BTreeMap<String, Quantity>);

impl Amounts {
    /// What is no quantity counts as zero; the API refuses such.
    pub fn of(list: Option<&ResourceList>) -> Self {
        let entries = list.into_iter().flatten();
        Self(
            entries
                .map(|(name, text)| (name.clone(), Quantity::parse(&text.0).unwrap_or_default()))
                .collect(),
        )
    }

    /// Nothing of each name.
    pub fn zeros<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(|name| (name.to_owned(), Quantity::ZERO)).collect())
    }

    pub fn get(&self, name: &str) -> Option<&Quantity> {
        self.0.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn put(&mut self, name: impl Into<String>, amount: Quantity) {
        self.0.insert(name.into(), amount);
    }

    /// A number of pieces.
    pub fn put_count(&mut self, name: impl Into<String>, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.put(name, Quantity::new(count, Notation::DecimalSi));
    }

    pub fn add(&mut self, more: &Self) {
        for (name, amount) in &more.0 {
            *self.0.entry(name.clone()).or_default() += amount;
        }
    }

    /// Takes over what `others` has.
    pub fn replace(&mut self, others: &Self) {
        self.0.extend(others.0.iter().map(|(name, amount)| (name.clone(), amount.clone())));
    }

    /// The larger of the two, name by name.
    pub fn raise(&mut self, floor: &Self) {
        for (name, amount) in &floor.0 {
            match self.0.get_mut(name) {
                Some(own) if *own >= *amount => {}
                Some(own) => *own = amount.clone(),
                None => self.put(name.clone(), amount.clone()),
            }
        }
    }

    /// What these are more than `others`; names in either, and never below zero.
    pub fn more_than(&self, others: &Self) -> Self {
        let mut difference = Self::zeros(self.names().chain(others.names()));
        for (name, amount) in &self.0 {
            let rest = match others.get(name) {
                Some(other) => amount.clone() - other,
                None => amount.clone(),
            };
            if rest.sign() > 0 {
                difference.put(name.clone(), rest);
            }
        }
        difference
    }

    /// Those whose name passes.
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept = self.0.iter().filter(|(name, _)| keep(name));
        Self(kept.map(|(name, amount)| (name.clone(), amount.clone())).collect())
    }

    pub fn without_zeros(&self) -> Self {
        self.only(|name| self.get(name).is_some_and(|amount| !amount.is_zero()))
    }

    /// The names of which there is less than nothing.
    pub fn negative(&self) -> Vec<&str> {
        self.names().filter(|name| self.get(name).is_some_and(|amount| amount.sign() < 0)).collect()
    }

    /// The names of which there is more than `limits` has.
    pub fn beyond(&self, limits: &Self) -> Vec<String> {
        let over =
            |(name, amount): &(&String, &Quantity)| limits.get(name).is_some_and(|limit| *amount > limit);
        self.0.iter().filter(over).map(|(name, _)| name.clone()).collect()
    }

    /// As a JSON object of quantities.
    pub fn to_value(&self) -> Value {
        let entries = self.0.iter().map(|(name, amount)| (name.clone(), Value::from(amount.to_string())));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}

/// `cpu=1,pods=2`
impl fmt::Display for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, amount)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}={amount}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(list: &[(&str, &str)]) -> Amounts {
        let entries =
            list.iter().map(|(name, text)| ((*name).to_owned(), Quantity::parse(text).expect(text)));
        Amounts(entries.collect())
    }

    #[test]
    fn differences_are_never_negative_and_name_both_sides() {
        let difference =
            amounts(&[("a", "3"), ("b", "1")]).more_than(&amounts(&[("a", "1"), ("b", "2"), ("c", "4")]));
        assert_eq!(difference, amounts(&[("a", "2"), ("b", "0"), ("c", "0")]));
    }

    #[test]
    fn sums_and_limits_compare_by_value() {
        let mut sum = amounts(&[("cpu", "500m")]);
        sum.add(&amounts(&[("cpu", "0.5"), ("pods", "1")]));
        assert_eq!(sum.to_string(), "cpu=1,pods=1");
        assert_eq!(sum.beyond(&amounts(&[("cpu", "999m"), ("pods", "1")])), ["cpu"]);
        assert!(sum.beyond(&amounts(&[("memory", "0")])).is_empty());
    }

    #[test]
    fn the_larger_of_each_name_stays() {
        let mut most = amounts(&[("a", "1"), ("b", "5")]);
        most.raise(&amounts(&[("a", "2"), ("b", "3"), ("c", "1")]));
        assert_eq!(most, amounts(&[("a", "2"), ("b", "5"), ("c", "1")]));
    }
}
