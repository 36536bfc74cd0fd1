//! Which part of a store an audit is about: some services, some time.

use serde::{Deserialize, Serialize};

/// What is judged. Rows outside are counted and passed over; planned spans outside are not missed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scope {
    /// All services where it is empty.
    pub(crate) services: Vec<String>,
    /// Unix nanoseconds, from (inclusive) and to (exclusive).
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
}

impl Scope {
    pub(crate) fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether something that names these services and began at this time is judged: a row that any of its
    /// witnesses counts to a service belongs to that service, too.
    pub(crate) fn has(&self, named: &[Option<&str>], start: Option<i64>) -> bool {
        self.has_service(named) && self.has_time(start)
    }

    pub(crate) fn has_service(&self, named: &[Option<&str>]) -> bool {
        self.services.is_empty()
            || named.iter().flatten().any(|name| self.services.iter().any(|service| service == name))
    }

    /// What has no time is left out where times are asked for.
    pub(crate) fn has_time(&self, start: Option<i64>) -> bool {
        match start {
            Some(start) => self.from.is_none_or(|from| from <= start) && self.to.is_none_or(|to| start < to),
            None => self.from.is_none() && self.to.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_witness_brings_a_row_into_the_scope() {
        let scope = Scope { services: vec!["a".to_owned()], from: Some(5), to: Some(9) };
        assert!(scope.has(&[Some("b"), Some("a")], Some(5)));
        assert!(!scope.has(&[Some("b"), None], Some(5)));
        assert!(!scope.has(&[Some("a")], Some(9)) && !scope.has(&[Some("a")], None));
        assert!(Scope::default().has(&[None], None) && Scope::default().is_all() && !scope.is_all());
    }
}
