//! Events on disk: all of an event or nothing, once, and forgotten in order.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::{Fixture, new_run};
use super::{Fate, NewDelivery, NewEvent, RecordedEvent};
use crate::id::{EventId, WorkflowId};
use crate::model::audit::ChangedBy;
use crate::model::event::{DeliveryOutcome, EventFilter, EventRetention};
use crate::model::page::PageRequest;
use crate::model::workflow::{Workflow, WorkflowStatus};
use crate::store::{WorkflowDraft, WorkflowEdit};
use bytes::Bytes;
use serde_json::{json, value::to_raw_value};

const KEPT: EventRetention = EventRetention {
    age_ms: i64::MAX,
    count: u64::MAX,
    bytes: u64::MAX,
};

fn event(received_at_ms: i64, body: &'static str) -> NewEvent {
    NewEvent {
        id: EventId::generate(),
        provider: "custom".into(),
        path: "p".into(),
        received_at_ms,
        event_type: None,
        external_id: None,
        verified: false,
        headers: to_raw_value(&json!({})).unwrap(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn start(workflow: &Workflow, memory: Option<&str>) -> NewDelivery {
    NewDelivery {
        workflow_sequence: workflow.sequence,
        fate: Fate::Start {
            run: Box::new(new_run(workflow, 1_000)),
            memory: memory.map(|id| (id.to_owned(), 50_000)),
        },
    }
}

fn dropped(workflow: &Workflow) -> NewDelivery {
    NewDelivery {
        workflow_sequence: workflow.sequence,
        fate: Fate::Drop(DeliveryOutcome::Filtered, Some("not wanted".into())),
    }
}

const TABLES: [&str; 3] = ["webhook_event", "webhook_delivery", "run"];

fn counts(fixture: &Fixture) -> [i64; 3] {
    TABLES.map(|table| fixture.count(table))
}

#[tokio::test]
async fn an_event_and_its_runs_are_written_together_or_not_at_all() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.workflow("one").await, fixture.workflow("two").await);
    let mut stale = two.clone();
    stale.version = 7;
    let deliveries = vec![start(&one, Some("a")), start(&stale, Some("a"))];
    let recorded = fixture
        .store
        .record_event(event(1_000, "x"), deliveries)
        .await;
    assert_eq!(recorded.unwrap(), RecordedEvent::VersionChanged);
    assert_eq!(counts(&fixture), [0; 3]);
    // A failure in the middle (the second run has the first one's id).
    let twin = |delivery: &NewDelivery| match &delivery.fate {
        Fate::Start { run, .. } => run.id.clone(),
        Fate::Drop(..) => panic!("it starts"),
    };
    let first = start(&one, Some("a"));
    let mut second = start(&two, Some("a"));
    if let Fate::Start { run, .. } = &mut second.fate {
        run.id = twin(&first);
    }
    let failed = fixture
        .store
        .record_event(event(1_000, "x"), vec![first, second])
        .await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!(counts(&fixture), [0; 3]);
    assert_eq!(fixture.count("webhook_memory"), 0);

    let deliveries = vec![start(&one, Some("a")), dropped(&two)];
    let recorded = fixture
        .store
        .record_event(event(1_000, "x"), deliveries)
        .await;
    assert!(matches!(recorded.unwrap(), RecordedEvent::New(runs) if runs.len() == 1));
    assert_eq!(counts(&fixture), [1, 2, 1]);
}

#[tokio::test]
async fn a_remembered_event_writes_nothing_until_it_is_forgotten() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.workflow("one").await, fixture.workflow("two").await);
    let first = event(1_000, "x");
    let id = first.id.clone();
    let record = |event, deliveries| fixture.store.record_event(event, deliveries);
    let recorded = record(first, vec![start(&one, Some("a"))]).await.unwrap();
    let RecordedEvent::New(runs) = recorded else {
        panic!("{recorded:?}");
    };
    let again = record(
        event(49_999, "y"),
        vec![start(&one, Some("a")), dropped(&two)],
    )
    .await;
    let known = RecordedEvent::Duplicate(id.clone(), vec![runs[0].0.clone()]);
    assert_eq!(again.unwrap(), known);
    assert_eq!(counts(&fixture), [1, 1, 1]);
    // Another workflow has not had it; the first one is not started again.
    let both = vec![start(&one, Some("a")), start(&two, Some("a"))];
    let recorded = record(event(2_000, "x"), both).await.unwrap();
    assert!(matches!(&recorded, RecordedEvent::New(runs) if runs.len() == 1));
    assert_eq!(counts(&fixture), [2, 3, 2]);
    let page = PageRequest::default();
    let listed = fixture
        .store
        .list_events(EventFilter::default(), page)
        .await
        .unwrap();
    let outcomes: Vec<DeliveryOutcome> = listed.items[0]
        .deliveries
        .iter()
        .map(|delivery| delivery.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [DeliveryOutcome::Duplicate, DeliveryOutcome::Started]
    );
    assert_eq!(
        listed.items[0].deliveries[0].run_id.as_ref(),
        Some(&runs[0].0)
    );

    // Expired, and swept.
    let late = record(event(50_000, "x"), vec![start(&one, Some("a"))])
        .await
        .unwrap();
    assert!(matches!(late, RecordedEvent::New(_)));
    fixture
        .store
        .forget_event_memory_before(50_001)
        .await
        .unwrap();
    assert_eq!(fixture.count("webhook_memory"), 0);
}

