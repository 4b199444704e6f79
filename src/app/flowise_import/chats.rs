//! What was said in chats with the flows that are here, and what people thought of it, in slices of a commit each.

use super::{Importer, of_file, of_store};
use crate::error::Result;
use crate::model::flowise_import::{ImportedFeedback, ImportedMessage, Outcome, Thing};
use crate::store::RowPlace;

/// How many rows of chats are written in one commit, and how many bytes they have at most; the last row may exceed them.
const SLICE_ROWS: usize = 500;
const SLICE_BYTES: u64 = 4 << 20;

/// Why something said is not brought where its flow is not.
const NO_FLOW: &str = "their flow is not here";

impl Importer<'_> {
    pub(super) async fn import_messages(&mut self) -> Result<()> {
        let places = self.source.rows(Thing::Messages).map_err(of_file)?;
        let without_room = self.without_room(&places)?;
        for slice in slices(&places) {
            let mut read = Vec::with_capacity(slice.len());
            for place in slice {
                self.step();
                if without_room.contains(place) {
                    self.skip_nameless(Thing::Messages, self.no_room());
                    continue;
                }
                match self.source.message(*place).map_err(of_file)? {
                    Ok(row) => read.extend(self.of_flow_here(row.read())),
                    Err(broken) => self.skip_nameless(Thing::Messages, broken.reason),
                }
            }
            self.write_messages(read).await?;
        }
        Ok(())
    }

    /// A message with its flow's row number, if the flow is here.
    fn of_flow_here(
        &mut self,
        read: std::result::Result<ImportedMessage, String>,
    ) -> Option<(Option<i64>, ImportedMessage)> {
        let (imported, reason) = match read {
            Ok(imported) => (imported, NO_FLOW.to_owned()),
            Err(reason) => {
                self.skip_nameless(Thing::Messages, reason);
                return None;
            }
        };
        match self.row_of(&imported.flow) {
            Some(row) => Some((row, imported)),
            None => {
                self.skip_nameless(Thing::Messages, reason);
                None
            }
        }
    }

    /// Which of these messages are here already.
    pub(super) fn known(&self, ids: &[&str]) -> Result<Vec<bool>> {
        match &self.target.store {
            Some(store) => store.known_messages(ids).map_err(of_store),
            None => Ok(vec![false; ids.len()]),
        }
    }

    async fn write_messages(&mut self, read: Vec<(Option<i64>, ImportedMessage)>) -> Result<()> {
        let ids: Vec<&str> = read
            .iter()
            .map(|(_, one)| one.message.id.as_str())
            .collect();
        let known = self.known(&ids)?;
        let mut fresh = Vec::with_capacity(read.len());
        for ((row, imported), is_known) in read.into_iter().zip(known) {
            let is_new = !is_known && self.messages.insert(digest(imported.message.id.as_str()));
            let outcome = match is_new {
                true => Outcome::Brought,
                false => Outcome::Unchanged,
            };
            self.report.count(Thing::Messages, outcome);
            if let (true, Some(row)) = (is_new, row) {
                fresh.push((row, imported));
            }
        }
        match self.target.to_write() {
            Some(store) if !fresh.is_empty() => {
                store.import_messages(fresh).await.map_err(of_store)
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn import_feedback(&mut self) -> Result<()> {
        let places = self.source.rows(Thing::Feedback).map_err(of_file)?;
        for slice in slices(&places) {
            let mut read = Vec::with_capacity(slice.len());
            for place in slice {
                self.step();
                let row = self.source.feedback(*place).map_err(of_file)?;
                match row
                    .map_err(|broken| broken.reason)
                    .and_then(|row| row.read())
                {
                    Ok(said) if self.row_of(&said.flow).is_some() => read.push(said),
                    Ok(_) => self.skip_nameless(Thing::Feedback, NO_FLOW.to_owned()),
                    Err(reason) => self.skip_nameless(Thing::Feedback, reason),
                }
            }
            self.write_feedback(read).await?;
        }
        Ok(())
    }

    async fn write_feedback(&mut self, read: Vec<ImportedFeedback>) -> Result<()> {
        let ids: Vec<&str> = read
            .iter()
            .map(|said| said.feedback.message.as_str())
            .collect();
        let said = self.known(&ids)?;
        let rated = match &self.target.store {
            Some(store) => store.rated_messages(&ids).map_err(of_store)?,
            None => vec![false; ids.len()],
        };
        let mut fresh = Vec::with_capacity(read.len());
        for (imported, (is_said, is_rated)) in read.into_iter().zip(said.into_iter().zip(rated)) {
            let message = digest(imported.feedback.message.as_str());
            if is_rated {
                self.report.count(Thing::Feedback, Outcome::Unchanged);
            } else if is_said || self.messages.contains(&message) {
                self.report.count(Thing::Feedback, Outcome::Brought);
                fresh.push(imported.feedback);
            } else {
                self.skip_nameless(Thing::Feedback, "their message is not here".to_owned());
            }
        }
        match self.target.to_write() {
            Some(store) if !fresh.is_empty() => {
                store.import_feedback(fresh).await.map_err(of_store)
            }
            _ => Ok(()),
        }
    }
}

/// The rows in slices that fit into a commit, and into memory.
pub(super) fn slices(places: &[RowPlace]) -> impl Iterator<Item = &[RowPlace]> {
    let mut rest = places;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let is_in = |place: &&RowPlace| {
            let has_room = bytes < SLICE_BYTES;
            bytes += place.bytes;
            has_room
        };
        let rows = rest.iter().take(SLICE_ROWS).take_while(is_in).count();
        let (slice, left) = rest.split_at_checked(rows)?;
        rest = left;
        (!slice.is_empty()).then_some(slice)
    })
}

/// Short for an id: of two million ids no two have the same.
fn digest(id: &str) -> u128 {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&blake3::hash(id.as_bytes()).as_bytes()[..16]);
    u128::from_le_bytes(bytes)
}
