//! An upload, killed between the name of its bytes and its row, and behind the row: afterwards there is all of it or nothing.

use crate::examine::Scene;
use crate::server::Stop;
use flowlatch::store::CommitPoint;
use reqwest::Method;
use serde_json::{Value, json};

const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nkept\r\n--b--\r\n";
const MEDIA: &str = "/wireflow/api/v1/media";

fn lying(scene: &Scene) -> Vec<String> {
    let entries = std::fs::read_dir(scene.folder.path().join("media")).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .map(|name| name.into_string().expect("UTF-8"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_whole_or_nothing() {
    for (point, is_kept) in [
        (CommitPoint::BeforeCommit, false),
        (CommitPoint::AfterCommit, true),
    ] {
        let mut scene = Scene::new().await;
        let mut server = scene.server().await;
        let client = server.client.bearer();
        // Whatever else the first use of a key writes is written.
        assert_eq!(client.get(MEDIA).await.json(), json!([]));
        server.stop_at(Stop { point, commit: 1 }).await;
        let uploading = client
            .request(Method::POST, &format!("{MEDIA}/upload"))
            .header("content-type", "multipart/form-data; boundary=b")
            .body(FORM);
        let uploading = tokio::spawn(uploading.send());
        server.stopped().await;
        let at_the_crash = lying(&scene);
        assert_eq!(at_the_crash.len(), 1, "{at_the_crash:?}");
        assert!(!at_the_crash[0].ends_with(".part"), "{at_the_crash:?}");
        server.kill();
        drop(uploading.await.expect("no panic"));

        let server = scene.restarted().await;
        let client = server.client.bearer();
        let listed = client.get(MEDIA).await.json();
        let ids: Vec<&Value> = listed
            .as_array()
            .expect("an array")
            .iter()
            .map(|file| &file["id"])
            .collect();
        let expected: Vec<String> = at_the_crash.into_iter().filter(|_| is_kept).collect();
        assert_eq!(ids, expected.iter().collect::<Vec<_>>(), "{point:?}");
        assert_eq!(lying(&scene), expected, "{point:?}");
        for file in listed.as_array().expect("an array") {
            let path = file["url"].as_str().expect("a URL").splitn(4, '/').nth(3);
            let path = format!("/{}", path.expect("a path"));
            let fetched = client
                .request(Method::GET, &path)
                .send()
                .await
                .expect("an answer");
            assert_eq!(fetched.text().await.expect("a body"), "kept");
        }
        server.kill();
    }
}
