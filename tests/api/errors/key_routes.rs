//! `/auth/api-keys` and `/audit`: what does not fit, and what a client reads then.

use super::routes::{Bench, Row};

#[rustfmt::skip]
const MAKING: &[Row] = &[
    ("POST", "/auth/api-keys", "{}"),
    ("POST", "/auth/api-keys", r#"{"name":"a"}"#),
    ("POST", "/auth/api-keys", r#"{"name":"","scopes":["runs:read"]}"#),
    ("POST", "/auth/api-keys", r#"{"name":"{long}","scopes":["runs:read"]}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":[]}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["workflow:read"]}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":"runs:read"}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"format":"jwt"}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"key":"wfk_mine"}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"expiresAt":"tomorrow"}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"expiresInSeconds":0}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"expiresInSeconds":9223372036854775807}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"expiresAt":"2099-01-01T00:00:00Z","expiresInSeconds":5}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"workflowId":"nobody"}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"workflowId":"../x"}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"workflowPrefix":""}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"workflowId":"{workflow}","workflowPrefix":"x"}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"limits":{"read":0}}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"limits":{"reads":1}}"#),
    ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"limits":[5,5,5]}"#),
];

#[rustfmt::skip]
const CHANGING: &[Row] = &[
    ("PATCH", "/auth/api-keys/{key}", r#"{"name":"\u0007"}"#),
    ("PATCH", "/auth/api-keys/{key}", r#"{"scopes":[]}"#),
    ("PATCH", "/auth/api-keys/{key}", r#"{"disabled":"yes"}"#),
    ("PATCH", "/auth/api-keys/{key}", r#"{"format":"sk"}"#),
    ("PATCH", "/auth/api-keys/{key}", r#"{"limits":{"write":-1}}"#),
    ("PATCH", "/auth/api-keys/{key}", r#"{"expiresAt":"2001-01-01T00:00:00Z"}"#),
    ("PATCH", "/auth/api-keys/nobody", r#"{"name":"a"}"#),
    ("POST", "/auth/api-keys/{key}/rotate", r#"{"graceSeconds":86401}"#),
    ("POST", "/auth/api-keys/{key}/rotate", r#"{"graceSeconds":-1}"#),
    ("POST", "/auth/api-keys/{key}/rotate", r#"{"grace":1}"#),
    ("POST", "/auth/api-keys/nobody/rotate", "{}"),
    ("GET", "/auth/api-keys/nobody", ""),
    ("DELETE", "/auth/api-keys/nobody", ""),
    ("GET", "/audit?limit=0", ""),
    ("GET", "/audit?cursor=x", ""),
    ("GET", "/audit?cursor=eyJ0cyI6MSwiaWQiOiJ4In0=", ""),
    ("GET", "/audit?who=me", ""),
];

#[tokio::test]
async fn making_keys() {
    let told = Bench::start().await.refusals(MAKING).await;
    insta::assert_snapshot!(told, @r#"
    POST /auth/api-keys {}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: missing field `name` at line 1 column 2."}
    POST /auth/api-keys {"name":"a"}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: missing field `scopes` at line 1 column 12."}
    POST /auth/api-keys {"name":"","scopes":["runs:read"]}
        400 {"code":"VALIDATION_ERROR","message":"name: a name has 1 to 255 characters, not 0"}
    POST /auth/api-keys {"name":"{long}","scopes":["runs:read"]}
        400 {"code":"VALIDATION_ERROR","message":"name: a name has 1 to 255 characters, not 256"}
    POST /auth/api-keys {"name":"a","scopes":[]}
        400 {"code":"VALIDATION_ERROR","message":"scopes: give 1 to 64 scope words, not 0"}
    POST /auth/api-keys {"name":"a","scopes":["workflow:read"]}
        400 {"code":"VALIDATION_ERROR","message":"scopes: unknown scope `workflow:read`; did you mean `workflows:read`?"}
    POST /auth/api-keys {"name":"a","scopes":"runs:read"}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: invalid type: string \"runs:read\", expected a sequence at line 1 column 32."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"format":"jwt"}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: unknown variant `jwt`, expected one of `wfk`, `sk`, `flowise` at line 1 column 49."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"key":"wfk_mine"}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: unknown field `key`, expected one of `name`, `scopes`, `format`, `expiresAt`, `expiresInSeconds`, `workflowId`, `workflowPrefix`, `limits` at line 1 column 40."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"expiresAt":"tomorrow"}
        400 {"code":"VALIDATION_ERROR","message":"`expiresAt` is `tomorrow`; send a date like 2030-01-31T00:00:00Z."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"expiresInSeconds":0}
        400 {"code":"VALIDATION_ERROR","message":"`expiresInSeconds` is 0; a key lives for 1 second or longer."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"expiresInSeconds":9223372036854775807}
        400 {"code":"VALIDATION_ERROR","message":"expiresAt: more than ten years from now; leave it out for a key that does not end"}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"expiresAt":"2099-01-01T00:00:00Z","expiresInSeconds":5}
        400 {"code":"VALIDATION_ERROR","message":"Send `expiresAt` or `expiresInSeconds`, not both."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"workflowId":"nobody"}
        400 {"code":"VALIDATION_ERROR","message":"`workflowId`: there is no workflow nobody that this key reaches."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"workflowId":"../x"}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: `../x` is not an id: ids have 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-` at line 1 column 55."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"workflowPrefix":""}
        400 {"code":"VALIDATION_ERROR","message":"`workflowPrefix` has 1 to 255 characters."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"workflowId":"{workflow}","workflowPrefix":"x"}
        400 {"code":"VALIDATION_ERROR","message":"Send `workflowId` or `workflowPrefix`, not both."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"limits":{"read":0}}
        400 {"code":"VALIDATION_ERROR","message":"limits: 0 a minute is out of range: 1 to 1000000, or null for no limit"}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"limits":{"reads":1}}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: unknown field `reads`, expected one of `read`, `write`, `execute` at line 1 column 52."}
    POST /auth/api-keys {"name":"a","scopes":["runs:read"],"limits":[5,5,5]}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: invalid type: sequence, expected an object at line 1 column 44."}
    "#);
}

#[tokio::test]
async fn changing_and_finding_keys() {
    let told = Bench::start().await.refusals(CHANGING).await;
    insta::assert_snapshot!(told, @r#"
    PATCH /auth/api-keys/{key} {"name":"\u0007"}
        400 {"code":"VALIDATION_ERROR","message":"name: a name has no control characters"}
    PATCH /auth/api-keys/{key} {"scopes":[]}
        400 {"code":"VALIDATION_ERROR","message":"scopes: give 1 to 64 scope words, not 0"}
    PATCH /auth/api-keys/{key} {"disabled":"yes"}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: invalid type: string \"yes\", expected a boolean at line 1 column 17."}
    PATCH /auth/api-keys/{key} {"format":"sk"}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: unknown field `format`, expected one of `name`, `scopes`, `expiresAt`, `limits`, `disabled` at line 1 column 9."}
    PATCH /auth/api-keys/{key} {"limits":{"write":-1}}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: invalid value: integer `-1`, expected a whole number in range at line 1 column 21."}
    PATCH /auth/api-keys/{key} {"expiresAt":"2001-01-01T00:00:00Z"}
        400 {"code":"VALIDATION_ERROR","message":"expiresAt: 2001-01-01T00:00:00.000Z is not in the future"}
    PATCH /auth/api-keys/nobody {"name":"a"}
        404 {"code":"NOT_FOUND","message":"There is no such API key, or this key does not reach it."}
    POST /auth/api-keys/{key}/rotate {"graceSeconds":86401}
        400 {"code":"VALIDATION_ERROR","message":"graceSeconds: 86401 is out of range: 0 to 86400"}
    POST /auth/api-keys/{key}/rotate {"graceSeconds":-1}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: invalid value: integer `-1`, expected a whole number in range at line 1 column 18."}
    POST /auth/api-keys/{key}/rotate {"grace":1}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: unknown field `grace`, expected `graceSeconds` at line 1 column 8."}
    POST /auth/api-keys/nobody/rotate {}
        404 {"code":"NOT_FOUND","message":"There is no such API key, or this key does not reach it."}
    GET /auth/api-keys/nobody 
        404 {"code":"NOT_FOUND","message":"There is no such API key, or this key does not reach it."}
    DELETE /auth/api-keys/nobody 
        404 {"code":"NOT_FOUND","message":"There is no such API key, or this key does not reach it."}
    GET /audit?limit=0 
        400 {"code":"VALIDATION_ERROR","message":"`limit` is 0; it goes from 1 to 100."}
    GET /audit?cursor=x 
        400 {"code":"VALIDATION_ERROR","message":"`cursor` is not one that this server gave; leave it out to start at the first page."}
    GET /audit?cursor=eyJ0cyI6MSwiaWQiOiJ4In0= 
        400 {"code":"VALIDATION_ERROR","message":"`cursor` is not one of this list."}
    GET /audit?who=me 
        400 {"code":"VALIDATION_ERROR","message":"`who` in the query string: unknown field `who`, expected one of `actor`, `action`, `result`, `limit`, `cursor`."}
    "#);
}
