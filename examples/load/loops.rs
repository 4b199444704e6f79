//! What an item costs in a long loop and in a short one: a loop that slows down as it goes on is found here.

use crate::client::Load;
use crate::servers::Server;
use crate::table::Table;
use crate::{Result, Size, workflows};
use std::path::Path;

pub(crate) fn measure(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let server = Server::flowlatch(&folder.join("loops"), &[workflows::LOOP])?;
    let [short, long] = [size.few_items, size.many_items].map(|items| over(&server, items));
    let (short, long) = (short?, long?);
    let (mut shorts, mut longs) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        shorts.push(short.measure(1, size.seconds)?.median_ms);
        longs.push(long.measure(1, size.seconds)?.median_ms);
    }
    let item_us = |mut rounds: Vec<f64>, items: usize| {
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2] * 1e3 / items as f64
    };
    let (short, long) = (
        item_us(shorts, size.few_items),
        item_us(longs, size.many_items),
    );
    table.row(
        &format!(
            "an item of a loop over {} beside one of a loop over {}, waited for, median",
            size.many_items, size.few_items
        ),
        &format!("{long:.1} / {short:.1} µs = {:.2}", long / short),
        "≤ 1.5",
    );
    Ok(())
}

/// Runs the loop over so many items and waits for its end.
fn over(server: &Server, items: usize) -> Result<Load> {
    let numbers: Vec<usize> = (0..items).collect();
    let input = serde_json::json!({ "items": numbers }).to_string();
    let load = Load::run(server, workflows::LOOP, &input);
    let answer = load.body()?;
    if answer.contains(&format!(r#""output":{{"count":{items}}}"#)) {
        Ok(load)
    } else {
        Err(format!("a loop over {items} items: {answer}").into())
    }
}
