//! A bounded cache in two generations: what is used survives the change of generations, the rest is forgotten.

use std::collections::HashMap;
use std::hash::Hash;

/// Values by key, at most about `limit` of weight.
pub(super) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    weight: usize,
    limit: usize,
}

impl<K: Eq + Hash + Copy, V> Recent<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            limit,
        }
    }

    /// The value, without marking it as used.
    pub(super) fn peek(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// The value, kept in the young generation. `weight` is its own.
    pub(super) fn get_mut(&mut self, key: &K, weight: impl Fn(&V) -> usize) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let value = self.old.remove(key)?;
            self.make_room(weight(&value));
            self.young.insert(*key, value);
        }
        self.young.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V, weight: usize) {
        self.make_room(weight);
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.weight = 0;
    }

    fn make_room(&mut self, weight: usize) {
        if self.weight + weight > self.limit / 2 {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut recent = Recent::new(20);
        for key in 0..100 {
            recent.insert(key, key, 1);
            assert_eq!(recent.get_mut(&0, |_| 1), Some(&mut 0));
        }
        assert!(recent.peek(&1).is_none(), "an unused one must be forgotten");
        assert!(recent.young.len() + recent.old.len() <= 21);
    }
}
