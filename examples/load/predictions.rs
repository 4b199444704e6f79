//! Predictions: questions to a flow that answers by itself, each waited for and on disk, beside what Flowise does.

use crate::client::{Load, Measured, with_body};
use crate::servers::Server;
use crate::table::Table;
use crate::{CONNECTIONS, Result, Size, workflows};
use std::path::Path;

/// What Flowise 3.1 answers a second on such a machine, without a model.
const FLOWISE_PER_SECOND: f64 = 87.0;

pub(crate) fn measure(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let server = Server::flowlatch(&folder.join("predictions"), &[workflows::FLOW])?;
    let id = server.workflow(workflows::FLOW);
    let head = server.bearer_head(&format!("POST /flowise/api/v1/prediction/{id}"));
    let ask = Load::each(&server, move |number| {
        with_body(
            &head,
            &format!(r#"{{"question":"Who is number {number}?"}}"#),
        )
    });
    let answer = ask.body()?;
    if !answer.contains("You said Who is number 0?") {
        return Err(format!("a prediction that says something else: {answer}").into());
    }
    let mut answered = Vec::new();
    for _ in 0..size.rounds {
        answered.push(ask.measure(CONNECTIONS, size.seconds)?);
    }
    let answered = Measured::median(&answered);
    table.row(
        "predictions of a flow that replies, a second, beside the 87 that Flowise does",
        &format!(
            "{:.0} = {:.0} times",
            answered.per_second,
            answered.per_second / FLOWISE_PER_SECOND
        ),
        "≥ 50 times",
    );
    Ok(())
}