#[tokio::test]
async fn forgetting_walks_all_that_is_remembered_and_takes_only_what_has_expired() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("one").await;
    let remembered = 4_500;
    fixture
        .raw()
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
             INSERT INTO webhook_memory (workflow, external_id, event_id, run_id, expires_at_ms)
             SELECT ?1, 'id:' || i, 'evt', 'run', i FROM n",
            (workflow.sequence, remembered),
        )
        .unwrap();
    let forget = |before_ms| fixture.store.forget_event_memory_before(before_ms);
    for (before_ms, left) in [(1, 4_500), (2, 4_499), (4_000, 501), (4_501, 0)] {
        forget(before_ms).await.unwrap();
        assert_eq!(fixture.count("webhook_memory"), left, "before {before_ms}");
        let expired = fixture.raw().query_row(
            "SELECT count(*) FROM webhook_memory WHERE expires_at_ms < ?1",
            [before_ms],
            |row| row.get::<_, i64>(0),
        );
        assert_eq!(expired.unwrap(), 0, "before {before_ms}");
    }
}

#[tokio::test]
async fn a_run_whose_workflow_was_edited_leaves_nothing_of_the_event_wherever_it_stands() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.workflow("one").await, fixture.workflow("two").await);
    let mut stale = two.clone();
    stale.version = 7;
    for order in [[&one, &stale], [&stale, &one]] {
        let deliveries = order.map(|workflow| start(workflow, Some("a"))).into();
        let recorded = fixture
            .store
            .record_event(event(1_000, "x"), deliveries)
            .await;
        assert_eq!(recorded.unwrap(), RecordedEvent::VersionChanged);
        assert_eq!(counts(&fixture), [0; 3]);
        assert_eq!(fixture.count("webhook_memory"), 0);
    }
}

#[tokio::test]
async fn an_event_is_replayed_so_often_and_no_more() {
    let fixture = Fixture::new();
    let one = fixture.workflow("one").await;
    let first = event(1_000, "x");
    let id = first.id.clone();
    let recorded = fixture.store.record_event(first, vec![dropped(&one)]).await;
    recorded.unwrap();
    let sequence = fixture.store.event(&id).unwrap().expect("it").sequence;
    let replay = |count: usize| {
        let deliveries = (0..count).map(|_| dropped(&one)).collect();
        fixture.store.replay_event(sequence, deliveries, 2_000)
    };
    assert_eq!(replay(999).await.unwrap(), RecordedEvent::New(vec![]));
    assert_eq!(replay(1).await.unwrap(), RecordedEvent::Refused);
    let gone = fixture
        .store
        .replay_event(99, vec![dropped(&one)], 2_000)
        .await;
    assert_eq!(gone.unwrap(), RecordedEvent::Refused);
}

#[tokio::test]
async fn what_is_over_age_number_or_bytes_is_forgotten_oldest_first() {
    let fixture = Fixture::new();
    let one = fixture.workflow("one").await;
    for at_ms in 0..120 {
        let recorded = fixture
            .store
            .record_event(event(at_ms, "0123456789"), vec![start(&one, None)])
            .await;
        recorded.unwrap();
    }
    let forget = |kept, now_ms| fixture.store.forget_events(kept, now_ms);
    assert_eq!(forget(KEPT, 1_000).await.unwrap(), 0);
    let age_ms = 900;
    assert_eq!(
        forget(EventRetention { age_ms, ..KEPT }, 1_000)
            .await
            .unwrap(),
        100
    );
    let count = 12;
    assert_eq!(
        forget(EventRetention { count, ..KEPT }, 1_000)
            .await
            .unwrap(),
        8
    );
    let bytes = 59;
    assert_eq!(
        forget(EventRetention { bytes, ..KEPT }, 1_000)
            .await
            .unwrap(),
        7
    );
    let [events, deliveries, runs] = counts(&fixture);
    assert_eq!([events, deliveries], [5, 5]);
    assert_eq!(runs, 120, "what an event has started stays");
}

fn hooked(path: &str) -> WorkflowDraft {
    let mut draft = super::fixture::draft("hooked", 1);
    draft.definition.body = json!({ "trigger": { "type": "webhook", "path": path }, "steps": [] });
    draft
}

#[tokio::test]
async fn routes_follow_their_workflow() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let id = WorkflowId::generate();
    let workflow = store
        .create_workflow(id.clone(), hooked("/a"), ChangedBy::local("control"), 1_000)
        .await;
    let workflow = workflow.unwrap();
    let behind = |path: &str| store.webhook_workflows("custom", path, 10).unwrap().len();
    let set =
        |status| store.set_workflow_status(id.clone(), status, ChangedBy::local("test"), 2_000);
    assert_eq!((behind("a"), behind(id.as_str())), (0, 0));
    set(WorkflowStatus::Active).await.unwrap();
    assert_eq!((behind("a"), behind(id.as_str())), (1, 1));
    assert!(
        store
            .webhook_workflows("stripe", "a", 10)
            .unwrap()
            .is_empty()
    );
    let edit = WorkflowEdit {
        draft: hooked("b"),
        change_summary: None,
        expected_version: None,
        by: ChangedBy::local("control"),
        now_ms: 3_000,
    };
    store.edit_workflow(id.clone(), edit).await.unwrap();
    assert_eq!((behind("a"), behind("b")), (0, 1));
    set(WorkflowStatus::Paused).await.unwrap();
    assert_eq!((behind("b"), behind(id.as_str())), (0, 0));
    set(WorkflowStatus::Active).await.unwrap();
    assert_eq!(behind("b"), 1);
    // A purge takes the events' deliveries along, not the events.
    let recorded = store
        .record_event(event(1, "x"), vec![dropped(&workflow)])
        .await;
    recorded.unwrap();
    store
        .purge_workflow(id.clone(), ChangedBy::local("test"), 9_000)
        .await
        .unwrap();
    assert_eq!(behind("b"), 0);
    assert_eq!(counts(&fixture), [1, 0, 0]);
}
