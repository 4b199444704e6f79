//! What starts a run, beside its input. May not know how runs begin.

use crate::id::{ConnectionId, RunId};
use crate::model::run::{Run, TriggerType};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

/// The field of a run's trigger data that names the connection which its caller has chosen.
const CONNECTION_CHOICE: &str = "connectionId";

/// The field of a run's trigger data that names the run whose step has started it.
const PARENT: &str = "parentRunId";

/// What starts a run, and what it hands over beside the input.
#[derive(Debug, Clone)]
pub struct StartTrigger {
    /// Which kind.
    pub kind: TriggerType,
    /// What `{{trigger}}` shows; JSON.
    pub data: Option<Box<RawValue>>,
}

impl StartTrigger {
    /// A request of somebody with a key.
    pub const API: StartTrigger = StartTrigger {
        kind: TriggerType::Api,
        data: None,
    };

    /// A step of another run.
    pub(super) fn step_of(parent: &RunId) -> StartTrigger {
        // What is built of an id alone always becomes JSON.
        let data = to_raw_value(&json!({ PARENT: parent })).ok();
        StartTrigger {
            kind: TriggerType::Subworkflow,
            data,
        }
    }

    /// A request of somebody with a key, with the connection that is meant where a step names its provider.
    pub fn api_with(connection: &ConnectionId) -> StartTrigger {
        // What is built of an id alone always becomes JSON.
        let data = to_raw_value(&json!({ CONNECTION_CHOICE: connection })).ok();
        StartTrigger {
            data,
            ..StartTrigger::API
        }
    }
}

/// The run whose step has started this one.
pub fn parent_of(run: &Run) -> Option<RunId> {
    let data = run.trigger_data.as_deref();
    let data = data.filter(|_| run.summary.trigger == TriggerType::Subworkflow)?;
    let data: Value = serde_json::from_str(data.get()).ok()?;
    data.get(PARENT)?.as_str()?.parse().ok()
}

/// The connection that a run was started with; `None` when its caller named none.
pub(super) fn chosen_connection(run: &Run) -> Option<ConnectionId> {
    chosen_in(run.summary.trigger, run.trigger_data.as_deref())
}

/// Only a caller with a key chooses: what others send is data.
pub(super) fn chosen_in(trigger: TriggerType, data: Option<&RawValue>) -> Option<ConnectionId> {
    let data = data.filter(|_| trigger == TriggerType::Api)?;
    let data: Value = serde_json::from_str(data.get()).ok()?;
    data.get(CONNECTION_CHOICE)?.as_str()?.parse().ok()
}
