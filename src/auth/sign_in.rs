//! People in front of the dashboard: the set-up link, the password, sessions. May not know HTTP or keys.
//! Promises: nothing that a browser holds is kept, only its hash; a new password ends every session; guesses are counted by
//! address before anything slow is done for them.

mod own;

use super::KeyEntry;
use super::password::{Hashing, WeakPassword, check_strength};
use super::sessions::Sessions;
use crate::clock::Clock;
use crate::model::address_limit::AddressWindows;
use crate::model::audit::AuditEntry;
use crate::secret::SecretText;
use crate::store::{SessionHash, Store, StoreError, StoredSession};
use crate::to_its_end::to_its_end;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Passwords and set-up links of one address that are looked at in any minute, right or wrong.
const ATTEMPTS_PER_MINUTE: u32 = 10;
/// How many random bytes a session and a set-up link have.
const TOKEN_BYTES: usize = 32;

/// What the audit log calls somebody who is signed in.
const DASHBOARD: &str = "dashboard";

/// What a browser holds of a session: 43 characters.
pub type SessionText = SecretText;

/// Why somebody is not signed in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignInError {
    /// Not the password.
    #[error("This is not the password.")]
    WrongPassword,
    /// Not the set-up link of this server, or it was used.
    #[error(
        "This set-up link is not valid any more. `flowlatch password` sets a password on the server's machine."
    )]
    WrongLink,
    /// No password is set yet.
    #[error("No password is set yet.")]
    NotSetUp,
    /// Too many attempts from this address.
    #[error("Too many attempts from your address. Try again in {retry_after_s} seconds.")]
    Throttled {
        /// When the next one is looked at.
        retry_after_s: u32,
    },
    /// A new password that is not taken.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// It could not be hashed: no memory, or no random bytes.
    #[error("The password could not be hashed.")]
    NotHashed,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who may use the dashboard; clones share it.
#[derive(Clone)]
pub struct SignIn(Arc<Shared>);

struct Shared {
    store: Store,
    clock: Clock,
    /// The PHC string of the password.
    password: Mutex<Option<String>>,
    /// The token of the set-up link; it is nobody's once a password is set.
    set_up_token: Zeroizing<String>,
    sessions: Mutex<Sessions>,
    attempts: Mutex<AddressWindows>,
    hashing: Hashing,
    /// Held by whoever sets a password: of two at once, one comes first.
    changes: tokio::sync::Mutex<()>,
    owner: Arc<KeyEntry>,
}

impl SignIn {
    /// Reads the password's hash and the sessions, and makes a set-up link's token.
    pub fn open(store: Store, clock: Clock) -> Result<SignIn, StoreError> {
        let password = store.dashboard_password()?;
        let sessions = Sessions::of(store.dashboard_sessions()?);
        Ok(SignIn(Arc::new(Shared {
            set_up_token: random_text()?,
            password: Mutex::new(password),
            sessions: Mutex::new(sessions),
            attempts: Mutex::default(),
            hashing: Hashing::default(),
            changes: tokio::sync::Mutex::new(()),
            owner: Arc::new(KeyEntry::owner(DASHBOARD)),
            store,
            clock,
        })))
    }

    /// Whether there is a password.
    pub fn is_set_up(&self) -> bool {
        self.0.password().is_some()
    }

    /// The token of this start's set-up link, while no password is set.
    pub fn set_up_token(&self) -> Option<SecretText> {
        (!self.is_set_up()).then(|| SecretText::new(self.0.set_up_token.to_string()))
    }

    /// Whether this is the token of the set-up link, and it was not used.
    pub fn is_set_up_token(&self, token: &str, peer: IpAddr) -> Result<(), SignInError> {
        self.0.attempt(peer)?;
        let expected = self.0.set_up_token.as_bytes();
        let is_right: bool = expected.ct_eq(token.as_bytes()).into();
        if is_right && !self.is_set_up() {
            Ok(())
        } else {
            Err(SignInError::WrongLink)
        }
    }

    /// Sets the first password by the set-up link, and signs in.
    pub async fn set_up(
        &self,
        token: &str,
        password: SecretText,
        peer: IpAddr,
    ) -> Result<SessionText, SignInError> {
        self.is_set_up_token(token, peer)?;
        self.change_password(password, DASHBOARD, peer.to_string(), Occasion::SetUp)
            .await?;
        self.begin(peer).await
    }

    /// Signs in.
    pub async fn sign_in(
        &self,
        password: SecretText,
        peer: IpAddr,
    ) -> Result<SessionText, SignInError> {
        self.0.attempt(peer)?;
        let known = self.0.password().clone().ok_or(SignInError::NotSetUp)?;
        let (shared, phc) = (self.0.clone(), known.clone());
        let matches = move || shared.hashing.matches(&password, &phc);
        let is_right = tokio::task::spawn_blocking(matches)
            .await
            .map_err(|_| SignInError::NotHashed)?;
        // A password that was replaced while its hash was made is the wrong one.
        if is_right && self.0.password().as_ref() == Some(&known) {
            self.begin(peer).await
        } else {
            Err(SignInError::WrongPassword)
        }
    }

