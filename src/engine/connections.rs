//! stub
use crate::engine::outbound::OutboundRequest;
use crate::model::run::StepError;
#[derive(Clone)]
pub struct Connections;
pub struct OpenConnection;
impl Connections {
    pub fn open(&self, _r: &str) -> Result<OpenConnection, StepError> {
        Ok(OpenConnection)
    }
}
impl OpenConnection {
    pub fn authorize_bearer(&self, _r: &mut OutboundRequest) -> Result<(), StepError> {
        Ok(())
    }
    pub fn redact(&self, t: &str) -> String {
        t.to_owned()
    }
    pub fn credential(&self, _n: &str) -> Option<&str> {
        None
    }
}
