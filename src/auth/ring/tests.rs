//! Look-ups, replacements and visibility, without a store.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::auth::first_use::DigestKey;
use crate::model::key::{KeyFormat, KeySecret, from_entropy, parse};
use crate::model::scope::parse_scopes;
use crate::model::workflow::Reach;

struct Bench {
    ring: Ring,
    digest_key: DigestKey,
}

/// A key's text that is the same in every run.
fn text(seed: u8) -> String {
    let mut entropy = [0; 128];
    blake3::Hasher::new()
        .update(&[seed])
        .finalize_xof()
        .fill(&mut entropy);
    from_entropy(KeyFormat::Wfk, &entropy).expect("enough bytes")
}

fn shape(text: &str) -> KeyShape {
    parse(text.as_bytes()).expect("a key")
}

fn secret(text: &str) -> KeySecret {
    KeySecret {
        public_id: String::from_utf8(shape(text).public_id.to_vec()).expect("text"),
        phc: String::new(),
        created_at_ms: 0,
        valid_until_ms: None,
    }
}

fn record(seed: u8, scopes: &str, reach: Reach) -> KeyRecord {
    KeyRecord {
        id: KeyId::generate(),
        name: format!("key {seed}"),
        format: KeyFormat::Wfk,
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        permissions: parse_scopes(scopes.split_whitespace()).expect("known"),
        reach,
        limits: KeyLimits::default(),
        created_at_ms: i64::from(seed),
        updated_at_ms: 0,
        created_by: "control".into(),
        expires_at_ms: None,
        disabled: false,
        revoked_at_ms: None,
        last_use: None,
        current: secret(&text(seed)),
        pending: None,
        former: None,
    }
}

impl Bench {
    fn new() -> Bench {
        Bench {
            ring: Ring::new([Limit::PerMinute(100); 3]),
            digest_key: DigestKey::generate().expect("random bytes"),
        }
    }

    /// Puts a record and teaches the texts of these seeds.
    fn put(&mut self, record: &KeyRecord, seeds: &[u8]) {
        self.ring.put(record.clone());
        for seed in seeds {
            let text = text(*seed);
            self.ring.learn(
                &shape(&text).public_id,
                self.digest_key.digest(text.as_bytes()),
            );
        }
    }

    fn see(&self, text: &str, now_ms: i64) -> &'static str {
        let digest = self.digest_key.digest(text.as_bytes());
        match self.ring.look_up(&shape(text), &digest, now_ms) {
            Seen::In(_) => "in",
            Seen::Refused(refusal) => refusal.as_str(),
            Seen::Unverified(_) => "unverified",
            Seen::Successor(_) => "successor",
        }
    }

    fn entry(&self, seed: u8) -> Arc<KeyEntry> {
        let text = text(seed);
        let digest = self.digest_key.digest(text.as_bytes());
        match self.ring.look_up(&shape(&text), &digest, 0) {
            Seen::In(entry) | Seen::Successor(entry) => entry,
            _ => panic!("text {seed} does not let in"),
        }
    }
}

/// A text with the public part of `known`, another secret and a right checksum.
fn forged(known: &str) -> String {
    let mut entropy = known.as_bytes()[4..12].to_vec();
    let alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for byte in &mut entropy {
        *byte = u8::try_from(alphabet.find(char::from(*byte)).expect("base 62")).expect("small");
    }
    entropy.extend([7; 18]);
    from_entropy(KeyFormat::Wfk, &entropy).expect("enough bytes")
}

#[test]
fn only_the_right_secret_hears_why_a_key_does_not_let_in() {
    for (change, right) in [
        ((|_| {}) as fn(&mut KeyRecord), "in"),
        (|key| key.disabled = true, "disabled"),
        (|key| key.expires_at_ms = Some(10), "expired"),
        (|key| key.revoked_at_ms = Some(5), "revoked"),
    ] {
        let mut bench = Bench::new();
        let mut key = record(1, "runs:read", Reach::All);
        change(&mut key);
        bench.put(&key, &[]);
        assert_eq!(bench.see(&text(1), 10), "unverified");
        bench.put(&key, &[1]);
        assert_eq!(bench.see(&text(1), 10), right);
        assert_eq!(bench.see(&forged(&text(1)), 10), "unknown");
        assert_eq!(bench.see(&text(2), 10), "unknown");
    }
}

#[test]
fn a_key_ends_exactly_at_its_millisecond() {
    let mut bench = Bench::new();
    let mut key = record(1, "runs:read", Reach::All);
    key.expires_at_ms = Some(1_000);
    bench.put(&key, &[1]);
    assert_eq!(
        (bench.see(&text(1), 999), bench.see(&text(1), 1_000)),
        ("in", "expired")
    );
}

