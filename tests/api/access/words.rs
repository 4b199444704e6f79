//! What doors say to who is not let in.

use flowlatch::http::{Access, Door, Endpoint};
use flowlatch::model::scope::Permission;
use serde_json::{Value, json};

/// By which word a 403 of the native door asks for a permission.
pub(super) fn native_word(permission: Permission) -> &'static str {
    match permission {
        Permission::KeysCreate | Permission::KeysUpdate | Permission::KeysDelete => "keys:write",
        permission => permission.word(),
    }
}

/// The body of a 401, to the letter.
pub(super) fn unauthorized(door: Door, reason: &str) -> Value {
    if door == Door::Flowise {
        return json!({
            "error": "Unauthorized Access", "statusCode": 401, "success": false, "message": "Unauthorized", "stack": {},
            "reason": reason,
        });
    }
    if door == Door::Wireflow {
        let error = match reason {
            "expired" => "API key has expired",
            "revoked" => "API key has been revoked",
            "disabled" => "API key is disabled",
            _ => "Invalid API key format. Expected: Bearer sk-...",
        };
        return json!({ "error": error, "code": reason });
    }
    let error = json!({
        "code": "UNAUTHORIZED", "message": "Invalid or missing API key", "reason": reason,
    });
    json!({ "success": false, "error": error })
}

/// The body of a 403, to the letter.
pub(super) fn forbidden(door: Door, permissions: &[Permission]) -> Value {
    if door == Door::Flowise {
        let words = permissions.iter().map(|permission| match permission {
            Permission::KeysView => "apikeys:view",
            permission => permission.word(),
        });
        return json!({
            "statusCode": 403, "success": false, "message": "Forbidden", "stack": {},
            "required": words.collect::<Vec<_>>(),
        });
    }
    let [permission] = *permissions else {
        panic!("these doors ask for one permission: {permissions:?}");
    };
    if door == Door::Wireflow {
        let word = match permission {
            Permission::RunsRead => "executions:read",
            permission => permission.word(),
        };
        return json!({ "error": "Forbidden", "required": [word] });
    }
    let error = json!({
        "code": "FORBIDDEN",
        "message": "Insufficient permissions for this operation",
        "required": [native_word(permission)],
    });
    json!({ "success": false, "error": error })
}

/// The body of a 404 of Wireflow's door, to the letter.
pub(super) fn not_found(endpoint: &Endpoint) -> Value {
    let error = match endpoint.pattern {
        "/api/v1/media/:id" => "There is no such file.",
        pattern if pattern.contains("/executions/:id") => "Execution not found",
        _ => "Workflow not found",
    };
    json!({ "error": error })
}

/// The permissions of which an endpoint always needs one.
pub(super) fn needed(endpoint: &Endpoint) -> Option<&[Permission]> {
    let is_open = matches!(endpoint.access, Access::NeedsUnlessOpen(..));
    let needed = endpoint.access.permissions();
    (!is_open && !needed.is_empty()).then_some(needed)
}

/// Whether an endpoint of Flowise's is for who may ask a flow: another flow's key is refused by name.
pub(super) fn needs_flow(endpoint: &Endpoint) -> bool {
    let asks = matches!(
        endpoint.access,
        Access::NeedsUnlessOpen(Permission::PredictionsCreate, _)
    );
    endpoint.door == Door::Flowise && asks
}
