//! The audit chain finds what was done to it, and survives pruning.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::Fixture;
use crate::model::audit::{AuditEntry, AuditFilter, AuditSearch, ChainCheck};
use serde_json::json;

pub(super) fn entry(at_ms: i64, actor: &str) -> AuditEntry {
    AuditEntry {
        at_ms,
        actor: actor.into(),
        action: if at_ms % 2 == 0 {
            "key.created"
        } else {
            "key.revoked"
        },
        target: (at_ms % 3 == 0).then(|| "key_2".into()),
        address: Some("127.0.0.1".into()),
        result: "ok".into(),
        detail: json!({ "scopes": ["runs:read"], "n": at_ms }),
    }
}

async fn with_rows(count: i64) -> Fixture {
    let fixture = Fixture::new();
    let actors = ["control", "key_1"];
    let rows = (1..=count).map(|at_ms| entry(at_ms, actors[usize::from(at_ms % 5 == 0)]));
    fixture
        .store
        .append_refusals(rows.collect(), Vec::new())
        .await
        .unwrap();
    fixture
}

#[tokio::test]
async fn an_untouched_chain_is_intact() {
    for count in [0, 1, 20] {
        let fixture = with_rows(count).await;
        let rows = u64::try_from(count).unwrap();
        assert_eq!(
            fixture.store.check_audit_chain().await.unwrap(),
            ChainCheck::Intact { rows }
        );
    }
}

#[tokio::test]
async fn altered_removed_added_and_swapped_rows_are_found() {
    let damages = [
        ("UPDATE audit SET result = 'refused' WHERE sequence = 7", 7),
        ("UPDATE audit SET at_ms = at_ms + 1 WHERE sequence = 7", 7),
        // A text moved from one field to the next.
        ("UPDATE audit SET target = NULL, address = 'key_2' WHERE sequence = 9", 9),
        ("UPDATE audit SET target = '' WHERE sequence = 8", 8),
        ("UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE sequence = 7", 7),
        ("DELETE FROM audit WHERE sequence = 1", 1),
        ("DELETE FROM audit WHERE sequence = 7", 7),
        ("DELETE FROM audit WHERE sequence = 20", 20),
        ("DELETE FROM audit", 1),
        (
            "UPDATE audit SET sequence = 100 WHERE sequence = 5;
             UPDATE audit SET sequence = 5 WHERE sequence = 6;
             UPDATE audit SET sequence = 6 WHERE sequence = 100",
            5,
        ),
        (
            "INSERT INTO audit SELECT 21, at_ms, actor, action, target, address, result, detail, hash
             FROM audit WHERE sequence = 20",
            21,
        ),
    ];
    for (damage, sequence) in damages {
        let fixture = with_rows(20).await;
        fixture.raw().execute_batch(damage).unwrap();
        let found = fixture.store.check_audit_chain().await.unwrap();
        assert_eq!(found, ChainCheck::Broken { sequence }, "{damage}");
    }
}

#[tokio::test]
async fn the_chain_survives_pruning_and_goes_on() {
    let fixture = with_rows(4_500).await;
    let store = &fixture.store;
    assert_eq!(store.prune_audit(4_001).await.unwrap(), 4_000);
    assert_eq!(store.prune_audit(4_001).await.unwrap(), 0);
    assert_eq!(
        store.check_audit_chain().await.unwrap(),
        ChainCheck::Intact { rows: 500 }
    );
    assert_eq!(store.prune_audit(i64::MAX).await.unwrap(), 500);
    assert_eq!(
        store.check_audit_chain().await.unwrap(),
        ChainCheck::Intact { rows: 0 }
    );
    store
        .append_refusals(vec![entry(5_000, "control")], Vec::new())
        .await
        .unwrap();
    assert_eq!(
        store.check_audit_chain().await.unwrap(),
        ChainCheck::Intact { rows: 1 }
    );
    let rows = store.audit_rows(AuditFilter::default(), 10).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.sequence).collect::<Vec<_>>(),
        [4_501]
    );
    fixture.raw().execute_batch("DELETE FROM audit").unwrap();
    let broken = store.check_audit_chain().await.unwrap();
    assert_eq!(broken, ChainCheck::Broken { sequence: 4_501 });
}

#[tokio::test]
async fn rows_come_newest_first_and_filtered() {
    let fixture = with_rows(20).await;
    let filter =
        |actor: Option<&str>, action: Option<&str>, result: Option<&str>, before| AuditFilter {
            actor: actor.map(Into::into),
            action: action.map(Into::into),
            result: result.map(Into::into),
            before,
        };
    for (filter, expected) in [
        (filter(None, None, None, None), vec![20, 19, 18]),
        (filter(None, None, None, Some(3)), vec![2, 1]),
        (filter(Some("key_1"), None, None, None), vec![20, 15, 10]),
        (
            filter(Some("key_1"), Some("key.revoked"), None, None),
            vec![15, 5],
        ),
        (
            filter(None, Some("key.created"), None, Some(9)),
            vec![8, 6, 4],
        ),
        (filter(None, None, Some("refused"), None), vec![]),
        (filter(Some("nobody"), None, None, None), vec![]),
    ] {
        let rows = fixture.store.audit_rows(filter.clone(), 3).await.unwrap();
        assert_eq!(
            rows.iter().map(|row| row.sequence).collect::<Vec<_>>(),
            expected,
            "{filter:?}"
        );
    }
    let row = fixture
        .store
        .audit_rows(AuditFilter::default(), 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        (row.at_ms, row.actor.as_str(), row.action.as_str()),
        (20, "key_1", "key.created")
    );
    assert_eq!(row.detail, json!({ "scopes": ["runs:read"], "n": 20 }));
    assert_eq!((row.hash.len(), row.target), (64, None));
}

#[tokio::test]
async fn a_search_looks_at_two_thousand_rows_a_page_and_finds_all_that_fits() {
    let fixture = with_rows(4_500).await;
    let word = |word: &str| Some(word.to_owned());
    let result = |result: &str| AuditSearch {
        result: word(result),
        ..AuditSearch::default()
    };
    let of_rare_actor = AuditSearch {
        actor: word("nobody"),
        from_ms: Some(0),
        ..AuditSearch::default()
    };
    let of_key_between = AuditSearch {
        key: word("key_2"),
        action: word("key.created"),
        from_ms: Some(30),
        to_ms: Some(61),
        ..AuditSearch::default()
    };
    for (search, found, pages) in [
        (result("ok"), 4_500, 180),
        (result("refused"), 0, 3),
        (of_rare_actor, 0, 3),
        (of_key_between, 6, 1),
    ] {
        let (mut rows, mut looked) = (Vec::new(), 0);
        let mut after = None;
        loop {
            let search = AuditSearch {
                after,
                ..search.clone()
            };
            let page = fixture.store.search_audit(search, 25).await.unwrap();
            rows.extend(page.items.iter().map(|row| row.sequence));
            looked += 1;
            let Some(next) = page.next else { break };
            after = Some((next.ts, next.id.parse().unwrap()));
        }
        assert_eq!((rows.len(), looked), (found, pages), "{search:?}");
        assert!(rows.is_sorted_by(|a, b| a > b), "each once: {search:?}");
    }
}
