//! Many predictions at once: all are answered, each with its own words.

use crate::bench::{Bench, Heard, asked, flow, reply, start};
use flowlatch::model::flow::FlowKind::Agentflow;
use std::sync::Arc;
use tokio::task::JoinSet;

const CALLERS: usize = 64;
const EACH: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn predictions_side_by_side_are_answered_each_with_its_own_words() {
    let bench = Arc::new(Bench::start().await);
    let nodes = vec![start(), reply("r", "<p>You said {{question}}</p>")];
    let id = bench.save(Agentflow, &flow(nodes, &["start>r"])).await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (bench, id) = (bench.clone(), id.clone());
        callers.spawn(async move {
            for number in 0..EACH {
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
}