    /// Sets the password in place of any other and ends every session. For the owner of the data folder.
    pub async fn set_password(
        &self,
        password: SecretText,
        by: &str,
        address: String,
    ) -> Result<(), SignInError> {
        self.change_password(password, by, address, Occasion::Reset)
            .await
    }

    /// Whom the text of a session lets in: the owner of the data folder.
    pub async fn owner(&self, session: &str) -> Option<Arc<KeyEntry>> {
        let hash = hash_of(session);
        let now_ms = self.0.clock.now_ms();
        let found = self.0.sessions().using(&hash, now_ms)?;
        if found.is_stale
            && let Err(error) = self.0.store.touch_dashboard_session(hash, now_ms).await
        {
            log::warn!("the last use of a dashboard's session is not written: {error}");
        }
        Some(self.0.owner.clone())
    }

    /// Whether the session goes on; this is no use of it.
    pub fn goes_on(&self, session: &str) -> bool {
        let now_ms = self.0.clock.now_ms();
        self.0.sessions().has(&hash_of(session), now_ms)
    }

    /// Ends a session, if there is one.
    pub async fn sign_out(&self, session: &str, peer: IpAddr) -> Result<(), StoreError> {
        let hash = hash_of(session);
        if !self.0.sessions().remove(&hash) {
            return Ok(());
        }
        let entry = self
            .0
            .entry(DASHBOARD, "dashboard.signed_out", peer.to_string());
        self.0.store.end_dashboard_session(hash, entry).await
    }

    async fn begin(&self, peer: IpAddr) -> Result<SessionText, SignInError> {
        let text = random_text()?;
        let now_ms = self.0.clock.now_ms();
        let session = StoredSession {
            token_hash: hash_of(&text),
            created_at_ms: now_ms,
            last_used_ms: now_ms,
        };
        let leaving = self.0.sessions().leaving(now_ms);
        let entry = self
            .0
            .entry(DASHBOARD, "dashboard.signed_in", peer.to_string());
        let store = &self.0.store;
        store
            .begin_dashboard_session(session, leaving.clone(), entry)
            .await?;
        let mut sessions = self.0.sessions();
        for hash in &leaving {
            sessions.remove(hash);
        }
        sessions.add(session);
        Ok(SecretText::new(text.to_string()))
    }

    async fn change_password(
        &self,
        password: SecretText,
        by: &str,
        address: String,
        occasion: Occasion,
    ) -> Result<(), SignInError> {
        check_strength(&password)?;
        let shared = self.0.clone();
        let action = occasion.action();
        let entry = shared.entry(by, action, address);
        to_its_end(async move {
            let turn = shared.changes.lock().await;
            if occasion == Occasion::SetUp && shared.password().is_some() {
                return Err(SignInError::WrongLink);
            }
            let hasher = shared.clone();
            let phc = tokio::task::spawn_blocking(move || hasher.hashing.hash(&password))
                .await
                .map_err(|_| SignInError::NotHashed)?
                .map_err(|_| SignInError::NotHashed)?;
            shared
                .store
                .set_dashboard_password(phc.clone(), entry)
                .await?;
            *shared.password() = Some(phc);
            shared.sessions().clear();
            drop(turn);
            Ok(())
        })
        .await
    }
}

/// Why a password is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// It is the first.
    SetUp,
    /// On the server's machine.
    Reset,
}

impl Occasion {
    fn action(self) -> &'static str {
        match self {
            Occasion::SetUp => "dashboard.set_up",
            Occasion::Reset => "dashboard.password_set",
        }
    }
}

impl Shared {
    fn attempt(&self, peer: IpAddr) -> Result<(), SignInError> {
        let now_ms = self.clock.monotonic_ms();
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        match attempts.count(peer, now_ms, ATTEMPTS_PER_MINUTE) {
            Ok(_) => Ok(()),
            Err(room) => Err(SignInError::Throttled {
                retry_after_s: room.retry_after_s(),
            }),
        }
    }

    fn entry(&self, actor: &str, action: &'static str, address: String) -> AuditEntry {
        AuditEntry {
            at_ms: self.clock.now_ms(),
            actor: actor.to_owned(),
            action,
            target: None,
            address: Some(address),
            result: "ok".to_owned(),
            detail: json!({}),
        }
    }

    fn password(&self) -> MutexGuard<'_, Option<String>> {
        self.password.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash_of(text: &str) -> SessionHash {
    *blake3::hash(text.as_bytes()).as_bytes()
}

fn random_text() -> Result<Zeroizing<String>, StoreError> {
    let mut bytes = Zeroizing::new([0_u8; TOKEN_BYTES]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| StoreError::NotCommitted(format!("no random bytes: {error}")))?;
    Ok(Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(*bytes)))
}
