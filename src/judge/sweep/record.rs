//! What is said of a file as a whole.

use crate::{
    contract::schema::Schema,
    judge::judgement::{FileRecord, Health},
    store::{
        columns,
        inventory::{FoundFile, Unlisted},
    },
};

pub(super) fn of(file: &FoundFile, health: Health, problem: Option<String>) -> FileRecord {
    FileRecord {
        tier: file.tier,
        file: file.shown.clone(),
        size: file.size,
        health,
        problem,
        rows: 0,
        schema: None,
        named_at: file.named_at,
        modified_at: file.modified_at,
        expected_place: file.expected_place(),
        decodes: true,
        snapshot: None,
    }
}

/// A folder, or a link, that nobody could look into.
pub(super) fn of_unlisted(place: &Unlisted) -> FileRecord {
    FileRecord {
        tier: place.tier,
        file: place.shown.clone(),
        size: 0,
        health: Health::NotRead,
        problem: Some(format!("cannot be looked into: {}", place.source)),
        rows: 0,
        schema: None,
        named_at: None,
        modified_at: None,
        expected_place: None,
        decodes: false,
        snapshot: None,
    }
}

impl FileRecord {
    pub(super) fn fail(&mut self, problem: impl Into<String>) {
        self.health = if self.size == 0 { Health::Empty } else { Health::Unreadable };
        self.problem = Some(problem.into());
        self.decodes = false;
    }

    /// The file is there, and this user may not open it.
    pub(super) fn deny(&mut self, problem: impl Into<String>) {
        self.fail(problem);
        self.health = Health::NotRead;
    }
}

/// What is wrong with the columns of a file; more of them than its schema has is nothing wrong.
pub(super) fn column_problem(present: &[String]) -> Option<String> {
    let schema = Schema::of_columns(present).stored();
    let count = |name: &str| present.iter().filter(|column| *column == name).count();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let (lacking, doubled): (Vec<&str>, Vec<&str>) =
        names.filter(|name| count(name) != 1).partition(|name| count(name) == 0);
    match (lacking.as_slice(), doubled.as_slice()) {
        ([], []) => None,
        ([], doubled) => Some(format!("has more than one column called {}", doubled.join(", "))),
        (lacking, _) => Some(format!("lacks the columns {}", lacking.join(", "))),
    }
}

pub(super) fn schema_version(present: &[String]) -> Option<i64> {
    columns::era(present).map(|schema| match schema {
        Schema::V1 => 1,
        Schema::V2 => 2,
    })
}
