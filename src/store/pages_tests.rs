//! Pages of runs and workflows: every row that the filter means, once, newest first.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::fixture::{Fixture, chunk};
use crate::id::{RunId, WorkflowId};
use crate::model::audit::ChangedBy;
use crate::model::page::{Cursor, PageRequest};
use crate::model::run::{RunFilter, RunStatus};
use crate::model::workflow::{
    Reach, Workflow, WorkflowFilter,
    WorkflowStatus::{self, Active, Archived, Draft},
};
use serde_json::json;
use std::collections::BTreeSet;

/// The names on all pages of this size.
async fn names(fixture: &Fixture, filter: &WorkflowFilter, limit: u32) -> Vec<String> {
    let mut names = Vec::new();
    let mut page = PageRequest { limit, after: None };
    loop {
        let found = fixture
            .store
            .list_workflows(filter.clone(), page.clone())
            .await
            .unwrap();
        assert!(found.items.len() <= limit as usize);
        for workflow in found.items {
            assert_eq!(workflow.trigger, json!({ "type": "api" }));
            names.push(workflow.name);
        }
        page.after = found.next;
        if page.after.is_none() {
            return names;
        }
    }
}

#[tokio::test]
async fn pages_of_workflows_hold_what_the_filter_means() {
    let fixture = Fixture::new();
    let mut ids: Vec<WorkflowId> = Vec::new();
    for name in ["Äpfel", "team-a", "team-b", "teams", "100%_x", "tea", "old"] {
        ids.push(fixture.workflow(name).await.id);
    }
    for (index, status) in [(6, Archived), (1, Active)] {
        fixture
            .store
            .set_workflow_status(ids[index].clone(), status, ChangedBy::local("test"), 2_000)
            .await
            .unwrap();
    }
    let one = |index: usize| Reach::Workflow(ids[index].clone());
    let prefix = |text: &str| Reach::Prefix(text.into());
    let drafts = ["tea", "100%_x", "teams", "team-b", "Äpfel"];
    let unarchived = ["tea", "100%_x", "teams", "team-b", "team-a", "Äpfel"];
    type Case<'a> = (
        Option<WorkflowStatus>,
        Option<&'a str>,
        Reach,
        &'a [&'a str],
    );
    let cases: Vec<Case<'_>> = vec![
        (None, None, Reach::All, &unarchived),
        (Some(Archived), None, Reach::All, &["old"]),
        (Some(Draft), None, Reach::All, &drafts),
        (
            None,
            Some("TEAM"),
            Reach::All,
            &["teams", "team-b", "team-a"],
        ),
        (None, Some("äPF"), Reach::All, &["Äpfel"]),
        (None, Some("%"), Reach::All, &["100%_x"]),
        (None, Some("_"), Reach::All, &["100%_x"]),
        (None, None, prefix("team-"), &["team-b", "team-a"]),
        (Some(Active), None, prefix("team-"), &["team-a"]),
        (None, None, prefix("%"), &[]),
        (None, None, prefix(""), &unarchived),
        (None, None, one(2), &["team-b"]),
        (None, None, one(6), &[]),
        (Some(Archived), None, one(6), &["old"]),
        (None, Some("x"), one(2), &[]),
    ];
    for (status, search, reach, expected) in cases {
        let filter = WorkflowFilter {
            status,
            search: search.map(Into::into),
            reach,
            max_looked_at: None,
        };
        for (limit, max_looked_at) in [(1, None), (2, None), (50, None), (2, Some(1)), (2, Some(3))]
        {
            let filter = WorkflowFilter {
                max_looked_at,
                ..filter.clone()
            };
            assert_eq!(
                names(&fixture, &filter, limit).await,
                expected,
                "{filter:?} by {limit}"
            );
        }
    }
}

#[tokio::test]
async fn a_page_of_a_bounded_search_looks_at_so_many_workflows_and_goes_on() {
    let fixture = Fixture::new();
    for name in ["wanted", "other", "other", "other", "wanted too", "other"] {
        fixture.workflow(name).await;
    }
    let filter = WorkflowFilter {
        search: Some("wanted".to_owned()),
        max_looked_at: Some(3),
        ..WorkflowFilter::default()
    };
    let mut after = None;
    for (expected, goes_on) in [(&["wanted too"][..], true), (&["wanted"], false)] {
        let page = PageRequest { limit: 50, after };
        let found = fixture.store.list_workflows(filter.clone(), page).await;
        let found = found.unwrap();
        let names: Vec<&str> = found.items.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, expected);
        assert_eq!(found.next.is_some(), goes_on);
        after = found.next;
    }
}

