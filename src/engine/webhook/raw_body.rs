//! `{{trigger.rawBody}}`: a webhook's body as it was received. May not know requests. Promise: what a run's input says already
//! is not on disk twice, and every digit of a JSON body is there.

use crate::model::run::{Run, TriggerType};
use crate::model::trigger::webhook::RawBody;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The field of a run's trigger data: a text; null where the input is the body. Absent, the body is the input's JSON text.
const RAW_BODY: &str = "rawBody";

/// A note of the body in the trigger data of a run, as far as the input does not say it.
pub(super) struct Note<'a>(&'a RawBody);

impl<'a> Note<'a> {
    pub(super) fn of(raw: &'a RawBody) -> Note<'a> {
        Note(raw)
    }
}

impl Serialize for Note<'_> {
    /// A field, or none.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let note = match self.0 {
            RawBody::InputText => None,
            RawBody::Input => Some(None),
            RawBody::Text(text) => Some(Some(text)),
        };
        serializer.collect_map(note.map(|text| (RAW_BODY, text)))
    }
}

/// Takes the note out of the trigger data, which is shown without the body.
pub(in crate::engine) fn hide(trigger_data: &mut Value) {
    if let Some(fields) = trigger_data.as_object_mut() {
        fields.remove(RAW_BODY);
    }
}

/// The body that has started the run: a text, or `{"base64": …}` where it was none. `None`: no webhook did.
pub(in crate::engine) fn of(run: &Run) -> Option<Value> {
    if run.summary.trigger != TriggerType::Webhook {
        return None;
    }
    let data = run.trigger_data.as_ref()?;
    let mut data: Value = serde_json::from_str(data.get()).ok()?;
    match data.get_mut(RAW_BODY).map(Value::take) {
        None => Some(Value::from(run.input.get())),
        Some(Value::Null) => serde_json::from_str(run.input.get()).ok(),
        text => text,
    }
}
