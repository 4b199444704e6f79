//! People in front of the dashboard: the set-up link, the password, sessions. May not know HTTP or keys.
//! Promises: nothing that a browser holds is kept, only its hash; a new password ends every session; guesses are counted by
//! address before anything slow is done for them, and one hash is made at a time, so that they do not take the processor from
//! runs; what is begun here is done to its end, on disk and in memory.

mod own;

use super::KeyEntry;
use super::hash;
use super::password::{WeakPassword, check_strength};
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
    /// Held by whoever hashes a password, before it takes one of the threads for slow work.
    hashing: tokio::sync::Mutex<()>,
    /// Held by whoever sets a password, and by whoever begins or ends a session: of two at once, one comes first.
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
            hashing: tokio::sync::Mutex::new(()),
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

    /// Sets the first password by the set-up link, and signs in. Gives what the browser holds of the session: 43 characters.
    pub async fn set_up(
        &self,
        token: &str,
        password: SecretText,
        peer: IpAddr,
    ) -> Result<SecretText, SignInError> {
        self.is_set_up_token(token, peer)?;
        check_strength(&password)?;
        let shared = self.0.clone();
        let entry = shared.entry(DASHBOARD, "dashboard.set_up", peer.to_string());
        to_its_end(async move {
            let _turn = shared.changes.lock().await;
            if shared.password().is_some() {
                return Err(SignInError::WrongLink);
            }
            shared.replace_password(password, entry).await?;
            shared.begin(peer).await
        })
        .await
    }

    /// Signs in. Gives what the browser holds of the session: 43 characters.
    pub async fn sign_in(
        &self,
        password: SecretText,
        peer: IpAddr,
    ) -> Result<SecretText, SignInError> {
        self.0.attempt(peer)?;
        let known = self.0.password().clone().ok_or(SignInError::NotSetUp)?;
        let phc = known.clone();
        let matches = move || hash::matches(password.expose().as_bytes(), &phc);
        if !self.0.in_turn(matches).await? {
            return Err(SignInError::WrongPassword);
        }
        let shared = self.0.clone();
        to_its_end(async move {
            let _turn = shared.changes.lock().await;
            // A password that was replaced since it was looked at is the wrong one.
            if shared.password().as_ref() != Some(&known) {
                return Err(SignInError::WrongPassword);
            }
            shared.begin(peer).await
        })
        .await
    }

    /// Sets the password in place of any other and ends every session. For the owner of the data folder.
    pub async fn set_password(
        &self,
        password: SecretText,
        by: &str,
        address: String,
    ) -> Result<(), SignInError> {
        check_strength(&password)?;
        let shared = self.0.clone();
        let entry = shared.entry(by, "dashboard.password_set", address);
        to_its_end(async move {
            let _turn = shared.changes.lock().await;
            shared.replace_password(password, entry).await
        })
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

    /// Whether a session has not ended. No use of it: what streams asks this again and again.
    pub fn goes_on(&self, session: &str) -> bool {
        let now_ms = self.0.clock.now_ms();
        self.0.sessions().has(&hash_of(session), now_ms)
    }

    /// Ends a session, if there is one. After an error it goes on.
    pub async fn sign_out(&self, session: &str, peer: IpAddr) -> Result<(), StoreError> {
        let (shared, hash) = (self.0.clone(), hash_of(session));
        to_its_end(async move {
            let _turn = shared.changes.lock().await;
            if !shared.sessions().has(&hash, shared.clock.now_ms()) {
                return Ok(());
            }
            let entry = shared.entry(DASHBOARD, "dashboard.signed_out", peer.to_string());
            shared.store.end_dashboard_session(hash, entry).await?;
            shared.sessions().remove(&hash);
            Ok(())
        })
        .await
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

    /// Does slow work with a password, when nobody else does.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SignInError> {
        let _turn = self.hashing.lock().await;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| SignInError::NotHashed)
    }

    /// Sets the password and ends every session. For whoever holds `changes`.
    async fn replace_password(
        &self,
        password: SecretText,
        entry: AuditEntry,
    ) -> Result<(), SignInError> {
        let hash = move || hash::hash_password(password.expose().as_bytes());
        let phc = self.in_turn(hash).await?;
        let phc = phc.map_err(|_| SignInError::NotHashed)?;
        self.store
            .set_dashboard_password(phc.clone(), entry)
            .await?;
        *self.password() = Some(phc);
        self.sessions().clear();
        Ok(())
    }

    /// Begins a session. For whoever holds `changes`.
    async fn begin(&self, peer: IpAddr) -> Result<SecretText, SignInError> {
        let text = random_text()?;
        let now_ms = self.clock.now_ms();
        let session = StoredSession {
            token_hash: hash_of(&text),
            created_at_ms: now_ms,
            last_used_ms: now_ms,
        };
        let leaving = self.sessions().leaving(now_ms);
        let entry = self.entry(DASHBOARD, "dashboard.signed_in", peer.to_string());
        self.store
            .begin_dashboard_session(session, leaving.clone(), entry)
            .await?;
        let mut sessions = self.sessions();
        for hash in &leaving {
            sessions.remove(hash);
        }
        sessions.add(session);
        Ok(SecretText::new(text.to_string()))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::store::StoreOptions;
    use std::net::Ipv4Addr;
    use tempfile::TempDir;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn password(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    /// With a password, and the folder that goes with it.
    async fn opened() -> (SignIn, TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(1_000);
        let options = StoreOptions {
            readers: 2,
            commit_hook: None,
        };
        let store = Store::open(&folder.path().join("test.db"), options).expect("a store");
        let sign_in = SignIn::open(store, clock).expect("nobody");
        let first = sign_in.set_password(password("three small boats"), "test", String::new());
        first.await.expect("a password");
        (sign_in, folder)
    }

    #[tokio::test]
    async fn the_old_password_begins_no_session_after_the_new_one_was_set() {
        let (sign_in, _folder) = opened().await;
        let turn = sign_in.0.changes.lock().await;
        let change = sign_in.set_password(password("four large ships"), "test", String::new());
        let old = sign_in.sign_in(password("three small boats"), PEER);
        let both_wait = async {
            // Taken by the one that signs in until its password was looked at, and found to be right.
            drop(sign_in.0.hashing.lock().await);
            drop(turn);
        };
        let (changed, signed_in, ()) = tokio::join!(change, old, both_wait);
        changed.expect("set");
        assert!(matches!(signed_in, Err(SignInError::WrongPassword)));
    }

    #[test]
    fn guesses_that_wait_take_no_thread_from_slow_work() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (sign_in, _folder) = opened().await;
            let turn = sign_in.0.hashing.lock().await;
            let guess = sign_in.sign_in(password("three small goats"), PEER);
            let other_work = async {
                let done = tokio::task::spawn_blocking(|| ()).await;
                drop(turn);
                done
            };
            let (guessed, done) = tokio::join!(guess, other_work);
            done.expect("done");
            assert!(matches!(guessed, Err(SignInError::WrongPassword)));
        });
    }
}
