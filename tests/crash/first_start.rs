//! A first start, killed before and after each of its commits: afterwards there is all of it or nothing.

use crate::server::{Server, Setting, Stop, killed_while_starting};
use flowlatch::model::page::PageRequest;
use flowlatch::model::workflow::WorkflowFilter;
use flowlatch::store::CommitPoint::{AfterCommit, BeforeCommit};
use flowlatch::store::{Store, StoreOptions};
use std::path::Path;

/// How many keys and workflows there are, and whether the first start is said to be over.
async fn found(data: &Path) -> (usize, usize, bool) {
    let options = StoreOptions {
        readers: 2,
        commit_hook: None,
    };
    let store = Store::open(&data.join("flowlatch.db"), options).expect("it opens");
    let keys = store.all_keys().expect("they are read").len();
    let page = store.list_workflows(WorkflowFilter::default(), PageRequest::default());
    let workflows = page.await.expect("they are read").items.len();
    let is_marked = store.meta("first_start_at").expect("it is read").is_some();
    store.close().await;
    (keys, workflows, is_marked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_is_whole_or_nothing() {
    let mut makers = 0;
    for commit in 1.. {
        let mut stopped = false;
        let mut counts = Vec::new();
        for point in [BeforeCommit, AfterCommit] {
            let folder = tempfile::tempdir().expect("a folder");
            let data = folder.path().join("data");
            stopped = killed_while_starting(&data, Stop { point, commit }).await;
            let (keys, workflows, is_marked) = found(&data).await;
            assert_eq!(
                (workflows, is_marked),
                (keys, keys == 1),
                "{point:?} {commit}"
            );
            assert!(keys <= 1);
            counts.push(keys);
            let mut key = String::new();
            let server = Server::start(&data, &mut key, Setting::default()).await;
            // Who has not seen the key is given none twice: there is one, or there is one now.
            assert_eq!(key.is_empty(), keys == 1, "{point:?} {commit}");
            if !key.is_empty() {
                let listed = server.client.get("/api/v1/workflows").await.data();
                assert_eq!(listed[0]["status"], "active");
                assert_eq!(listed.as_array().map(Vec::len), Some(1));
            }
            server.kill();
            assert_eq!(found(&data).await, (1, 1, true), "{point:?} {commit}");
        }
        // What is written behind the start's back may come before the start is over; it makes nothing of this.
        makers += usize::from(stopped && counts == [0, 1]);
        if !stopped {
            break;
        }
    }
    assert_eq!(makers, 1, "all of it is made by one commit");
}
