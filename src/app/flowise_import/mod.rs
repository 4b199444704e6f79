//! The import of a Flowise database: keys, flows, variables, and what was said in chats.
//! May not know SQL, nor how a report is shown. Promises: what is here is never changed or removed; what an interrupted import
//! has brought stays, and the next one brings the rest; a dry run writes nothing and says the same.

mod chats;
mod flows;
mod keys;
mod room;
mod target;

use super::Options;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::id::{KeyId, WorkflowId};
use crate::model::chatflow::ChatBounds;
use crate::model::flowise_import::{ImportReport, Note, Outcome, Thing};
use crate::model::plan::DefinitionLimits;
use crate::store::{BrokenRow, FlowiseFile, FlowiseFileError, StoreError};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use target::Target;

/// Who made what was imported, as records have it.
const BY: &str = "control";
/// How many different mistakes of messages are told apart.
const MAX_REASONS: usize = 50;

/// What is imported, and how.
pub struct FlowiseImport<'a> {
    /// Flowise's database.
    pub database: &'a Path,
    /// Write nothing, and say what would be written.
    pub is_dry_run: bool,
}

/// Imports a Flowise database into the folder of `config`, which no server may hold. `progress` is told how many rows of how
/// many are behind it.
pub async fn import_flowise(
    config: &Config,
    options: Options,
    import: FlowiseImport<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<ImportReport> {
    let source = FlowiseFile::open(import.database).map_err(of_file)?;
    let total = source.row_count().map_err(of_file)?;
    let target = Target::open(config, options, import.is_dry_run).await?;
    let importer = Importer::new(config, &source, &target, (progress, total));
    let done = importer.run().await;
    target.close().await;
    done
}

/// An import under way.
struct Importer<'a> {
    source: &'a FlowiseFile,
    target: &'a Target,
    limits: DefinitionLimits,
    max_definition_bytes: usize,
    /// What is kept of the chats with a flow.
    bounds: ChatBounds,
    report: ImportReport,
    /// Under which id the keys of Flowise's are here.
    keys: HashMap<KeyId, KeyId>,
    /// The row numbers of Flowise's flows that are here; none where a dry run has only said that it would bring one.
    flows: HashMap<WorkflowId, Option<i64>>,
    /// Digests of the ids of messages that were brought.
    messages: HashSet<u128>,
    /// Of what was not brought, and has no name: why, and how many.
    reasons: BTreeMap<(Thing, String), u64>,
    progress: &'a mut dyn FnMut(u64, u64),
    done: u64,
    total: u64,
}

impl<'a> Importer<'a> {
    fn new(
        config: &Config,
        source: &'a FlowiseFile,
        target: &'a Target,
        (progress, total): (&'a mut dyn FnMut(u64, u64), u64),
    ) -> Importer<'a> {
        Importer {
            source,
            target,
            limits: super::parts::definition_limits(config),
            max_definition_bytes: config.max_definition_bytes,
            bounds: config.doors.chats,
            report: ImportReport::default(),
            keys: HashMap::new(),
            flows: HashMap::new(),
            messages: HashSet::new(),
            reasons: BTreeMap::new(),
            progress,
            done: 0,
            total,
        }
    }

    async fn run(mut self) -> Result<ImportReport> {
        self.import_keys().await?;
        self.import_flows().await?;
        self.import_variables().await?;
        self.import_messages().await?;
        self.import_feedback().await?;
        self.report.is_new_folder = self.target.is_new()?;
        self.report.left_behind = self.source.left_behind().map_err(of_file)?;
        for ((thing, reason), rows) in std::mem::take(&mut self.reasons) {
            self.note(
                thing,
                Outcome::Skipped,
                (format!("{rows} rows"), String::new()),
                reason,
            );
        }
        Ok(self.report)
    }

    /// One row is behind.
    fn step(&mut self) {
        self.done += 1;
        (self.progress)(self.done, self.total);
    }

    /// A row came to this; `row` is its id and its name.
    fn tell(&mut self, thing: Thing, outcome: Outcome, row: (String, String), reason: String) {
        self.report.count(thing, outcome);
        self.note(thing, outcome, row, reason);
    }

    fn note(&mut self, thing: Thing, outcome: Outcome, row: (String, String), reason: String) {
        let (id, name) = row;
        self.report.note(Note {
            thing,
            outcome,
            id,
            name,
            reason,
        });
    }

    fn skip_broken(&mut self, thing: Thing, broken: BrokenRow) {
        self.tell(
            thing,
            Outcome::Skipped,
            (broken.place, String::new()),
            broken.reason,
        );
    }

    /// A row without a name is not brought. Alike ones are told together.
    fn skip_nameless(&mut self, thing: Thing, reason: String) {
        self.report.count(thing, Outcome::Skipped);
        let key = (thing, reason);
        if self.reasons.len() < MAX_REASONS || self.reasons.contains_key(&key) {
            *self.reasons.entry(key).or_default() += 1;
        } else {
            *self
                .reasons
                .entry((thing, "other mistakes".to_owned()))
                .or_default() += 1;
        }
    }
}

fn of_file(error: FlowiseFileError) -> Error {
    Error::new(error.message).hint(error.hint)
}

/// The target could not be read or written. What was committed before stays.
fn of_store(error: StoreError) -> Error {
    Error::caused_by("the import stopped in the middle", error)
        .hint("what was brought stays; the same command brings the rest")
}