#[test]
fn a_rotation_is_seen_by_every_one_of_its_texts() {
    let mut bench = Bench::new();
    let key = record(1, "runs:read", Reach::All);
    bench.put(&key, &[1]);
    let by_old_text = bench.entry(1);
    let rotated = key.with_successor(secret(&text(2)), 60, 1_000);
    bench.put(&rotated, &[2]);
    assert_eq!(
        (bench.see(&text(1), 1_000), bench.see(&text(2), 1_000)),
        ("in", "successor")
    );
    let lapse_ms = 1_000 + 7 * 86_400_000;
    assert_eq!(
        (
            bench.see(&text(2), lapse_ms - 1),
            bench.see(&text(2), lapse_ms)
        ),
        ("successor", "expired")
    );

    let used = rotated
        .with_successor_used(5_000)
        .expect("a successor waits");
    bench.put(&used, &[]);
    assert_eq!(
        (bench.see(&text(1), 64_999), bench.see(&text(2), 64_999)),
        ("in", "in")
    );
    assert_eq!(
        (bench.see(&text(1), 65_000), bench.see(&text(2), 65_000)),
        ("expired", "in")
    );
    assert!(
        bench
            .ring
            .holder_now(by_old_text.holder(), 64_999)
            .is_some()
    );
    assert!(
        bench
            .ring
            .holder_now(by_old_text.holder(), 65_000)
            .is_none(),
        "a stream of the old text ends"
    );
    assert_eq!(bench.entry(2).label(), used.current.public_id);
}

#[test]
fn only_three_texts_of_a_key_are_known() {
    let mut bench = Bench::new();
    let used = record(1, "runs:read", Reach::All)
        .with_successor(secret(&text(2)), 60, 1_000)
        .with_successor_used(5_000)
        .expect("a successor waits");
    bench.put(&used, &[1, 2]);
    let replaced = used
        .with_successor(secret(&text(3)), 0, 6_000)
        .with_successor(secret(&text(4)), 0, 7_000);
    bench.put(&replaced, &[4]);
    assert_eq!(
        (bench.see(&text(3), 7_000), bench.see(&text(4), 7_000)),
        ("unknown", "successor")
    );
    bench.put(
        &replaced
            .with_successor_used(8_000)
            .expect("a successor waits"),
        &[],
    );
    assert_eq!(
        (bench.see(&text(2), 8_000), bench.see(&text(1), 8_000)),
        ("expired", "unknown")
    );
    bench.ring.remove(&used.id);
    assert_eq!(
        (bench.see(&text(4), 8_000), bench.ring.texts.len()),
        ("unknown", 0)
    );
}

#[test]
fn a_changed_key_keeps_its_windows_and_its_holder_is_looked_at_anew() {
    use crate::clock::Clock;
    use crate::model::limit::Category;
    let (mut bench, clock) = (Bench::new(), Clock::manual(0));
    let mut key = record(1, "runs:read usage:read", Reach::All);
    bench.put(&key, &[1]);
    let before = bench.entry(1);
    for _ in 0..100 {
        assert!(before.count(Category::Read, &clock).is_ok());
    }
    key.scopes = vec!["runs:read".into()];
    key.permissions = parse_scopes(["runs:read"]).expect("known");
    bench.put(&key, &[]);
    let after = bench.entry(1);
    assert!(after.count(Category::Read, &clock).is_err());
    let now = bench.ring.holder_now(before.holder(), 0).expect("in force");
    assert!(
        !now.holding.covers(&before.holder().holding)
            && before.holder().holding.covers(&now.holding)
    );
    key.limits.read = Some(Limit::PerMinute(101));
    bench.put(&key, &[]);
    assert!(bench.entry(1).count(Category::Read, &clock).is_ok());
    key.disabled = true;
    bench.put(&key, &[]);
    assert!(bench.ring.holder_now(after.holder(), 0).is_none());
}

#[test]
fn a_key_sees_itself_and_what_holds_no_more_newest_first() {
    let mut bench = Bench::new();
    let workflow = || Reach::Workflow("w".parse().expect("an id"));
    let keys = [
        record(1, "keys:read runs:read", Reach::All),
        record(2, "runs:read", Reach::All),
        record(3, "runs:read", workflow()),
        record(4, "admin", Reach::All),
        record(5, "keys:read runs:read", workflow()),
    ];
    for (seed, key) in (1..).zip(&keys) {
        bench.put(key, &[seed]);
    }
    let seen = |entry: &KeyEntry| -> Vec<i64> {
        bench
            .ring
            .seen_by(entry.holder(), &PageRequest::default())
            .items
            .iter()
            .map(|key| key.created_at_ms)
            .collect()
    };
    assert_eq!(seen(&KeyEntry::owner("control")), [5, 4, 3, 2, 1]);
    assert_eq!(seen(&bench.entry(1)), [5, 3, 2, 1]);
    assert_eq!(seen(&bench.entry(2)), [3, 2]);
    assert_eq!(seen(&bench.entry(4)), [4]);
    assert_eq!(seen(&bench.entry(5)), [5, 3]);
    let [by_1, by_5] = [bench.entry(1), bench.entry(5)];
    assert!(bench.ring.get_seen_by(by_1.holder(), &keys[3].id).is_none());
    assert!(bench.ring.get_seen_by(by_5.holder(), &keys[0].id).is_none());
    assert!(bench.ring.get_seen_by(by_5.holder(), &keys[4].id).is_some());
}
