//! The editor: a workflow as JSON, for a new one and for an edit. May not know what a definition means. Promises: a text that
//! was not saved comes back as it was written, also one that is too long, each mistake with its line; what somebody else has saved meanwhile is not
//! overwritten.

use super::super::form::Form;
use super::super::frame::Frame;
use super::super::{go_to, page};
use super::PART;
use super::definition_text::{definition_text, without_absent};
use super::line::line_of;
use crate::http::body::read_query;
use crate::http::fields::Fields;
use crate::http::native::{
    create_workflow, edit_workflow, message, status_and_code, tag, template_files, template_text,
};
use crate::http::problem::Problem;
use crate::http::reach::reachable;
use crate::http::visit::Ctx;
use crate::model::json::{MAX_DEPTH, depth};
use crate::model::plan::DefinitionProblem;
use crate::model::workflow::WorkflowStatus;
use askama::Template;
use serde::Deserialize;
use serde_json::Value;
use warp::http::StatusCode;
use warp::reply::Response;

/// So many lines are shown before and after a mistake's.
const LINES_AROUND: usize = 1;
/// So many characters of a line are shown.
const MAX_LINE_CHARS: usize = 160;
/// What a new workflow begins with.
const BEGINNING: &str = r#"{
  "name": "My workflow",
  "trigger": { "type": "api" },
  "steps": []
}
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewQuery {
    #[serde(default)]
    template: String,
}

#[derive(Template)]
#[template(
    path = "workflows/editor.html",
    config = "src/http/dashboard/askama.toml"
)]
struct EditorPage {
    frame: Frame,
    /// The workflow's id; empty for a new one.
    id: String,
    /// What is edited, in words.
    title: String,
    text: String,
    rows: usize,
    /// The state of the workflow that the text was made of.
    tag: String,
    templates: Vec<(&'static str, &'static str)>,
    /// Why the text was not saved.
    refusal: Option<String>,
    mistakes: Vec<Mistake>,
}

/// What is wrong, and the lines around it.
struct Mistake {
    place: String,
    message: String,
    line: usize,
    lines: Vec<NumberedLine>,
}

struct NumberedLine {
    number: usize,
    text: String,
    is_meant: bool,
}

/// A text that was sent.
struct Sent {
    text: String,
    tag: String,
}

pub(super) async fn new(ctx: Ctx) -> Result<Response, Problem> {
    let NewQuery { template } = read_query(&ctx.visit)?;
    let text = match template.as_str() {
        "" => BEGINNING,
        slug => template_text(slug).ok_or(Problem::NotFound("template"))?,
    };
    page(StatusCode::OK, &new_page(&ctx, text.to_owned()))
}

pub(super) async fn edit(ctx: Ctx) -> Result<Response, Problem> {
    let compiled = reachable(&ctx)?;
    let workflow = &compiled.workflow;
    if workflow.status == WorkflowStatus::Archived {
        return Err(Problem::Conflict(
            "The workflow is archived: it can be read only.".to_owned(),
        ));
    }
    let description = workflow.description.as_deref();
    let text = definition_text(&workflow.name, description, &workflow.definition);
    let editor = edit_page(
        &ctx,
        workflow.id.as_str(),
        &workflow.name,
        text,
        tag(workflow),
    );
    page(StatusCode::OK, &editor)
}

pub(super) async fn create(ctx: Ctx) -> Result<Response, Problem> {
    let sent = sent(&ctx).await?;
    let saved = match fields(&sent.text) {
        Ok(fields) => create_workflow(&ctx, fields).await,
        Err(problem) => Err(problem),
    };
    match saved {
        Ok(compiled) => Ok(go_to(
            &ctx.visit,
            &format!("workflows/{}", compiled.workflow.id),
        )),
        Err(problem) => refused(&ctx, problem, new_page(&ctx, sent.text)),
    }
}

