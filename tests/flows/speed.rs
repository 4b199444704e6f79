//! Many predictions at once: all are answered, each with its own words; and fast, where the program is optimised.

use crate::bench::{Bench, Heard, asked, flow, reply, start};
use flowlatch::model::flow::FlowKind::Agentflow;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// Fifty times what Flowise does on such a machine.
const WANTED_A_SECOND: f64 = 4_350.0;
const CALLERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn predictions_side_by_side_are_answered_each_with_its_own_words() {
    let each = if cfg!(debug_assertions) { 10 } else { 500 };
    let bench = Arc::new(Bench::start().await);
    let nodes = vec![start(), reply("r", "<p>You said {{question}}</p>")];
    let id = bench.save(Agentflow, &flow(nodes, &["start>r"])).await;
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (bench, id) = (bench.clone(), id.clone());
        callers.spawn(async move {
            for number in 0..each {
                let question = format!("{caller}/{number}");
                let prediction = bench
                    .predict(&id, asked(&question))
                    .await
                    .expect("it starts");
                let heard = Heard::all_of(prediction).await;
                assert_eq!(heard.text(), format!("You said {question}"));
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.expect("a caller is answered");
    }
    let a_second = (CALLERS * each) as f64 / began.elapsed().as_secs_f64();
    if !cfg!(debug_assertions) {
        assert!(
            a_second >= WANTED_A_SECOND,
            "{a_second:.0} predictions a second"
        );
    }
}
