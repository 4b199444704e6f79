//! Who may do what: every endpoint of the table with every kind of key, under every prefix. A route that is added without
//! its place here fails a snapshot, so that its access is looked at.

pub(crate) mod bodies;
mod fixtures;
pub(crate) mod forged;
mod matrix;
mod paths;
mod spellings;
mod words;

use flowlatch::http::{Access, Door, Endpoint, table};

/// What is open without a key, and nothing else.
const OPEN: [&str; 15] = [
    "GET /api/v1/verify/apikey/:apikey",
    "GET /api/v1/chatflows/apikey/:apikey",
    "GET /api/v1/ping",
    "GET /api/v1/version",
    "GET /api/v1/ip",
    "GET /api/v1/settings",
    "GET /api/v1/chatflows-streaming/:id",
    "GET /api/health",
    "GET /approvals/style.css",
    "GET /api/openapi.json",
    "POST /webhooks/:provider/:path",
    "POST /webhooks/:provider/:id/:path",
    "GET /approvals/:run/:signature",
    "POST /approvals/:run/:signature",
    "GET /media/:id/:expires/:signature",
];

fn line(endpoint: &Endpoint) -> String {
    let access = match endpoint.access {
        Access::Open => "open".to_owned(),
        Access::SignedIn => "signed in".to_owned(),
        Access::AnyKey(category) => format!("any key, {}", category.as_str()),
        Access::NeedsOneOf(permissions, category) => {
            let words = permissions.iter().map(|permission| permission.word());
            format!(
                "{}, {}",
                words.collect::<Vec<_>>().join(" or "),
                category.as_str()
            )
        }
        Access::Needs(permission, category) => {
            format!("{}, {}", permission.word(), category.as_str())
        }
        Access::NeedsUnlessOpen(permission, category) => {
            format!("{}, {}, or open", permission.word(), category.as_str())
        }
    };
    format!(
        "{:6} {} -> {access}",
        endpoint.method.as_str(),
        endpoint.pattern
    )
}

/// The endpoints, but for Wireflow's and Flowise's, whose path comes before or after that of runs.
fn lines(comes_before: bool) -> String {
    let others = [Door::Wireflow, Door::Flowise];
    lines_of(|one| !others.contains(&one.door) && (one.pattern < "/api/v1/runs") == comes_before)
}

fn lines_of(is_asked: impl Fn(&Endpoint) -> bool) -> String {
    let table = table();
    let asked = table.endpoints().iter().filter(|one| is_asked(one));
    let mut lines: Vec<String> = asked.map(line).collect();
    lines.sort_by_key(|line| (line.get(7..).map(str::to_owned), line.clone()));
    lines.join("\n")
}

