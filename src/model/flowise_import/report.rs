//! What an import came to.

use std::collections::BTreeMap;

/// How many notes are kept; of the others there is their number.
pub const MAX_NOTES: usize = 1_000;

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Thing {
    /// API keys.
    Keys,
    /// Chatflows and agentflows.
    Flows,
    /// Variables that all flows share.
    Variables,
    /// What was said in chats.
    Messages,
    /// What people thought of that.
    Feedback,
}

impl Thing {
    /// All, in the order in which they are imported: what belongs to another comes after it.
    pub const ALL: [Thing; 5] = [
        Thing::Keys,
        Thing::Flows,
        Thing::Variables,
        Thing::Messages,
        Thing::Feedback,
    ];

    /// As reports call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Thing::Keys => "keys",
            Thing::Flows => "flows",
            Thing::Variables => "variables",
            Thing::Messages => "messages",
            Thing::Feedback => "feedback",
        }
    }
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was not here, and is now.
    Brought,
    /// It was here, just so.
    Unchanged,
    /// It was here, and differs; what is here stays.
    Kept,
    /// It cannot be brought.
    Skipped,
}

impl Outcome {
    /// As reports call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Brought => "brought",
            Outcome::Unchanged => "unchanged",
            Outcome::Kept => "kept",
            Outcome::Skipped => "skipped",
        }
    }
}

/// How many rows of one kind came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Tally {
    /// Were not here, and are now.
    pub brought: u64,
    /// Were here, just so.
    pub unchanged: u64,
    /// Were here, and differ; what is here stays.
    pub kept: u64,
    /// Cannot be brought.
    pub skipped: u64,
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Brought => &mut self.brought,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Kept => &mut self.kept,
            Outcome::Skipped => &mut self.skipped,
        } += 1;
    }
}

/// Something that the reader should know of a row, or of several alike.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// What it is about.
    pub thing: Thing,
    /// What became of it.
    pub outcome: Outcome,
    /// Its id, or the place of its row.
    pub id: String,
    /// Its name, where it has one.
    pub name: String,
    /// Why, and what to do.
    pub reason: String,
}

/// What an import came to, or would come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// Of each kind how many rows came to what.
    pub tallies: BTreeMap<Thing, Tally>,
    /// What the reader should know, at most [`MAX_NOTES`].
    pub notes: Vec<Note>,
    /// How many notes there would be more.
    pub more_notes: u64,
    /// Permissions that mean nothing here, and how many brought keys had them.
    pub dropped_permissions: BTreeMap<String, u64>,
    /// Brought flows that in Flowise everybody may ask, and here who has a key.
    pub closed_flows: u64,
    /// Whether no server was ever started on the data folder.
    pub is_new_folder: bool,
    /// What is not imported at all: in Flowise's words, and how many there are.
    pub left_behind: Vec<(&'static str, u64)>,
}

impl ImportReport {
    /// Counts a row.
    pub fn count(&mut self, thing: Thing, outcome: Outcome) {
        self.tallies.entry(thing).or_default().count(outcome);
    }

    /// Adds a note.
    pub fn note(&mut self, note: Note) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        } else {
            self.more_notes += 1;
        }
    }

    /// How many rows of a kind came to what.
    pub fn tally(&self, thing: Thing) -> Tally {
        self.tallies.get(&thing).copied().unwrap_or_default()
    }
}
