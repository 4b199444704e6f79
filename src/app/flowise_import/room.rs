//! Which messages are left out, since their flow keeps no more: a flow keeps the newest ones.
//! May not know how messages are written. Promise: what is brought fits beside what is here, and is the end of what was said; the
//! same import again leaves out the same.

use super::chats::slices;
use super::{Importer, of_file, of_store};
use crate::error::Result;
use crate::id::WorkflowId;
use crate::model::chatflow::{ChatBounds, ChatMessage};
use crate::store::RowPlace;
use std::collections::{HashMap, HashSet};

/// How many messages, and how many bytes they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Size {
    messages: u64,
    bytes: u64,
}

impl Size {
    fn with(self, bytes: u64) -> Size {
        Size {
            messages: self.messages + 1,
            bytes: self.bytes.saturating_add(bytes),
        }
    }

    fn fits(self, bounds: ChatBounds) -> bool {
        self.messages <= bounds.max_messages && self.bytes <= bounds.max_bytes
    }
}

/// A message of a flow that is here.
struct Found {
    place: RowPlace,
    bytes: u64,
    /// Whether it is here already.
    is_here: bool,
}

impl Importer<'_> {
    /// The messages for which there is no room, of these that stand in the order in which they were said.
    pub(super) fn without_room(&self, places: &[RowPlace]) -> Result<HashSet<RowPlace>> {
        let mut left_out = HashSet::new();
        if self.surely_fits(places)? {
            return Ok(left_out);
        }
        for (flow, found) in self.of_flows(places)? {
            let used = self.used(self.row_of(&flow).flatten())?;
            left_out.extend(too_old(&found, used, self.bounds));
        }
        Ok(left_out)
    }

    /// What a message is told that was left out.
    pub(super) fn no_room(&self) -> String {
        format!(
            "they are older than the newest ones that a flow keeps, {} with {} bytes at most (settings `max_chat_messages` and `max_chat_bytes`)",
            self.bounds.max_messages, self.bounds.max_bytes
        )
    }

    /// Whether all of them would fit if they were one flow's, and that the fullest one. Reads none of them.
    fn surely_fits(&self, places: &[RowPlace]) -> Result<bool> {
        let mut most = Size::default();
        for row in self.flows.values() {
            let used = self.used(*row)?;
            most.messages = most.messages.max(used.messages);
            most.bytes = most.bytes.max(used.bytes);
        }
        // Here what belongs to a message is written as one object of JSON: with names, and characters escaped.
        let bytes_here = |place: &RowPlace| place.bytes.saturating_mul(6).saturating_add(512);
        let all = places
            .iter()
            .fold(most, |size, place| size.with(bytes_here(place)));
        Ok(all.fits(self.bounds))
    }

    /// What is kept of the chats with the flow in this row.
    fn used(&self, row: Option<i64>) -> Result<Size> {
        let (Some(store), Some(row)) = (&self.target.store, row) else {
            return Ok(Size::default());
        };
        let (messages, bytes) = store.chat_use(row).map_err(of_store)?;
        Ok(Size { messages, bytes })
    }

    /// The messages of each flow that is here, in their order.
    fn of_flows(&self, places: &[RowPlace]) -> Result<HashMap<WorkflowId, Vec<Found>>> {
        let mut of_flows: HashMap<WorkflowId, Vec<Found>> = HashMap::new();
        for slice in slices(places) {
            let mut read = Vec::with_capacity(slice.len());
            for place in slice {
                // One that cannot be read is told when its turn comes.
                if let Ok(row) = self.source.message(*place).map_err(of_file)?
                    && let Ok(imported) = row.read()
                    && self.row_of(&imported.flow).is_some()
                {
                    read.push((*place, imported));
                }
            }
            let ids: Vec<&str> = read
                .iter()
                .map(|(_, one)| one.message.id.as_str())
                .collect();
            let here = self.known(&ids)?;
            for ((place, imported), is_here) in read.into_iter().zip(here) {
                let bytes = bytes_of(&imported.message);
                let found = Found {
                    place,
                    bytes,
                    is_here,
                };
                of_flows.entry(imported.flow).or_default().push(found);
            }
        }
        Ok(of_flows)
    }
}

/// What a message without files takes.
fn bytes_of(message: &ChatMessage) -> u64 {
    let more = serde_json::to_string(&message.more).map_or(0, |more| more.len());
    (message.content.len() + more) as u64
}

/// Those that do not fit beside what is here. Where all do, none; else all but the end of those that came after the last one that
/// is here, for what is older was left out before.
fn too_old(found: &[Found], used: Size, bounds: ChatBounds) -> Vec<RowPlace> {
    let fresh = || found.iter().filter(|one| !one.is_here);
    let all = fresh().fold(used, |size, one| size.with(one.bytes));
    if all.fits(bounds) {
        return Vec::new();
    }
    let mut size = used;
    let newest = found.iter().rev().take_while(|one| {
        size = size.with(one.bytes);
        !one.is_here && size.fits(bounds)
    });
    let older = found.len() - newest.count();
    let older = found.iter().take(older).filter(|one| !one.is_here);
    older.map(|one| one.place).collect()
}
