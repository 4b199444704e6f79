//! Branches of the native format: `then` and `else` name steps further down the array, which they own.
//! May not know conditions. Promise: ownership points forward only, so every plan ends.

use super::NodeIndex;
use super::problem;
use super::steps::Compiler;
use serde_json::{Map, Value};

/// The way that `then` and `else` name.
const WAYS: [(&str, u32); 2] = [("then", 0), ("else", 1)];

impl Compiler<'_> {
    /// Reads `then` and `else`: who owns which step.
    pub(super) fn branch(&mut self, index: NodeIndex, config: &Map<String, Value>, place: &str) {
        for (field, way) in WAYS {
            let place = format!("{place}.config.{field}");
            match config.get(field) {
                Some(Value::Array(ids)) => {
                    for (position, id) in ids.iter().enumerate() {
                        if problem::enough(&self.found) {
                            return;
                        }
                        if let Err(message) = self.owned(index, way, id) {
                            self.add(format!("{place}[{position}]"), message);
                        }
                    }
                }
                None | Some(Value::Null) if field == "else" => {}
                None | Some(Value::Null) => self.add(
                    place,
                    "it is missing: the ids of the steps that run when the condition holds, as an array",
                ),
                Some(other) => {
                    let message = format!(
                        "it is {}; it must be an array of step ids",
                        problem::shown(other)
                    );
                    self.add(place, message);
                }
            }
        }
    }

    fn owned(&mut self, branch: NodeIndex, way: u32, id: &Value) -> Result<(), String> {
        let Some(name) = id.as_str() else {
            return Err(format!(
                "it is {}; it must be the id of a step",
                problem::shown(id)
            ));
        };
        let Some(&target) = self.ids.get(name) else {
            return Err(format!(
                "there is no step `{}`{}",
                problem::short(name),
                self.step_hint(name)
            ));
        };
        if target == branch {
            return Err(format!("step `{name}` cannot be a branch of itself"));
        }
        if target < branch {
            return Err(format!(
                "step `{name}` stands before this condition; steps of a branch must come later in `steps`"
            ));
        }
        self.put_beside(branch, target)?;
        let Some(owners) = self.owned_by.get_mut(target) else {
            return Ok(());
        };
        // A branch adds its own ways last, so only the end of the list can be its.
        match owners.last() {
            Some(&(owner, taken)) if owner == branch && taken != way => Err(format!(
                "step `{name}` is in `then` and in `else`; a step that always runs belongs in neither"
            )),
            Some(&(owner, _)) if owner == branch => Ok(()),
            _ => {
                owners.push((branch, way));
                Ok(())
            }
        }
    }
}
