//! A keyring on a store in a temporary folder, with a clock that is moved by hand.

use flowlatch::auth::{KeyEntry, Keyring, KeyringOptions, NewKey, Refusal};
use flowlatch::clock::Clock;
use flowlatch::model::audit::AuditFilter;
use flowlatch::model::key::{ForeignLookup, KeyFormat, KeyRecord, from_entropy};
use flowlatch::model::limit::{KeyLimits, Limit};
use flowlatch::model::page::PageRequest;
use flowlatch::model::workflow::Reach;
use flowlatch::store::{Store, StoreOptions};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Whence all requests come.
pub(crate) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// When every test begins.
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;
/// A day.
pub(crate) const DAY_MS: u64 = 86_400_000;

/// The keyring and what it stands on.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) ring: Keyring,
}

impl Bench {
    /// On an empty folder.
    pub(crate) async fn open() -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        Bench::on(folder, Clock::manual(NOW_MS)).await
    }

    /// Every key, newest first.
    pub(crate) fn keys(&self) -> Vec<KeyRecord> {
        let all = PageRequest {
            limit: u32::MAX,
            after: None,
        };
        self.ring.list(&self.ring.control(), &all).items
    }

    /// Changes the database behind the store's back.
    pub(crate) fn sql(&self, text: &str) {
        let file =
            rusqlite::Connection::open(self.folder.path().join("keys.db")).expect("it opens");
        file.execute_batch(text).expect("it does");
    }

    /// After a restart: the same folder and time, a new process's memory.
    pub(crate) async fn reopen(self) -> Bench {
        self.store.close().await;
        let Bench {
            folder,
            clock,
            store,
            ring,
        } = self;
        drop((store, ring));
        Bench::on(folder, clock).await
    }

    async fn on(folder: tempfile::TempDir, clock: Clock) -> Bench {
        let options = StoreOptions {
            readers: 2,
            commit_hook: None,
        };
        let store = Store::open(&folder.path().join("keys.db"), options).expect("a store");
        let options = KeyringOptions {
            default_limits: [1_000, 100, 500].map(Limit::PerMinute),
            foreign_lookup: ForeignLookup::new(&[7; 32]),
            tells_alerts: false,
        };
        let ring = Keyring::open(store.clone(), clock.clone(), options)
            .await
            .expect("a ring");
        Bench {
            folder,
            store,
            clock,
            ring,
        }
    }

    /// Makes a key; gives its record and text.
    pub(crate) async fn issue(&self, by: &KeyEntry, new: NewKey) -> (KeyRecord, String) {
        let (record, text) = self.ring.issue(by, "127.0.0.1", new).await.expect("issued");
        (record, text.reveal().to_owned())
    }

    /// Whom a text lets in that was seen before.
    pub(crate) fn is_in(&self, text: &str) -> Result<Arc<KeyEntry>, Refusal> {
        self.ring
            .check(text.as_bytes(), HOME)
            .expect("known without a slow hash")
    }

    /// Whom a text lets in, as a door asks.
    pub(crate) async fn enter(&self, text: &str) -> Result<Arc<KeyEntry>, Refusal> {
        match self.ring.check(text.as_bytes(), HOME) {
            Some(answer) => answer,
            None => self.ring.verify(text.as_bytes(), HOME).await,
        }
    }

    /// The actions in the audit log, oldest first.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let rows = self
            .store
            .audit_rows(AuditFilter::default(), 100)
            .await
            .expect("rows");
        assert!(
            rows.iter()
                .all(|row| row.result == "ok" && row.target.is_some())
        );
        rows.into_iter().rev().map(|row| row.action).collect()
    }

    /// Folded refusals in the audit log: actor, reason, network, detail.
    pub(crate) async fn refusal_rows(&self) -> Vec<(String, String, Option<String>, String)> {
        let filter = AuditFilter {
            action: Some("request.refused".into()),
            ..AuditFilter::default()
        };
        let rows = self.store.audit_rows(filter, 100).await.expect("rows");
        let mut rows: Vec<_> = rows
            .into_iter()
            .map(|row| (row.actor, row.result, row.address, row.detail.to_string()))
            .collect();
        rows.sort();
        rows
    }

    /// Whether any file of the data folder contains the text.
    pub(crate) fn folder_contains(&self, text: &str) -> bool {
        std::fs::read_dir(self.folder.path())
            .expect("the folder")
            .any(|file| {
                let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
                bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
            })
    }
}

/// A key with these scopes and nothing else.
pub(crate) fn new_key(scopes: &str) -> NewKey {
    NewKey {
        name: "a key".into(),
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        format: KeyFormat::Wfk,
        expires_at_ms: None,
        reach: Reach::All,
        limits: KeyLimits::default(),
    }
}

/// A text with the public part of a `wfk_` key, another secret, and a right checksum.
pub(crate) fn forged(known: &str) -> String {
    const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let place = |letter: char| {
        BASE62
            .find(letter)
            .and_then(|place| u8::try_from(place).ok())
    };
    let public = known["wfk_".len()..].chars().take(8).filter_map(place);
    let entropy: Vec<u8> = public.chain([7; 18]).collect();
    from_entropy(KeyFormat::Wfk, &entropy).expect("a text")
}
