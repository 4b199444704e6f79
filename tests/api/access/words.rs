//! What doors say to who is not let in.

use flowlatch::http::{Door, Endpoint};
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
pub(super) fn forbidden(door: Door, permission: Permission) -> Value {
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
