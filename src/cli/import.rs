//! `flowlatch import flowise`: what a Flowise database holds comes into the data folder, and a report of it.
//! May not know how either is read or written. Promise: no text of a key is ever shown.

use super::Failure;
use super::args::ImportFlowise;
use super::output::Output;
use crate::app::{FlowiseImport, Options, import_flowise};
use crate::config::Config;
use crate::error::Result;
use crate::model::flowise_import::{ImportReport, Note, Thing};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

/// How many permissions are named that mean nothing here.
const MAX_WORDS: usize = 60;

pub(super) async fn run(
    config: &Config,
    asked: ImportFlowise,
    output: &Output,
) -> std::result::Result<(), Failure> {
    // Draws on stderr, and only when that is a terminal.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} rows {eta}") {
        bar.set_style(style);
    }
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let import = FlowiseImport {
        database: &asked.database,
        is_dry_run: asked.dry_run,
    };
    let done = import_flowise(config, Options::default(), import, &mut progress).await;
    bar.finish_and_clear();
    let report = done?;
    if output.json {
        output.json(&as_json(&report, asked.dry_run))?;
    } else {
        tell(&report, asked.dry_run, output)?;
    }
    Ok(())
}

fn as_json(report: &ImportReport, is_dry_run: bool) -> Value {
    let mut told = json!({
        "dryRun": is_dry_run,
        "notes": report.notes,
        "moreNotes": report.more_notes,
        "droppedPermissions": report.dropped_permissions,
        "closedFlows": report.closed_flows,
        "newFolder": report.is_new_folder,
        "leftBehind": report.left_behind.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
    });
    for thing in Thing::ALL {
        told[thing.as_str()] = json!(report.tally(thing));
    }
    told
}

fn tell(report: &ImportReport, is_dry_run: bool, output: &Output) -> Result<()> {
    let rows: Vec<Vec<String>> = Thing::ALL
        .into_iter()
        .map(|thing| {
            let tally = report.tally(thing);
            let counts = [tally.brought, tally.unchanged, tally.kept, tally.skipped];
            let counts = counts.iter().map(u64::to_string);
            std::iter::once(thing.as_str().to_owned())
                .chain(counts)
                .collect()
        })
        .collect();
    output.table(&["", "BROUGHT", "UNCHANGED", "KEPT", "SKIPPED"], &rows)?;
    for note in &report.notes {
        output.line(&[&in_words(note)])?;
    }
    if report.more_notes > 0 {
        output.line(&[&format!("and {} more of such notes", report.more_notes)])?;
    }
    for sentence in sentences(report) {
        output.line(&[&sentence])?;
    }
    let end = match (is_dry_run, is_unchanged(report)) {
        (true, _) => "nothing was written: this was a dry run",
        (false, true) => "unchanged: there was nothing new",
        (false, false) => "done",
    };
    output.line(&[end])
}

/// `flows skipped: Support bot (0190…): why`.
fn in_words(note: &Note) -> String {
    let what = match (note.name.as_str(), note.id.as_str()) {
        ("", id) => id.to_owned(),
        (name, "") => name.to_owned(),
        (name, id) => format!("{name} ({id})"),
    };
    let (thing, outcome) = (note.thing.as_str(), note.outcome.as_str());
    format!("{thing} {outcome}: {what}: {}", note.reason)
}

/// What holds of several things together.
fn sentences(report: &ImportReport) -> Vec<String> {
    let mut told = Vec::new();
    let keys = report.tally(Thing::Keys).brought;
    if keys > 0 {
        told.push(
            "every key that was brought may ask flows too (`predictions:create`), as any key of Flowise's may".to_owned(),
        );
    }
    if !report.dropped_permissions.is_empty() {
        let words = report.dropped_permissions.keys().take(MAX_WORDS);
        let words: Vec<&str> = words.map(String::as_str).collect();
        told.push(format!(
            "permissions that mean nothing here were left out: {}",
            words.join(" ")
        ));
    }
    if report.closed_flows > 0 {
        told.push(format!(
            "flows that Flowise lets everybody ask: {}; here they want a key, unless they are marked public or \
             `flowise_open_predictions` is set",
            report.closed_flows
        ));
    }
    if keys > 0 && report.is_new_folder {
        told.push(
            "the first start makes no admin key where there are keys: `flowlatch keys create` makes one".to_owned(),
        );
    }
    if !report.left_behind.is_empty() {
        let left = report.left_behind.iter();
        let left: Vec<String> = left
            .map(|(words, count)| format!("{count} {words}"))
            .collect();
        told.push(format!("not imported: {}", left.join(", ")));
    }
    told
}

/// Whether everything that could be brought was here already.
fn is_unchanged(report: &ImportReport) -> bool {
    Thing::ALL
        .into_iter()
        .all(|thing| report.tally(thing).brought == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flowise_import::Outcome;

    #[test]
    fn a_note_names_what_it_is_about() {
        let note = |id: &str, name: &str| {
            in_words(&Note {
                thing: Thing::Flows,
                outcome: Outcome::Skipped,
                id: id.into(),
                name: name.into(),
                reason: "why".into(),
            })
        };
        assert_eq!(note("f1", "Bot"), "flows skipped: Bot (f1): why");
        assert_eq!(note("3 rows", ""), "flows skipped: 3 rows: why");
    }
}