pub(super) async fn save(ctx: Ctx) -> Result<Response, Problem> {
    let compiled = reachable(&ctx)?;
    let workflow = &compiled.workflow;
    let sent = sent(&ctx).await?;
    let saved = match fields(&sent.text) {
        Ok(Fields(fields)) => {
            let fields = Fields(without_absent(fields, &workflow.definition));
            edit_workflow(&ctx, &workflow.id, fields, Some(&sent.tag)).await
        }
        Err(problem) => Err(problem),
    };
    match saved {
        Ok(_) => Ok(go_to(&ctx.visit, &format!("workflows/{}", workflow.id))),
        Err(problem) => {
            let (id, name) = (workflow.id.as_str(), workflow.name.as_str());
            let is_stale = matches!(problem, Problem::Conflict(_)) && sent.tag != tag(workflow);
            let problem = if is_stale { stale() } else { problem };
            refused(
                &ctx,
                problem,
                edit_page(&ctx, id, name, sent.text, sent.tag),
            )
        }
    }
}

fn stale() -> Problem {
    Problem::Conflict(
        "Somebody has changed the workflow since this text was opened. Nothing was saved. Open the editor anew in another \
         tab, and take over what you have changed."
            .to_owned(),
    )
}

async fn sent(ctx: &Ctx) -> Result<Sent, Problem> {
    let max_bytes = ctx.api().engine.workflows().max_definition_bytes();
    let form = Form::read_with_text(ctx, max_bytes).await?;
    // Browsers send lines with both their ends.
    let text = form.all("definition").next().unwrap_or_default();
    Ok(Sent {
        text: text.replace("\r\n", "\n"),
        tag: form.text("tag").unwrap_or_default().to_owned(),
    })
}

/// The fields of a text, as a body of the API has them.
fn fields(text: &str) -> Result<Fields, Problem> {
    let invalid = |place: String, message: String| {
        let problem = DefinitionProblem { place, message };
        Problem::Invalid("The text is not a JSON object.".to_owned(), vec![problem])
    };
    if depth(text) > MAX_DEPTH {
        let message = format!("it is nested more than {MAX_DEPTH} levels deep");
        return Err(invalid(String::new(), message));
    }
    serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        invalid(place, error.to_string())
    })
}

fn new_page(ctx: &Ctx, text: String) -> EditorPage {
    EditorPage {
        templates: template_files().collect(),
        ..edit_page(ctx, "", "New workflow", text, String::new())
    }
}

fn edit_page(ctx: &Ctx, id: &str, title: &str, text: String, tag: String) -> EditorPage {
    EditorPage {
        frame: Frame::of(&ctx.visit, PART),
        id: id.to_owned(),
        title: title.to_owned(),
        rows: text.lines().count().clamp(16, 40),
        text,
        tag,
        templates: Vec::new(),
        refusal: None,
        mistakes: Vec::new(),
    }
}

/// The editor again, with what kept the text from being saved.
fn refused(ctx: &Ctx, problem: Problem, editor: EditorPage) -> Result<Response, Problem> {
    let (status, _) = status_and_code(&problem);
    let refusal = Some(message(&problem, &ctx.visit));
    let details = match problem {
        Problem::Invalid(_, details) => details,
        Problem::NotSignedIn => return Err(Problem::NotSignedIn),
        _ => Vec::new(),
    };
    let editor = EditorPage {
        refusal,
        mistakes: mistakes(&editor.text, details),
        ..editor
    };
    page(status, &editor)
}

/// The mistakes in the order of the text.
fn mistakes(text: &str, details: Vec<DefinitionProblem>) -> Vec<Mistake> {
    let lines: Vec<&str> = text.lines().collect();
    let is_json = serde_json::from_str::<Value>(text).is_ok();
    let mistake = |DefinitionProblem { place, message }: DefinitionProblem| {
        let line = if is_json {
            line_of(text, &place)
        } else {
            line_told(&place)
        };
        let from = line.saturating_sub(LINES_AROUND).max(1);
        let numbers = from..=(line + LINES_AROUND).min(lines.len());
        let numbered = numbers.map(|number| NumberedLine {
            number,
            text: beginning(lines.get(number - 1).copied().unwrap_or_default()),
            is_meant: number == line,
        });
        Mistake {
            lines: numbered.collect(),
            place,
            message,
            line,
        }
    };
    let mut mistakes: Vec<Mistake> = details.into_iter().map(mistake).collect();
    mistakes.sort_by_key(|mistake| mistake.line);
    mistakes
}

/// The line in `line 3, column 7`.
fn line_told(place: &str) -> usize {
    let number = place
        .strip_prefix("line ")
        .and_then(|rest| rest.split(',').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(1)
}

fn beginning(line: &str) -> String {
    line.chars().take(MAX_LINE_CHARS).collect()
}
