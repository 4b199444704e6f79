//! The secret behind a signature.

use super::Shared;
use crate::engine::EngineError;
use crate::model::workflow::Workflow;
use zeroize::Zeroizing;

/// The value of a secret of the workflow; `None` where it is not set.
pub(super) fn secret_of(
    _shared: &Shared,
    _workflow: &Workflow,
    _name: &str,
) -> Result<Option<Zeroizing<String>>, EngineError> {
    Ok(None)
}
