//! What is kept beside a graph: it follows its workflow, counts executions, and never outgrows the nodes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::Fixture;
use super::node_outputs::{MAX_KEPT_BYTES, MAX_KEPT_OUTPUT_BYTES};
use super::{Beside, BesideGraph, Edit, WorkflowDraft, WorkflowEdit};
use crate::id::{RunId, WorkflowId};
use crate::model::audit::ChangedBy;
use crate::model::graph::record::{
    GraphDetails, GraphFilter, GraphRecord, LinkPermission, NodeOutput,
};
use crate::model::workflow::{Definition, DefinitionFormat, Reach, Workflow, WorkflowStatus};
use serde_json::{Value, json};

fn draft(name: &str, nodes: &[&str], hook: Option<&str>) -> WorkflowDraft {
    let nodes: Vec<Value> = nodes
        .iter()
        .map(|id| json!({ "id": id, "data": {} }))
        .collect();
    let trigger = hook.map_or(
        json!({ "type": "api" }),
        |id| json!({ "type": "hook", "id": id, "isOpen": true }),
    );
    let body = json!({ "trigger": trigger, "nodes": nodes, "edges": [] });
    let format = DefinitionFormat::Graph;
    WorkflowDraft::new(name.to_owned(), None, Definition { format, body })
}

async fn made(fixture: &Fixture, draft: WorkflowDraft) -> Workflow {
    let made = fixture.store.create_workflow(
        WorkflowId::generate(),
        draft,
        ChangedBy::local("test"),
        1_000,
    );
    made.await.unwrap()
}

async fn edited(
    fixture: &Fixture,
    workflow: &Workflow,
    draft: WorkflowDraft,
    now_ms: i64,
) -> Workflow {
    let edit = WorkflowEdit {
        draft,
        change_summary: None,
        expected_version: None,
        by: ChangedBy::local("test"),
        now_ms,
    };
    match fixture
        .store
        .edit_workflow(workflow.id.clone(), edit)
        .await
        .unwrap()
    {
        Edit::Done(workflow) => workflow,
        other => panic!("{other:?}"),
    }
}

fn output(node: &str, output: Value, at_ms: i64) -> NodeOutput {
    NodeOutput {
        node_id: node.to_owned(),
        params: json!({ "prompt": node }),
        output,
        run: RunId::generate(),
        at_ms,
    }
}

#[tokio::test]
async fn every_graph_has_a_record_and_nothing_else_has() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let steps = fixture.workflow("steps").await;
    assert_eq!(store.graph_record(steps.sequence).unwrap(), None);
    let plain = made(&fixture, draft("plain", &["a"], None)).await;
    assert_eq!((plain.status, plain.version), (WorkflowStatus::Draft, 1));
    assert_eq!(
        store.graph_record(plain.sequence).unwrap(),
        Some(GraphRecord::default())
    );

    let beside = BesideGraph {
        details: GraphDetails {
            tags: vec!["x".into()],
            media_id: Some("m".into()),
            team_id: None,
        },
        link_permission: LinkPermission::View,
    };
    let full = WorkflowDraft {
        status: Some(WorkflowStatus::Active),
        beside: Some(Beside::Graph(beside.clone())),
        ..draft("full", &["a"], Some("whk"))
    };
    let full = made(&fixture, full).await;
    assert_eq!(full.status, WorkflowStatus::Active);
    let record = store.graph_record(full.sequence).unwrap().unwrap();
    assert_eq!(
        (&record.details, record.link_permission),
        (&beside.details, beside.link_permission)
    );
    // An edit that says nothing of it leaves it.
    edited(
        &fixture,
        &full,
        draft("full", &["a", "b"], Some("whk")),
        2_000,
    )
    .await;
    assert_eq!(store.graph_record(full.sequence).unwrap(), Some(record));
}

#[tokio::test]
async fn the_webhook_id_follows_the_trigger_and_is_free_again_after_the_end() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let first = made(&fixture, draft("first", &["a"], Some("whk"))).await;
    assert_eq!(
        store.graph_behind_webhook("whk").unwrap(),
        Some((first.id.clone(), true))
    );
    assert_eq!(store.graph_behind_webhook("other").unwrap(), None);
    // The last guard: the engine says it in words before.
    let second = store.create_workflow(
        WorkflowId::generate(),
        draft("second", &["a"], Some("whk")),
        ChangedBy::local("t"),
        1,
    );
    assert!(second.await.is_err());
    edited(
        &fixture,
        &first,
        draft("first", &["a"], Some("other")),
        2_000,
    )
    .await;
    assert_eq!(store.graph_behind_webhook("whk").unwrap(), None);
    assert!(store.graph_behind_webhook("other").unwrap().is_some());
    let archived = store.set_workflow_status(
        first.id.clone(),
        WorkflowStatus::Archived,
        ChangedBy::local("test"),
        3_000,
    );
    archived.await.unwrap();
    assert_eq!(store.graph_behind_webhook("other").unwrap(), None);
    made(&fixture, draft("third", &["a"], Some("other"))).await;
}

