//! What is said of a file as a whole.

use crate::{
    contract::schema::Schema,
    judge::judgement::FileRecord,
    store::{
        health::Health,
        inventory::{FoundFile, Unlisted},
        open::OpenedFile,
        problem::FileProblem,
    },
};

/// Rows are counted while they are read.
pub(super) fn of(file: &FoundFile, opened: &OpenedFile) -> FileRecord {
    let mut record = of_ends(file, opened.problem.clone());
    record.health = opened.health;
    record.schema = opened.era().map(Schema::version);
    record
}

/// Of a file of which less was looked at.
pub(super) fn of_ends(file: &FoundFile, problem: Option<FileProblem>) -> FileRecord {
    let mut record = FileRecord {
        tier: file.tier,
        file: file.shown.clone(),
        size: file.size,
        health: Health::Ok,
        problem: None,
        rows: 0,
        schema: None,
        named_at: file.named_at,
        modified_at: file.modified_at,
        expected_place: file.expected_place(),
        decodes: true,
        snapshot: None,
        statistics: Vec::new(),
        index_keys: None,
    };
    if let Some(problem) = problem {
        record.fail(problem);
    }
    record
}

/// Of a file that was not opened, because it cannot concern the judged runs.
pub(super) fn of_skipped(file: &FoundFile) -> FileRecord {
    FileRecord { health: Health::Skipped, ..of_ends(file, None) }
}

/// A folder, or a link, that nobody could look into.
pub(super) fn of_unlisted(place: &Unlisted) -> FileRecord {
    let mut record = FileRecord {
        tier: place.tier,
        file: place.shown.clone(),
        size: 0,
        health: Health::NotRead,
        problem: None,
        rows: 0,
        schema: None,
        named_at: None,
        modified_at: None,
        expected_place: None,
        decodes: false,
        snapshot: None,
        statistics: Vec::new(),
        index_keys: None,
    };
    record.fail(FileProblem::of_listing(&place.source));
    record
}

impl FileRecord {
    /// The worst that was met of the file.
    pub(super) fn fail(&mut self, problem: FileProblem) {
        self.health = problem.health(self.tier);
        self.decodes = !problem.stops_readers();
        self.problem = Some(problem);
    }
}
