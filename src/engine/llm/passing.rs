//! What a model says, on its way to whoever hears it while it comes.
//! May not know the form in which it came. Promise: what is told has no secret in it, also where one comes in several pieces;
//! only what may be the beginning of one waits for the next piece. A secret in base64 is found within one piece alone.

use crate::engine::prediction::Hearing;
use crate::engine::redact::Redactor;

/// Tells one answer.
pub(super) struct Passing<'a> {
    hearing: &'a Hearing,
    redactor: &'a Redactor,
    /// Ends of what came, which may begin a secret.
    text: String,
    thought: String,
}

impl<'a> Passing<'a> {
    pub(super) fn new(hearing: &'a Hearing, redactor: &'a Redactor) -> Passing<'a> {
        Passing {
            hearing,
            redactor,
            text: String::new(),
            thought: String::new(),
        }
    }

    /// Tells a piece of the text. Gives how many bytes were told.
    pub(super) async fn say(&mut self, piece: &str) -> usize {
        if piece.is_empty() {
            return 0;
        }
        self.thought_to_its_end().await;
        let text = next(self.redactor, &mut self.text, piece).await;
        let told_bytes = text.len();
        self.hearing.token(text).await;
        told_bytes
    }

    /// Tells a piece of what the model thinks.
    pub(super) async fn think(&mut self, piece: &str) {
        if piece.is_empty() {
            return;
        }
        let thought = next(self.redactor, &mut self.thought, piece).await;
        if !thought.is_empty() {
            self.hearing.thought(thought).await;
        }
    }

    /// Nothing comes any more: what was held back was no secret.
    pub(super) async fn finish(mut self) {
        self.thought_to_its_end().await;
        self.hearing.token(self.text).await;
    }

    async fn thought_to_its_end(&mut self) {
        if !self.thought.is_empty() {
            self.hearing
                .thought(std::mem::take(&mut self.thought))
                .await;
        }
    }
}

/// What may be told now that this piece has come after what was held back.
async fn next(redactor: &Redactor, held: &mut String, piece: &str) -> String {
    held.push_str(piece);
    let mut text = redactor.text(std::mem::take(held)).await;
    *held = redactor.held_back(&mut text);
    text
}
