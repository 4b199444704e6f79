//! Work that is done to its end, whoever waits for it: a caller's future is dropped when its connection breaks, and a change
//! that is on disk but not in memory would be the worst of both. May not know what is done. Promise: what was begun here is
//! finished, and what panics in it panics in who waits.

use std::panic::resume_unwind;

/// Does it in a task of the server's own.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    match tokio::spawn(work)
        .await
        .map_err(|error| error.try_into_panic())
    {
        Ok(done) => done,
        Err(Ok(panic)) => resume_unwind(panic),
        // Nobody ends the task but the runtime that ends itself, and this with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Notify;

    #[tokio::test]
    async fn it_is_done_also_when_nobody_waits_any_more() {
        let (begun, go_on, done) = (
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
        );
        let (tell_begun, wait, tell_done) = (begun.clone(), go_on.clone(), done.clone());
        let waiting = to_its_end(async move {
            tell_begun.notify_one();
            wait.notified().await;
            tell_done.notify_one();
        });
        tokio::select! {
            () = waiting => panic!("it waits for leave"),
            () = begun.notified() => {}
        }
        go_on.notify_one();
        done.notified().await;
    }

    #[tokio::test]
    async fn a_panic_reaches_who_waits() {
        let waiting = tokio::spawn(to_its_end(async { panic!("this") }));
        assert!(waiting.await.expect_err("a panic").is_panic());
    }
}
