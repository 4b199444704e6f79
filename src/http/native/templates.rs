//! `/templates`: workflows that are built in, to start from. Made from the examples in the repository, word for word.

mod built_in;

pub(in crate::http) use built_in::template_text;

use super::workflow_view::{WorkflowView, view as workflow_view};
use super::{Answer, created, ok, page, page_request};
use crate::http::body::{json, query};
use crate::http::describe::{NAME_PATTERN, Word, about};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::reach::require_name_within_reach;
use crate::http::visit::Ctx;
use crate::model::limit::Category;
use crate::model::page::Cursor;
use crate::model::scope::Permission;
use crate::model::workflow::{Definition, DefinitionFormat};
use crate::store::WorkflowDraft;
use built_in::{BUILT_IN, BuiltIn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json as example};
use std::sync::LazyLock;
use warp::Filter as _;
use warp::http::Method;

static TEMPLATES: LazyLock<Vec<TemplateView>> =
    LazyLock::new(|| BUILT_IN.iter().filter_map(template).collect());

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/templates";
    const BY_SLUG: &str = "/api/v1/templates/by-slug/:slug";
    const ONE: &str = "/api/v1/templates/:id";
    const INSTANTIATE: &str = "/api/v1/templates/:id/instantiate";
    let read = Access::Needs(Permission::WorkflowsRead, Category::Read);
    let write = Access::Needs(Permission::WorkflowsWrite, Category::Write);
    vec![
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        })
        .described(
            about("Catalogue", "List templates")
                .says("Workflows that are built in, to start from.")
                .query::<ListQuery>()
                .lists::<TemplateView>(),
        ),
        Endpoint::new(Door::Native, Method::GET, BY_SLUG, read, |guard| {
            guard.then(get)
        })
        .described(
            about("Catalogue", "Read a template by its slug")
                .path::<Word>()
                .gives::<TemplateView>(200),
        ),
        Endpoint::new(Door::Native, Method::GET, ONE, read, |guard| {
            guard.then(get)
        })
        .described(
            about("Catalogue", "Read a template")
                .path::<Word>()
                .gives::<TemplateView>(200),
        ),
        Endpoint::new(Door::Native, Method::POST, INSTANTIATE, write, |guard| {
            json(guard).then(instantiate)
        })
        .described(
            about("Catalogue", "Make a workflow of a template")
                .says("As a draft, which has nothing to do with the template afterwards.")
                .path::<Word>()
                .body::<InstantiateBody>(
                    example!({ "name": "my orders", "variables": { "largeAmount": 500 } }),
                )
                .gives::<WorkflowView<'_>>(201),
        ),
    ]
}

/// Which templates to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// How many at most, default 50.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `meta.cursor` of the page before.
    cursor: Option<String>,
}

/// What the new workflow has of its own.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Instantiation")]
struct InstantiateBody {
    /// Its name; default the template's.
    #[schemars(length(min = 1, max = 255), regex(pattern = NAME_PATTERN))]
    name: Option<String>,
    /// Values of the template's variables; what is absent keeps its default.
    variables: Option<Map<String, Value>>,
}

/// A workflow that is built in. Fields that this server has no use for are `null`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Template")]
struct TemplateView {
    /// `tpl_` and the slug.
    id: String,
    /// A name for paths.
    slug: &'static str,
    /// Always `null`: it is everybody's.
    company_id: Option<String>,
    /// Always `null`: it is made of no other.
    base_template_id: Option<String>,
    /// For people.
    name: String,
    /// What it does.
    description: String,
    /// What it belongs to.
    category: &'static str,
    /// What it shows.
    tags: &'static [&'static str],
    /// Always `null`.
    icon: Option<String>,
    /// Providers of the connections that it needs.
    required_connections: Vec<String>,
    /// What can be set when it is instantiated.
    variables: Vec<VariableView>,
    /// Always `null`.
    recipe_config: Option<Value>,
    /// Counts up with the server's versions that change it.
    version: u32,
    /// Always `active`.
    status: &'static str,
    /// Always `true`: it came with the server.
    is_system: bool,
    /// Always `null`.
    created_by: Option<String>,
    /// Always `null`.
    created_by_user_id: Option<String>,
    /// Always `null`: it is as old as the server's version.
    created_at: Option<String>,
    /// Always `null`.
    updated_at: Option<String>,
    /// What starts its runs.
    trigger: Value,
    /// The same.
    trigger_config: Value,
    /// Its steps; `null` of a graph.
    steps: Value,
    /// Of a graph: its nodes.
    #[serde(skip_serializing_if = "Value::is_null")]
    nodes: Value,
    /// Of a graph: what leads from node to node.
    #[serde(skip_serializing_if = "Value::is_null")]
    edges: Value,
    /// JSON Schema of the input.
    input_schema: Value,
    /// JSON Schema of the output.
    output_schema: Value,
    #[serde(skip)]
    definition: Map<String, Value>,
}