/// The ids on all pages of four.
async fn runs(fixture: &Fixture, filter: &RunFilter) -> Vec<RunId> {
    let mut ids = Vec::new();
    let mut page = PageRequest {
        limit: 4,
        after: None,
    };
    loop {
        let found = fixture
            .store
            .list_runs(filter.clone(), page.clone())
            .await
            .unwrap();
        assert!(found.items.len() <= 4);
        ids.extend(found.items.into_iter().map(|run| run.id));
        page.after = found.next;
        if page.after.is_none() {
            return ids;
        }
    }
}

/// Sixty runs of these workflows in every status, newest first.
async fn sixty<'a>(
    fixture: &Fixture,
    workflows: &'a [Workflow],
) -> Vec<(RunId, &'a Workflow, RunStatus)> {
    let mut rows = Vec::new();
    for index in 0..60 {
        let (workflow, status) = (
            &workflows[index % workflows.len()],
            RunStatus::ALL[index % 5],
        );
        let (sequence, id) = fixture.run(workflow, 2_000).await;
        if status != RunStatus::Pending {
            fixture
                .store
                .append(sequence, chunk(0, 1, status))
                .await
                .unwrap();
        }
        rows.insert(0, (id, workflow, status));
    }
    rows
}

#[tokio::test]
async fn pages_of_runs_hold_what_the_filter_means() {
    let fixture = Fixture::new();
    let mut workflows = Vec::new();
    for name in ["a-1", "a-2", "b"] {
        workflows.push(fixture.workflow(name).await);
    }
    let rows = sixty(&fixture, &workflows).await;
    let id = |index: usize| workflows[index].id.clone();
    let reaches = [
        Reach::All,
        Reach::Workflow(id(1)),
        Reach::Prefix("a-".into()),
        Reach::Prefix("x".into()),
    ];
    for reach in reaches {
        for workflow_id in [None, Some(id(0)), Some(id(2))] {
            for status in std::iter::once(None).chain(RunStatus::ALL.map(Some)) {
                let filter = RunFilter {
                    workflow_id: workflow_id.clone(),
                    status,
                    reach: reach.clone(),
                };
                let meant = |workflow: &Workflow, is: RunStatus| {
                    reach.covers(&workflow.id, &workflow.name)
                        && workflow_id.as_ref().is_none_or(|id| *id == workflow.id)
                        && status.is_none_or(|status| status == is)
                };
                let expected: Vec<RunId> = rows
                    .iter()
                    .filter(|(_, workflow, is)| meant(workflow, *is))
                    .map(|(id, ..)| id.clone())
                    .collect();
                assert_eq!(runs(&fixture, &filter).await, expected, "{filter:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_run_comes_twice_or_is_missed_while_runs_are_added() {
    let fixture = Fixture::new();
    let workflows = [fixture.workflow("w").await];
    let rows = sixty(&fixture, &workflows).await;
    let mut seen = BTreeSet::new();
    let mut page = PageRequest {
        limit: 7,
        after: None,
    };
    loop {
        let found = fixture
            .store
            .list_runs(RunFilter::default(), page.clone())
            .await
            .unwrap();
        for run in found.items {
            assert!(seen.insert(run.id), "a run came twice");
        }
        fixture.run(&workflows[0], 2_000).await;
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    assert!(rows.iter().all(|(id, ..)| seen.contains(id)));
}

#[tokio::test]
async fn a_cursor_whose_run_is_gone_goes_on_with_what_is_older() {
    let fixture = Fixture::new();
    let workflow = fixture.workflow("w").await;
    for created_at_ms in [100, 200, 300] {
        fixture.run(&workflow, created_at_ms).await;
    }
    // Of the runs of one millisecond, those with smaller ids are older.
    let (smallest, largest) = ("run_0", "run_z");
    for (ts, id, expected) in [
        (100, smallest, vec![]),
        (100, largest, vec![100]),
        (250, smallest, vec![200, 100]),
        (300, smallest, vec![200, 100]),
        (300, largest, vec![300, 200, 100]),
        (999, smallest, vec![300, 200, 100]),
    ] {
        let after = Some(Cursor { ts, id: id.into() });
        let page = PageRequest { limit: 10, after };
        let found = fixture
            .store
            .list_runs(RunFilter::default(), page)
            .await
            .unwrap();
        let times: Vec<i64> = found.items.iter().map(|run| run.created_at_ms).collect();
        assert_eq!(times, expected, "{ts} {id}");
    }
}