#[test]
fn the_table_up_to_runs() {
    insta::assert_snapshot!(lines(true), @r"
    GET    /api/health -> open
    GET    /api/openapi.json -> open
    GET    /api/v1/agents -> workflows:read, read
    POST   /api/v1/agents -> workflows:write, write
    GET    /api/v1/agents/:id -> workflows:read, read
    DELETE /api/v1/agents/:id -> workflows:write, write
    PUT    /api/v1/agents/:id -> workflows:write, write
    POST   /api/v1/agents/:id/execute -> workflows:execute, execute
    GET    /api/v1/approvals -> workflows:execute, read
    GET    /api/v1/audit -> audit:read, read
    POST   /api/v1/auth/api-keys -> apikeys:create, write
    GET    /api/v1/auth/api-keys -> keys:read, read
    DELETE /api/v1/auth/api-keys/:id -> apikeys:delete, write
    PATCH  /api/v1/auth/api-keys/:id -> apikeys:update, write
    GET    /api/v1/auth/api-keys/:id -> keys:read, read
    POST   /api/v1/auth/api-keys/:id/rotate -> apikeys:update, write
    GET    /api/v1/auth/api-keys/self -> any key, read
    GET    /api/v1/blocks -> workflows:read, read
    GET    /api/v1/blocks/:type -> workflows:read, read
    GET    /api/v1/connections -> connections:read, read
    POST   /api/v1/connections -> connections:write, write
    GET    /api/v1/connections/:id -> connections:read, read
    DELETE /api/v1/connections/:id -> connections:write, write
    PUT    /api/v1/connections/:id -> connections:write, write
    POST   /api/v1/connections/:id/test -> connections:write, write
    GET    /api/v1/retention -> admin, read
    POST   /api/v1/retention/prune -> admin, write
    ");
}

#[test]
fn the_table_from_runs_on() {
    insta::assert_snapshot!(lines(false), @r"
    GET    /api/v1/runs -> runs:read, read
    GET    /api/v1/runs/:id -> runs:read, read
    GET    /api/v1/runs/:id/approvals -> workflows:execute, read
    POST   /api/v1/runs/:id/approvals/:stepId -> workflows:execute, execute
    POST   /api/v1/runs/:id/cancel -> workflows:execute, execute
    GET    /api/v1/runs/:id/events -> runs:read, read
    GET    /api/v1/runs/:id/logs -> runs:read, read
    POST   /api/v1/runs/:id/retry -> workflows:execute, execute
    GET    /api/v1/table-folders -> tables:read, read
    DELETE /api/v1/table-folders/:id -> tables:write, write
    GET    /api/v1/tables -> tables:read, read
    POST   /api/v1/tables -> tables:write, write
    GET    /api/v1/tables/:id -> tables:read, read
    DELETE /api/v1/tables/:id -> tables:write, write
    PUT    /api/v1/tables/:id -> tables:write, write
    GET    /api/v1/tables/:id/rows -> tables:read, read
    POST   /api/v1/tables/:id/rows -> tables:write, write
    PUT    /api/v1/tables/:id/rows -> tables:write, write
    GET    /api/v1/tables/:id/rows/:rowId -> tables:read, read
    DELETE /api/v1/tables/:id/rows/:rowId -> tables:write, write
    PUT    /api/v1/tables/:id/rows/:rowId -> tables:write, write
    POST   /api/v1/tables/:id/rows/query -> tables:read, read
    GET    /api/v1/templates -> workflows:read, read
    GET    /api/v1/templates/:id -> workflows:read, read
    POST   /api/v1/templates/:id/instantiate -> workflows:write, write
    GET    /api/v1/templates/by-slug/:slug -> workflows:read, read
    GET    /api/v1/usage -> usage:read, read
    GET    /api/v1/webhooks/events -> runs:read, read
    GET    /api/v1/webhooks/events/:id -> runs:read, read
    POST   /api/v1/webhooks/events/:id/replay -> workflows:execute, execute
    GET    /api/v1/workflows -> workflows:read, read
    POST   /api/v1/workflows -> workflows:write, write
    GET    /api/v1/workflows/:id -> workflows:read, read
    DELETE /api/v1/workflows/:id -> workflows:write, write
    PUT    /api/v1/workflows/:id -> workflows:write, write
    POST   /api/v1/workflows/:id/activate -> workflows:write, write
    PATCH  /api/v1/workflows/:id/canvas -> workflows:write, write
    GET    /api/v1/workflows/:id/firings -> runs:read, read
    POST   /api/v1/workflows/:id/pause -> workflows:write, write
    DELETE /api/v1/workflows/:id/publish -> workflows:write, write
    POST   /api/v1/workflows/:id/publish -> workflows:write, write
    POST   /api/v1/workflows/:id/run -> workflows:execute, execute
    GET    /api/v1/workflows/:id/secrets -> secrets:write, read
    POST   /api/v1/workflows/:id/secrets -> secrets:write, write
    DELETE /api/v1/workflows/:id/secrets/:name -> secrets:write, write
    PUT    /api/v1/workflows/:id/secrets/:name -> secrets:write, write
    GET    /api/v1/workflows/:id/versions -> workflows:read, read
    GET    /api/v1/workflows/:id/versions/:version -> workflows:read, read
    POST   /api/v1/workflows/:id/versions/:version/restore -> workflows:write, write
    POST   /api/v1/workflows/validate -> workflows:write, write
    GET    /approvals/:run/:signature -> open
    POST   /approvals/:run/:signature -> open
    GET    /approvals/style.css -> open
    GET    /media/:id/:expires/:signature -> open
    POST   /webhooks/:provider/:id/:path -> open
    POST   /webhooks/:provider/:path -> open
    ");
}

#[test]
fn the_table_of_wireflows_door() {
    insta::assert_snapshot!(lines_of(|one| one.door == Door::Wireflow), @r"
    GET    /api/v1/apps/:slug -> apps:execute, read
    POST   /api/v1/apps/:slug/execute -> apps:execute, execute
    GET    /api/v1/developer/usage -> usage:read, read
    GET    /api/v1/media -> workflows:read, read
    DELETE /api/v1/media/:id -> workflows:write, write
    POST   /api/v1/media/upload -> workflows:write, write
    GET    /api/v1/nodes -> workflows:read, read
    POST   /api/v1/workflow/:webhookId/trigger -> workflows:execute, execute, or open
    GET    /api/v1/workflow/:webhookId/trigger -> workflows:execute, read, or open
    GET    /api/v1/workflows -> workflows:read, read
    POST   /api/v1/workflows -> workflows:write, write
    GET    /api/v1/workflows/:id -> workflows:read, read
    DELETE /api/v1/workflows/:id -> workflows:write, write
    PUT    /api/v1/workflows/:id -> workflows:write, write
    POST   /api/v1/workflows/:id/duplicate -> workflows:write, write
    POST   /api/v1/workflows/:id/estimate -> workflows:read, read
    POST   /api/v1/workflows/:id/execute -> workflows:execute, execute
    GET    /api/v1/workflows/:id/executions -> runs:read, read
    POST   /api/v1/workflows/:id/layout -> workflows:write, write
    PATCH  /api/v1/workflows/:id/nodes/:nodeId -> workflows:write, write
    DELETE /api/v1/workflows/:id/publish -> workflows:write, write
    POST   /api/v1/workflows/:id/publish -> workflows:write, write
    POST   /api/v1/workflows/:id/run -> workflows:execute, execute
    GET    /api/v1/workflows/:id/run -> workflows:read, read
    POST   /api/v1/workflows/:id/visibility -> workflows:write, write
    GET    /api/v1/workflows/executions/:id -> runs:read, read
    POST   /api/v1/workflows/executions/:id/cancel -> workflows:execute, execute
    GET    /api/v1/workflows/executions/:id/poll -> runs:read, read
    POST   /api/v1/workflows/lint -> workflows:read, read
    ");
}

#[test]
fn the_table_of_flowises_door() {
    insta::assert_snapshot!(lines_of(|one| one.door == Door::Flowise), @r"
    POST   /api/v1/apikey -> apikeys:create, write
    GET    /api/v1/apikey -> keys:read, read
    DELETE /api/v1/apikey/:id -> apikeys:delete, write
    PUT    /api/v1/apikey/:id -> apikeys:update, write
    POST   /api/v1/attachments/:id/:chatId -> predictions:create, write, or open
    POST   /api/v1/chatflows -> chatflows:create or chatflows:update or agentflows:create or agentflows:update, write
    GET    /api/v1/chatflows -> chatflows:view or agentflows:view, read
    GET    /api/v1/chatflows-streaming/:id -> open
    GET    /api/v1/chatflows-uploads/:id -> predictions:create, read, or open
    DELETE /api/v1/chatflows/:id -> chatflows:delete or agentflows:delete, write
    PUT    /api/v1/chatflows/:id -> chatflows:update or agentflows:update, write
    GET    /api/v1/chatflows/:id -> chatflows:view or chatflows:delete or agentflows:view or agentflows:delete, read
    GET    /api/v1/chatflows/apikey/:apikey -> open
    GET    /api/v1/chatflows/has-changed/:id/:since -> chatflows:view or chatflows:delete or agentflows:view or agentflows:delete, read
    DELETE /api/v1/chatmessage/:id -> executions:delete, write
    GET    /api/v1/chatmessage/:id -> executions:view, read
    PUT    /api/v1/chatmessage/abort/:id/:chatId -> predictions:create, execute, or open
    DELETE /api/v1/executions -> executions:delete, write
    GET    /api/v1/executions -> executions:view, read
    DELETE /api/v1/executions/:id -> executions:delete, write
    PUT    /api/v1/executions/:id -> executions:update, write
    GET    /api/v1/executions/:id -> executions:view, read
    POST   /api/v1/feedback/:id -> predictions:create, write, or open
    PUT    /api/v1/feedback/:id -> predictions:create, write, or open
    GET    /api/v1/get-upload-file -> predictions:create, read, or open
    GET    /api/v1/ip -> open
    POST   /api/v1/leads -> predictions:create, write, or open
    GET    /api/v1/leads/:id -> chatflows:view or agentflows:view, read
    GET    /api/v1/ping -> open
    POST   /api/v1/prediction/:id -> predictions:create, execute, or open
    GET    /api/v1/public-chatbotConfig/:id -> predictions:create, read, or open
    GET    /api/v1/public-chatflows/:id -> predictions:create, read, or open
    GET    /api/v1/public-executions/:id -> executions:view, read, or open
    GET    /api/v1/settings -> open
    GET    /api/v1/stats/:id -> executions:view, read
    POST   /api/v1/variables -> variables:create, write
    GET    /api/v1/variables -> variables:view, read
    DELETE /api/v1/variables/:id -> variables:delete, write
    PUT    /api/v1/variables/:id -> variables:update, write
    GET    /api/v1/verify/apikey/:apikey -> open
    GET    /api/v1/version -> open
    POST   /api/v1/webhook/:id -> predictions:create, execute, or open
    ");
}

#[test]
fn what_is_open_without_a_key_is_this_and_nothing_else() {
    let table = table();
    let open: Vec<String> = table
        .endpoints()
        .iter()
        .filter(|endpoint| endpoint.access == Access::Open)
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.pattern))
        .collect();
    assert_eq!(open, OPEN);
}
