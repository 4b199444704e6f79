//! `/workflows`: what does not fit, and what a client reads then.

use super::routes::{Bench, Row};

#[rustfmt::skip]
const SAVING: &[Row] = &[
    ("POST", "/workflows", "{"),
    ("POST", "/workflows", "[]"),
    ("POST", "/workflows", "\"text\""),
    ("POST", "/workflows", "{}"),
    ("POST", "/workflows", r#"{"name":"  ","trigger":{"type":"api"},"steps":[]}"#),
    ("POST", "/workflows", r#"{"name":"a","name":"b","trigger":{"type":"api"},"steps":[]}"#),
    ("POST", "/workflows", r#"{"nmae":"a","description":7,"trigger":{"type":"api"},"stpes":[]}"#),
    ("POST", "/workflows", r#"{"name":"a","trigger":{"type":"api"},"steps":[{"id":"x","type":"transfrom","config":{}}]}"#),
    ("POST", "/workflows", r#"{"name":"a","trigger":{"type":"api"},"steps":[],"flowData":"{}"}"#),
    ("POST", "/workflows/validate", "[]"),
    ("PUT", "/workflows/{workflow}", r#"{"expectedVersion":0}"#),
    ("PUT", "/workflows/{workflow}", r#"{"expectedVersion":9,"name":"new"}"#),
    ("PUT", "/workflows/{workflow}", r#"{"name":5}"#),
    ("PUT", "/workflows/{workflow}", r#"{"steps":"none"}"#),
    ("PUT", "/workflows/nobody", r#"{"name":"new"}"#),
];

#[rustfmt::skip]
const FINDING: &[Row] = &[
    ("GET", "/workflows?limit=0", ""),
    ("GET", "/workflows?limit=101", ""),
    ("GET", "/workflows?limit=x", ""),
    ("GET", "/workflows?limit=1&limit=2", ""),
    ("GET", "/workflows?cursor=x", ""),
    ("GET", "/workflows?status=on", ""),
    ("GET", "/workflows?serach=a", ""),
    ("GET", "/workflows/nobody", ""),
    ("DELETE", "/workflows/{workflow}?purge=maybe", ""),
    ("DELETE", "/workflows/{workflow}?prge=true", ""),
    ("GET", "/workflows/{workflow}/versions?limit=0", ""),
    ("GET", "/workflows/{workflow}/versions?cursor=eyJ0cyI6MSwiaWQiOiJ4In0=", ""),
    ("GET", "/workflows/{workflow}/versions/0", ""),
    ("GET", "/workflows/{workflow}/versions/x", ""),
    ("GET", "/workflows/{workflow}/versions/99", ""),
    ("POST", "/workflows/{workflow}/versions/99/restore", ""),
    ("POST", "/workflows/nobody/activate", ""),
    ("POST", "/workflows/nobody/pause", ""),
];

#[tokio::test]
async fn saving_workflows() {
    let told = Bench::start().await.refusals(SAVING).await;
    insta::assert_snapshot!(told, @r#"
    POST /workflows {
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: EOF while parsing an object at line 1 column 1."}
    POST /workflows []
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: it is a list; send an object."}
    POST /workflows "text"
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: invalid type: string \"text\", expected an object at line 1 column 6."}
    POST /workflows {}
        400 {"code":"VALIDATION_ERROR","details":[{"message":"it is missing; give the workflow a name of 1 to 255 characters","place":"name"},{"message":"there is no trigger; add `\"trigger\": {\"type\": \"api\"}`","place":"trigger"},{"message":"there are no steps; add an array of steps","place":"steps"}],"message":"Invalid workflow configuration"}
    POST /workflows {"name":"  ","trigger":{"type":"api"},"steps":[]}
        400 {"code":"VALIDATION_ERROR","details":[{"message":"it has 1 to 255 characters, not only spaces, and no control characters","place":"name"}],"message":"Invalid workflow configuration"}
    POST /workflows {"name":"a","name":"b","trigger":{"type":"api"},"steps":[]}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: duplicate field `name` at line 1 column 18."}
    POST /workflows {"nmae":"a","description":7,"trigger":{"type":"api"},"stpes":[]}
        400 {"code":"VALIDATION_ERROR","details":[{"message":"unknown field; did you mean `name`?","place":"nmae"},{"message":"unknown field; did you mean `steps`?","place":"stpes"},{"message":"it is not a string","place":"description"},{"message":"it is missing; give the workflow a name of 1 to 255 characters","place":"name"},{"message":"there are no steps; add an array of steps","place":"steps"}],"message":"Invalid workflow configuration"}
    POST /workflows {"name":"a","trigger":{"type":"api"},"steps":[{"id":"x","type":"transfrom","config":{}}]}
        400 {"code":"VALIDATION_ERROR","details":[{"message":"step `x` has the unknown type `transfrom` (did you mean `transform`?); there are: action, agent, approval, code, condition, data_table, email, loop, parallel, slack, subworkflow, transform, wait","place":"steps[0].type"}],"message":"Invalid workflow configuration"}
    POST /workflows {"name":"a","trigger":{"type":"api"},"steps":[],"flowData":"{}"}
        400 {"code":"VALIDATION_ERROR","details":[{"message":"the workflow has `steps`","place":"flowData"}],"message":"Invalid workflow configuration"}
    POST /workflows/validate []
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: it is a list; send an object."}
    PUT /workflows/{workflow} {"expectedVersion":0}
        400 {"code":"VALIDATION_ERROR","details":[{"message":"it is a whole number from 1","place":"expectedVersion"}],"message":"Invalid workflow configuration"}
    PUT /workflows/{workflow} {"expectedVersion":9,"name":"new"}
        409 {"code":"CONFLICT","message":"version 9 was expected, but the workflow is at version 1"}
    PUT /workflows/{workflow} {"name":5}
        400 {"code":"VALIDATION_ERROR","details":[{"message":"it is not a string","place":"name"}],"message":"Invalid workflow configuration"}
    PUT /workflows/{workflow} {"steps":"none"}
        400 {"code":"VALIDATION_ERROR","details":[{"message":"it is \"none\"; it must be an array","place":"steps"}],"message":"Invalid workflow configuration"}
    PUT /workflows/nobody {"name":"new"}
        404 {"code":"NOT_FOUND","message":"There is no such workflow, or this key does not reach it."}
    "#);
}

#[tokio::test]
async fn finding_workflows() {
    let told = Bench::start().await.refusals(FINDING).await;
    insta::assert_snapshot!(told, @r#"
    GET /workflows?limit=0 
        400 {"code":"VALIDATION_ERROR","message":"`limit` is 0; it goes from 1 to 100."}
    GET /workflows?limit=101 
        400 {"code":"VALIDATION_ERROR","message":"`limit` is 101; it goes from 1 to 100."}
    GET /workflows?limit=x 
        400 {"code":"VALIDATION_ERROR","message":"`limit` in the query string: it is not a whole number."}
    GET /workflows?limit=1&limit=2 
        400 {"code":"VALIDATION_ERROR","message":"In the query string: duplicate field `limit`."}
    GET /workflows?cursor=x 
        400 {"code":"VALIDATION_ERROR","message":"`cursor` is not one that this server gave; leave it out to start at the first page."}
    GET /workflows?status=on 
        400 {"code":"VALIDATION_ERROR","message":"`status` in the query string: unknown variant `on`, expected one of `draft`, `active`, `paused`, `archived`."}
    GET /workflows?serach=a 
        400 {"code":"VALIDATION_ERROR","message":"`serach` in the query string: unknown field `serach`, expected one of `status`, `search`, `limit`, `cursor`."}
    GET /workflows/nobody 
        404 {"code":"NOT_FOUND","message":"There is no such workflow, or this key does not reach it."}
    DELETE /workflows/{workflow}?purge=maybe 
        400 {"code":"VALIDATION_ERROR","message":"`purge` in the query string: it is `true` or `false`."}
    DELETE /workflows/{workflow}?prge=true 
        400 {"code":"VALIDATION_ERROR","message":"`prge` in the query string: unknown field `prge`, expected `purge`."}
    GET /workflows/{workflow}/versions?limit=0 
        400 {"code":"VALIDATION_ERROR","message":"`limit` is 0; it goes from 1 to 100."}
    GET /workflows/{workflow}/versions?cursor=eyJ0cyI6MSwiaWQiOiJ4In0= 
        400 {"code":"VALIDATION_ERROR","message":"`cursor` is not one of this list."}
    GET /workflows/{workflow}/versions/0 
        404 {"code":"NOT_FOUND","message":"There is no such version, or this key does not reach it."}
    GET /workflows/{workflow}/versions/x 
        404 {"code":"NOT_FOUND","message":"There is no such version, or this key does not reach it."}
    GET /workflows/{workflow}/versions/99 
        404 {"code":"NOT_FOUND","message":"There is no such version, or this key does not reach it."}
    POST /workflows/{workflow}/versions/99/restore 
        404 {"code":"NOT_FOUND","message":"There is no such version, or this key does not reach it."}
    POST /workflows/nobody/activate 
        404 {"code":"NOT_FOUND","message":"There is no such workflow, or this key does not reach it."}
    POST /workflows/nobody/pause 
        404 {"code":"NOT_FOUND","message":"There is no such workflow, or this key does not reach it."}
    "#);
}