#[tokio::test]
async fn outputs_are_kept_for_nodes_that_are_there_and_go_with_them() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let graph = made(&fixture, draft("graph", &["a", "b"], None)).await;
    let first = vec![
        output("a", json!(1), 10),
        output("b", json!({ "x": "y" }), 10),
        output("unsaved", json!(0), 10),
    ];
    store
        .record_execution(graph.sequence, first.clone(), 10)
        .await
        .unwrap();
    assert_eq!(
        store.node_outputs(graph.sequence).await.unwrap(),
        &first[..2]
    );
    // What is too large is not kept, and what was kept before is not shown in its place.
    let later = output("b", json!("x".repeat(MAX_KEPT_OUTPUT_BYTES)), 20);
    store
        .record_execution(graph.sequence, vec![later], 20)
        .await
        .unwrap();
    store
        .record_execution(graph.sequence, vec![], 15)
        .await
        .unwrap();
    assert_eq!(
        store.node_outputs(graph.sequence).await.unwrap(),
        &first[..1]
    );
    let record = store.graph_record(graph.sequence).unwrap().unwrap();
    assert_eq!(
        (record.execution_count, record.last_executed_at_ms),
        (3, Some(20))
    );
    let now = store.workflow(&graph.id).unwrap().unwrap();
    assert_eq!(
        now.updated_at_ms, graph.updated_at_ms,
        "an execution is no change"
    );

    edited(&fixture, &graph, draft("graph", &["b"], None), 30).await;
    assert_eq!(store.node_outputs(graph.sequence).await.unwrap(), []);
    store
        .purge_workflow(graph.id.clone(), ChangedBy::local("test"), 9_000)
        .await
        .unwrap();
    assert_eq!(
        (fixture.count("graph_record"), fixture.count("node_output")),
        (0, 0)
    );
}

#[tokio::test]
async fn the_outputs_of_a_workflow_are_bounded_together() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let names: Vec<String> = (0..20).map(|at| format!("n{at}")).collect();
    let ids: Vec<&str> = names.iter().map(String::as_str).collect();
    let graph = made(&fixture, draft("graph", &ids, None)).await;
    let large = json!("x".repeat(MAX_KEPT_OUTPUT_BYTES - 100));
    let all = ids.iter().map(|id| output(id, large.clone(), 10)).collect();
    let kept = async || -> Vec<String> {
        let kept = store.node_outputs(graph.sequence).await.unwrap();
        kept.into_iter().map(|output| output.node_id).collect()
    };
    store
        .record_execution(graph.sequence, all, 10)
        .await
        .unwrap();
    assert_eq!(kept().await.len(), MAX_KEPT_BYTES / MAX_KEPT_OUTPUT_BYTES);
    // What grows smaller makes room, and what finds none is not kept.
    let later = vec![
        output("n0", json!(1), 20),
        output("n18", large.clone(), 20),
        output("n19", large, 20),
    ];
    store
        .record_execution(graph.sequence, later, 20)
        .await
        .unwrap();
    let now = kept().await;
    assert_eq!((now.len(), now.contains(&"n18".to_owned())), (17, true));
    assert!(!now.contains(&"n19".to_owned()));
}

#[tokio::test]
async fn a_graph_is_edited_in_place_until_a_run_has_used_it() {
    let fixture = Fixture::new();
    let active = WorkflowDraft {
        status: Some(WorkflowStatus::Active),
        ..draft("graph", &["a"], None)
    };
    let graph = made(&fixture, active).await;
    let second = edited(&fixture, &graph, draft("graph", &["b"], None), 1_000).await;
    assert_eq!((second.version, second.status), (1, WorkflowStatus::Active));
    assert_eq!(
        second.updated_at_ms, 1_001,
        "later, although the clock stands"
    );
    let used = super::fixture::new_run(&second, 2_000);
    fixture.store.start_run(used).await.unwrap();
    let third = edited(&fixture, &second, draft("graph", &["c"], None), 500).await;
    assert_eq!((third.version, third.updated_at_ms), (2, 1_002));
}

#[tokio::test]
async fn the_list_has_the_newest_change_first_and_what_is_asked_for() {
    let fixture = Fixture::new();
    fixture.workflow("steps").await;
    let first = made(&fixture, draft("a: first", &["a"], Some("whk"))).await;
    let second = made(&fixture, draft("a: second", &["a"], None)).await;
    let third = made(&fixture, draft("third", &["a"], None)).await;
    edited(
        &fixture,
        &first,
        draft("a: first", &["b"], Some("whk")),
        2_000,
    )
    .await;
    let archived = fixture.store.set_workflow_status(
        third.id.clone(),
        WorkflowStatus::Archived,
        ChangedBy::local("test"),
        3_000,
    );
    archived.await.unwrap();
    let list = async |reach: Reach, limit| -> Vec<String> {
        let filter = GraphFilter {
            reach,
            ..GraphFilter::default()
        };
        let found = fixture.store.list_graphs(filter, limit).await.unwrap();
        found.into_iter().map(|one| one.name).collect()
    };
    assert_eq!(list(Reach::All, 10).await, ["a: first", "a: second"]);
    assert_eq!(list(Reach::All, 1).await, ["a: first"]);
    assert_eq!(list(Reach::Prefix("a: s".into()), 10).await, ["a: second"]);
    assert_eq!(list(Reach::Workflow(second.id), 10).await, ["a: second"]);
    assert_eq!(
        list(Reach::Workflow(third.id), 10).await,
        Vec::<String>::new()
    );
    let found = fixture
        .store
        .list_graphs(GraphFilter::default(), 1)
        .await
        .unwrap();
    assert_eq!(
        found[0].hook.as_ref().map(|hook| hook.id.as_str()),
        Some("whk")
    );
}
