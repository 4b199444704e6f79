//! A long history that is pruned to a short one: how long that takes, and how large the file is then, with the server open.

use crate::servers::{self, Server};
use crate::table::Table;
use crate::{Result, Size, workflows};
use flowlatch::app::{App, Options};
use flowlatch::config::Config;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the file may take to shrink after the answer.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

pub(crate) fn measure(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let (runs, kept) = (size.many_runs, size.few_runs);
    let data = folder.join("pruned");
    drop(Server::flowlatch(&data, &[workflows::THREE_STEPS])?);
    servers::run_to_end(&["seed", &data.to_string_lossy(), &runs.to_string()])?;
    let (file, wal) = (data.join("flowlatch.db"), data.join("flowlatch.db-wal"));
    let before = std::fs::metadata(&file)?.len();
    let mut config = Config::new(&data);
    config.retention_days = 0;
    config.retention_runs = kept as u64;
    let (is_over, longest) = (AtomicBool::new(false), AtomicU64::new(0));
    let runtime = tokio::runtime::Runtime::new()?;
    let (prune_s, shrink_s, size, used) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let length = std::fs::metadata(&wal).map_or(0, |wal| wal.len());
                longest.fetch_max(length, Ordering::Relaxed);
                std::thread::sleep(BETWEEN_LOOKS);
            }
        });
        let measured = runtime.block_on(async {
            let app = App::open(config, Options::default()).await?;
            let begun = Instant::now();
            let (_, answer) = app.control("POST", "/api/v1/retention/prune", None).await?;
            let prune_s = begun.elapsed().as_secs_f64();
            let used = answer["data"]["database"]["usedBytes"]
                .as_u64()
                .ok_or("no size")?;
            let mut size = std::fs::metadata(&file)?.len();
            while size > used + used / 5 && begun.elapsed() < PATIENCE {
                tokio::time::sleep(BETWEEN_LOOKS).await;
                size = std::fs::metadata(&file)?.len();
            }
            let shrink_s = begun.elapsed().as_secs_f64();
            app.close().await;
            Ok::<_, Box<dyn std::error::Error>>((prune_s, shrink_s, size, used))
        });
        is_over.store(true, Ordering::Relaxed);
        measured
    })?;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    table.row(
        &format!("{runs} runs pruned to {kept}"),
        &format!("{prune_s:.1} s"),
        "",
    );
    table.row(
        "until the file has shrunk",
        &format!("{shrink_s:.1} s"),
        "≤ 60 s",
    );
    table.row(
        "the file before, after, and what is in use",
        &format!(
            "{:.1}, {:.1}, {:.1} MB = {:.2}",
            mb(before),
            mb(size),
            mb(used),
            size as f64 / used as f64
        ),
        "≤ 1.2",
    );
    table.row(
        "the longest log of writes",
        &format!("{:.1} MB", mb(longest.load(Ordering::Relaxed))),
        "≤ 64 MB",
    );
    Ok(())
}
