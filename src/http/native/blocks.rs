//! `/blocks`: the step types and triggers that definitions may have, as editors list them. Made from the registry itself.

use super::{Answer, ok};
use crate::engine::step::form::{self, FieldKind, Form, FormField};
use crate::engine::step::rules;
use crate::http::body::query;
use crate::http::describe::{Word, about};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warp::Filter as _;
use warp::http::Method;

const LIST: &str = "/api/v1/blocks";

pub(super) fn endpoints() -> Vec<Endpoint> {
    const ONE: &str = "/api/v1/blocks/:type";
    let read = Access::Needs(Permission::WorkflowsRead, Category::Read);
    vec![
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        })
        .described(
            about("Catalogue", "List blocks")
                .says("Every step type and trigger that a definition may have.")
                .query::<ListQuery>()
                .gives::<Vec<BlockView>>(200),
        ),
        Endpoint::new(Door::Native, Method::GET, ONE, read, |guard| {
            guard.then(get)
        })
        .described(
            about("Catalogue", "Read a block")
                .path::<Word>()
                .gives::<BlockView>(200),
        ),
    ]
}

/// The kinds of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "BlockKind")]
enum Kind {
    /// Steps that need nothing else.
    Core,
    /// Steps that speak to one kind of service.
    Integrations,
    /// What starts runs.
    Triggers,
}

/// Which blocks to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only blocks of this kind.
    kind: Option<Kind>,
}

/// A step type or a trigger.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Block")]
struct BlockView {
    /// Names the block: a step's `type`, or its `action` with `_` for the dot, or a trigger's `type` with `_trigger`.
    #[serde(rename = "type")]
    block_type: String,
    /// For people.
    name: &'static str,
    /// What it does.
    description: &'static str,
    /// Its kind.
    kind: Kind,
    /// What it belongs to.
    category: &'static str,
    /// Whether it does nothing without a connection.
    connection_required: bool,
    /// What a step with `"type": "action"` has as its `action`.
    actions: Vec<&'static str>,
    /// Each action with its fields.
    action_definitions: Vec<ActionView>,
    /// Its fields.
    inputs: Vec<InputView>,
    /// The fields of its output.
    outputs: &'static [&'static str],
    /// Its fields as an editor shows them.
    sub_blocks: Vec<SubBlockView>,
    /// Where it is.
    links: LinksView,
}

/// An action of a block.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BlockAction")]
struct ActionView {
    /// The step's `action`.
    name: &'static str,
    /// What it does.
    description: &'static str,
    /// Its fields.
    inputs: Vec<InputView>,
}

/// A field of a block.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BlockInput")]
struct InputView {
    /// Its name in the configuration.
    key: &'static str,
    /// `string`, `number`, `boolean`, `json` or `array`. A template may stand in its place.
    #[serde(rename = "type")]
    input_type: &'static str,
    /// What it is for.
    description: &'static str,
}

/// A field of a block, as an editor shows it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SubBlock")]
struct SubBlockView {
    /// Its name in the configuration.
    id: &'static str,
    /// For people.
    title: &'static str,
    /// How it is put in: `short-input`, `switch`, `dropdown`, `code` or `step-list`.
    #[serde(rename = "type")]
    sub_block_type: &'static str,
    /// Whether it must be there.
    required: bool,
    /// What it may be, where that is a closed set.
    options: &'static [&'static str],
    /// When it is shown; `null` for always.
    visible_when: Option<&'static str>,
}

/// Where a block is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BlockLinks")]
struct LinksView {
    /// The block.
    #[serde(rename = "self")]
    own: String,
    /// All of them.
    collection: &'static str,
}

async fn list(_ctx: Ctx, asked: ListQuery) -> Answer {
    let blocks: Vec<BlockView> = blocks()
        .filter(|block| asked.kind.is_none_or(|kind| kind == block.kind))
        .collect();
    ok(&blocks)
}

async fn get(ctx: Ctx) -> Answer {
    let wanted = ctx.text(0);
    let mut blocks = blocks();
    let found = blocks.find(|block| block.block_type == wanted);
    ok(&found.ok_or(Problem::NotFound("block"))?)
}

fn blocks() -> impl Iterator<Item = BlockView> {
    let steps = rules().iter().filter_map(|rule| {
        let form = form::of_step(rule.name)?;
        let kind = if form.is_integration {
            Kind::Integrations
        } else {
            Kind::Core
        };
        let block_type = rule.name.replace('.', "_");
        Some(block(form, block_type, rule.description, kind))
    });
    let triggers = form::of_triggers().iter().map(|form| {
        let block_type = format!("{}_trigger", form.name);
        block(form, block_type, "Starts runs.", Kind::Triggers)
    });
    steps.chain(triggers)
}

fn block(
    form: &'static Form,
    block_type: String,
    description: &'static str,
    kind: Kind,
) -> BlockView {
    let inputs = || form.fields.iter().map(input).collect::<Vec<_>>();
    let is_action = kind != Kind::Triggers && form.name.contains('.');
    let action = is_action.then(|| ActionView {
        name: form.name,
        description,
        inputs: inputs(),
    });
    BlockView {
        links: LinksView {
            own: format!("{LIST}/{block_type}"),
            collection: LIST,
        },
        block_type,
        name: form.title,
        description,
        kind,
        category: form.category,
        connection_required: form.needs_connection(),
        actions: action.iter().map(|action| action.name).collect(),
        action_definitions: action.into_iter().collect(),
        inputs: inputs(),
        outputs: form.outputs,
        sub_blocks: form.fields.iter().map(sub_block).collect(),
    }
}

fn input(field: &FormField) -> InputView {
    InputView {
        key: field.name,
        input_type: match field.kind {
            FieldKind::Text | FieldKind::Choice => "string",
            FieldKind::Number => "number",
            FieldKind::Flag => "boolean",
            FieldKind::Json => "json",
            FieldKind::Steps => "array",
        },
        description: field.description,
    }
}

fn sub_block(field: &FormField) -> SubBlockView {
    SubBlockView {
        id: field.name,
        title: field.description,
        sub_block_type: match field.kind {
            FieldKind::Text | FieldKind::Number => "short-input",
            FieldKind::Flag => "switch",
            FieldKind::Choice => "dropdown",
            FieldKind::Json => "code",
            FieldKind::Steps => "step-list",
        },
        required: field.is_required,
        options: field.options,
        visible_when: None,
    }
}
