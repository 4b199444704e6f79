//! A server that is killed at every commit around an alert: from noticing it to the commit that says that it was told. It is told
//! at least once, always with the same id, and stands in the audit log once.

use crate::examine::Scene;
use crate::server::{Server, Stop};
use flowlatch::store::CommitPoint::{AfterCommit, BeforeCommit};
use serde_json::{Value, json};
use std::path::Path;

const MONDAY_MS: i64 = 1_705_312_800_000;
const AUDIT: &str = "/api/v1/audit?action=alert.key_expiring";
const HOOK: &str = "/alerts";

/// Whether the file has an alert that is still to be told.
fn is_untold(data: &Path) -> bool {
    let file = rusqlite::Connection::open(data.join("flowlatch.db")).expect("it opens");
    let untold = "SELECT EXISTS (SELECT 1 FROM alert WHERE next_try_ms IS NOT NULL)";
    file.query_row(untold, [], |row| row.get(0))
        .expect("a number")
}

/// Moves the clock until the receiver was called so often; gives the ids that it was told.
async fn until_told(scene: &Scene, server: &mut Server, times: usize) -> Vec<String> {
    for _ in 0..400 {
        let calls = scene.upstream.calls(HOOK);
        if calls.len() >= times {
            return calls.iter().map(|call| call.key().to_owned()).collect();
        }
        server.advance(5_000);
        // Answered when what was counted is on the disk: no faster than that.
        server.client.get("/api/v1/usage").await;
    }
    panic!("{} calls", scene.upstream.calls(HOOK).len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_told_at_least_once_wherever_its_server_is_killed() {
    let (mut untold, mut unsaid) = (0, 0);
    for commit in 1..=6 {
        for point in [BeforeCommit, AfterCommit] {
            let what = format!("{point:?} {commit}");
            let mut scene = Scene::new().await;
            scene.setting.clock_ms = Some(MONDAY_MS);
            let url = scene.upstream.url("").replace("http://", "");
            scene.setting.alerts = Some(url.parse().expect("an address"));
            let mut server = scene.server().await;
            let key =
                json!({ "name": "ending", "scopes": ["runs:read"], "expiresInSeconds": 86_400 });
            let made = server.client.post("/api/v1/auth/api-keys", key).await;
            assert_eq!(made.status, 201, "{what}: {}", made.text);
            server.stop_at(Stop { point, commit }).await;
            if !server.advance_until_stopped(5_000).await {
                continue;
            }
            let told = scene.upstream.calls(HOOK).len();
            server.kill();
            let is_due = is_untold(scene.folder.path());
            untold += usize::from(is_due && told == 0);
            unsaid += usize::from(is_due && told == 1);

            let mut server = scene.restarted().await;
            let times = told + usize::from(is_due || told == 0);
            let ids = until_told(&scene, &mut server, times).await;
            assert!(ids.iter().all(|id| *id == ids[0]), "{what}: {ids:?}");
            let rows = server.client.get(AUDIT).await.data();
            let rows = rows.as_array().expect("rows");
            assert_eq!(rows.len(), 1, "{what}");
            assert_eq!(rows[0]["detail"]["alert"], Value::from(ids[0].as_str()));
            server.kill();
        }
    }
    assert!(untold > 0, "killed between noticing and telling");
    assert!(unsaid > 0, "killed between telling and saying so");
}