impl TemplateView {
    fn format(&self) -> DefinitionFormat {
        if self.nodes.is_null() {
            DefinitionFormat::Steps
        } else {
            DefinitionFormat::Graph
        }
    }
}

/// Something that can be set.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TemplateVariable")]
struct VariableView {
    /// Its name in `{{variables}}`.
    name: String,
    /// The JSON type of its default.
    #[serde(rename = "type")]
    variable_type: &'static str,
    /// For people.
    label: String,
    /// Always `false`: each has a default.
    required: bool,
    /// What it is where nothing is said.
    default: Value,
}

async fn list(_ctx: Ctx, asked: ListQuery) -> Answer {
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let from = request.after.map_or(0, |after| {
        let place = TEMPLATES.iter().position(|one| one.id == after.id);
        place.map_or(TEMPLATES.len(), |place| place + 1)
    });
    let rest = TEMPLATES.get(from..).unwrap_or_default();
    let items = rest.get(..request.limit as usize).unwrap_or(rest);
    let last = items.last().filter(|_| items.len() < rest.len());
    let next = last.map(|template| Cursor {
        ts: 0,
        id: template.id.clone(),
    });
    page(items, next.as_ref())
}

async fn get(ctx: Ctx) -> Answer {
    ok(find(&ctx)?)
}

async fn instantiate(ctx: Ctx, body: InstantiateBody) -> Answer {
    let template = find(&ctx)?;
    let mut definition = template.definition.clone();
    if let Some(wanted) = body.variables {
        let known = definition
            .get_mut("variables")
            .and_then(Value::as_object_mut);
        let mut nothing = Map::new();
        let known = known.unwrap_or(&mut nothing);
        for (name, value) in wanted {
            let place = known.get_mut(&name).ok_or_else(|| {
                let shown: String = name.chars().take(80).collect();
                Problem::invalid(format!("`variables`: the template has no `{shown}`."))
            })?;
            *place = value;
        }
    }
    let name = body.name.unwrap_or_else(|| template.name.clone());
    let is_name = (1..=255).contains(&name.chars().count())
        && !name.trim().is_empty()
        && !name.chars().any(char::is_control);
    if !is_name {
        return Err(Problem::invalid(
            "`name` has 1 to 255 characters, not only spaces, and no control characters.",
        ));
    }
    require_name_within_reach(&ctx, &name)?;
    let definition = Definition {
        format: template.format(),
        body: Value::Object(definition),
    };
    let draft = WorkflowDraft::new(name, Some(template.description.clone()), definition);
    let workflows = ctx.api().engine.workflows();
    let compiled = workflows.create(draft, ctx.editor()).await?;
    created(&workflow_view(&ctx, &compiled)?)
}

/// The templates: slug and name.
pub(in crate::http) fn template_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEMPLATES.iter().map(|one| (one.slug, one.name.as_str()))
}

/// The template that the path names, by its id or its slug.
fn find(ctx: &Ctx) -> Result<&'static TemplateView, Problem> {
    let wanted = ctx.text(0);
    let mut templates = TEMPLATES.iter();
    let found = templates.find(|one| one.id == wanted || one.slug == wanted);
    found.ok_or(Problem::NotFound("template"))
}

/// `None` where the file is no object; a test looks that all are.
fn template(&BuiltIn(slug, category, tags, file): &BuiltIn) -> Option<TemplateView> {
    let mut body: Map<String, Value> = serde_json::from_str(file).ok()?;
    // What the file says beside the definition.
    body.remove("status");
    let name = body.remove("name")?.as_str()?.to_owned();
    let description = body.remove("description")?.as_str()?.to_owned();
    let field = |name: &str| body.get(name).cloned().unwrap_or_default();
    let variables = body.get("variables").and_then(Value::as_object);
    Some(TemplateView {
        id: format!("tpl_{slug}"),
        slug,
        company_id: None,
        base_template_id: None,
        name,
        description,
        category,
        tags,
        icon: None,
        required_connections: Vec::new(),
        variables: variables.into_iter().flatten().map(variable).collect(),
        recipe_config: None,
        version: 1,
        status: "active",
        is_system: true,
        created_by: None,
        created_by_user_id: None,
        created_at: None,
        updated_at: None,
        trigger: field("trigger"),
        trigger_config: field("trigger"),
        steps: field("steps"),
        nodes: field("nodes"),
        edges: field("edges"),
        input_schema: field("inputSchema"),
        output_schema: field("outputSchema"),
        definition: body,
    })
}

fn variable((name, default): (&String, &Value)) -> VariableView {
    VariableView {
        name: name.clone(),
        variable_type: match default {
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "boolean",
            _ => "json",
        },
        label: name.clone(),
        required: false,
        default: default.clone(),
    }
}
