//! `/runs` and the start of runs: what does not fit, and what a client reads then.

use super::routes::{Bench, Row};

#[rustfmt::skip]
const STARTING: &[Row] = &[
    ("POST", "/workflows/{workflow}/run", "{"),
    ("POST", "/workflows/{workflow}/run", r#"{"input":[]}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"input":"text"}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"input":{"amount":0}}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"input":{"amount":"ten"}}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"inputs":{}}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"mode":"later"}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"mode":"sync","mode":"sync"}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"mode":"sync","maxExecutionTimeMs":0}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"mode":"sync","maxExecutionTimeMs":300001}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"idempotencyKey":""}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"idempotencyKey":"{long}"}"#),
    ("POST", "/workflows/{workflow}/run", r#"{"connectionId":"stripe"}"#),
    ("POST", "/workflows/nobody/run", "{}"),
];

#[rustfmt::skip]
const FINDING: &[Row] = &[
    ("GET", "/runs?limit=0", ""),
    ("GET", "/runs?cursor=!", ""),
    ("GET", "/runs?status=done", ""),
    ("GET", "/runs?workflowId=../x", ""),
    ("GET", "/runs?workflow=x", ""),
    ("GET", "/runs/nobody", ""),
    ("GET", "/runs/nobody/logs", ""),
    ("GET", "/runs/nobody/events", ""),
    ("POST", "/runs/nobody/cancel", ""),
    ("POST", "/runs/nobody/retry", ""),
    ("POST", "/runs/{run}/cancel", ""),
    ("POST", "/runs/{run}/retry", ""),
];

#[tokio::test]
async fn starting_runs() {
    let told = Bench::start().await.refusals(STARTING).await;
    insta::assert_snapshot!(told, @r#"
    POST /workflows/{workflow}/run {
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: EOF while parsing an object at line 1 column 1."}
    POST /workflows/{workflow}/run {"input":[]}
        400 {"code":"VALIDATION_ERROR","message":"`input` is not an object; send {\"input\":{…}}."}
    POST /workflows/{workflow}/run {"input":"text"}
        400 {"code":"VALIDATION_ERROR","message":"`input` is not an object; send {\"input\":{…}}."}
    POST /workflows/{workflow}/run {"input":{"amount":0}}
        400 {"code":"VALIDATION_ERROR","details":[{"message":"0 is less than the minimum of 1","place":"input.amount"}],"message":"The input does not fit: input.amount: 0 is less than the minimum of 1"}
    POST /workflows/{workflow}/run {"input":{"amount":"ten"}}
        400 {"code":"VALIDATION_ERROR","details":[{"message":"\"ten\" is not of type \"number\"","place":"input.amount"}],"message":"The input does not fit: input.amount: \"ten\" is not of type \"number\""}
    POST /workflows/{workflow}/run {"inputs":{}}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: unknown field `inputs`, expected one of `input`, `idempotencyKey`, `mode`, `maxExecutionTimeMs`, `connectionId` at line 1 column 9."}
    POST /workflows/{workflow}/run {"mode":"later"}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: unknown variant `later`, expected `sync` or `async` at line 1 column 15."}
    POST /workflows/{workflow}/run {"mode":"sync","mode":"sync"}
        400 {"code":"VALIDATION_ERROR","message":"The body does not fit: duplicate field `mode` at line 1 column 21."}
    POST /workflows/{workflow}/run {"mode":"sync","maxExecutionTimeMs":0}
        400 {"code":"VALIDATION_ERROR","message":"`maxExecutionTimeMs` is 0; it goes from 1 to 300000."}
    POST /workflows/{workflow}/run {"mode":"sync","maxExecutionTimeMs":300001}
        400 {"code":"VALIDATION_ERROR","message":"`maxExecutionTimeMs` is 300001; it goes from 1 to 300000."}
    POST /workflows/{workflow}/run {"idempotencyKey":""}
        400 {"code":"VALIDATION_ERROR","message":"The idempotency key has 1 to 255 characters."}
    POST /workflows/{workflow}/run {"idempotencyKey":"{long}"}
        400 {"code":"VALIDATION_ERROR","message":"The idempotency key has 1 to 255 characters."}
    POST /workflows/{workflow}/run {"connectionId":"stripe"}
        400 {"code":"VALIDATION_ERROR","message":"`connectionId`: there is no connection `stripe` that this key reaches."}
    POST /workflows/nobody/run {}
        404 {"code":"NOT_FOUND","message":"There is no such workflow, or this key does not reach it."}
    "#);
}

#[tokio::test]
async fn finding_and_ending_runs() {
    let told = Bench::start().await.refusals(FINDING).await;
    insta::assert_snapshot!(told, @r#"
    GET /runs?limit=0 
        400 {"code":"VALIDATION_ERROR","message":"`limit` is 0; it goes from 1 to 100."}
    GET /runs?cursor=! 
        400 {"code":"VALIDATION_ERROR","message":"`cursor` is not one that this server gave; leave it out to start at the first page."}
    GET /runs?status=done 
        400 {"code":"VALIDATION_ERROR","message":"`status` in the query string: unknown variant `done`, expected one of `pending`, `running`, `completed`, `failed`, `cancelled`."}
    GET /runs?workflowId=../x 
        400 {"code":"VALIDATION_ERROR","message":"`workflowId` in the query string: `../x` is not an id: ids have 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`."}
    GET /runs?workflow=x 
        400 {"code":"VALIDATION_ERROR","message":"`workflow` in the query string: unknown field `workflow`, expected one of `workflowId`, `status`, `limit`, `cursor`."}
    GET /runs/nobody 
        404 {"code":"NOT_FOUND","message":"There is no such run, or this key does not reach it."}
    GET /runs/nobody/logs 
        404 {"code":"NOT_FOUND","message":"There is no such run, or this key does not reach it."}
    GET /runs/nobody/events 
        404 {"code":"NOT_FOUND","message":"There is no such run, or this key does not reach it."}
    POST /runs/nobody/cancel 
        404 {"code":"NOT_FOUND","message":"There is no such run, or this key does not reach it."}
    POST /runs/nobody/retry 
        404 {"code":"NOT_FOUND","message":"There is no such run, or this key does not reach it."}
    POST /runs/{run}/cancel 
        409 {"code":"CONFLICT","message":"the run is already `completed`; only an unfinished run can be cancelled"}
    POST /runs/{run}/retry 
        409 {"code":"CONFLICT","message":"the run is completed; only a failed or cancelled run can be retried"}
    "#);
}
