//! What somebody who is signed in changes about the way in: the password, and who else is. May not know HTTP.
//! Promise: a password is replaced by whoever knows it, and not by whoever sits before a browser that was left open.

use super::{DASHBOARD, SignIn, SignInError};
use crate::auth::hash;
use crate::auth::password::check_strength;
use crate::model::audit::AuditEntry;
use crate::secret::SecretText;
use crate::to_its_end::to_its_end;
use std::net::IpAddr;

impl SignIn {
    /// Sets another password in place of the current one, and ends every session.
    pub async fn replace_password(
        &self,
        current: SecretText,
        next: SecretText,
        peer: IpAddr,
    ) -> Result<(), SignInError> {
        self.0.attempt(peer)?;
        check_strength(&next)?;
        let known = self.0.password().clone().ok_or(SignInError::NotSetUp)?;
        let entry = self.own_entry("dashboard.password_changed", peer);
        let shared = self.0.clone();
        to_its_end(async move {
            // Of two at once the second finds the password replaced.
            let _turn = shared.changes.lock().await;
            let phc = known.clone();
            let is_right = move || hash::matches(current.expose().as_bytes(), &phc);
            let is_right = shared.in_turn(is_right).await?;
            if !is_right || shared.password().as_ref() != Some(&known) {
                return Err(SignInError::WrongPassword);
            }
            shared.replace_password(next, entry).await
        })
        .await
    }

    /// Ends every session, the one that asks for it too.
    pub async fn sign_out_everywhere(&self, peer: IpAddr) -> Result<(), SignInError> {
        let entry = self.own_entry("dashboard.signed_out_everywhere", peer);
        let shared = self.0.clone();
        to_its_end(async move {
            let _turn = shared.changes.lock().await;
            shared.store.end_dashboard_sessions(entry).await?;
            shared.sessions().clear();
            Ok(())
        })
        .await
    }

    /// How many people are signed in.
    pub fn sessions_now(&self) -> usize {
        let now_ms = self.0.clock.now_ms();
        self.0.sessions().count(now_ms)
    }

    fn own_entry(&self, action: &'static str, peer: IpAddr) -> AuditEntry {
        self.0.entry(DASHBOARD, action, peer.to_string())
    }
}
