//! The form of each step type. A new step type adds its own here; a test looks that each has one.

use super::FieldKind::{Flag, Json, Number, Steps, Text};
use super::data::{CODE, DATA_TABLE};
use super::services::{AGENT, EMAIL, EMAIL_SEND, SLACK, SLACK_SEND_MESSAGE};
use super::{Form, choice, field, required};

/// The form of each step type, in the order of their names.
pub(super) static STEPS: [Form; 15] = [
    AGENT,
    Form {
        name: "api.request",
        title: "API request",
        category: "Network",
        is_integration: false,
        fields: &[
            required("url", Text, "An absolute http or https URL."),
            choice(
                "method",
                &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"],
                "Default GET.",
            ),
            field(
                "connection",
                Text,
                "The connection whose credential the call has, by id or provider.",
            ),
            field("headers", Json, "An object, or rows of `Key` and `Value`."),
            field("params", Json, "Query parameters, in the same forms."),
            field("body", Json, "What is sent: JSON or a text."),
            choice(
                "responseFormat",
                &["auto", "json", "csv", "text", "pdf", "binary"],
                "How the answer is read; default by its content type.",
            ),
            field("csvDelimiter", Text, "One character; default a comma."),
            field("timeout", Number, "For one attempt, in milliseconds."),
            field("maxResponseBytes", Number, "A longer answer is an error."),
            field(
                "failOnError",
                Flag,
                "Whether a status from 400 is an error; default true.",
            ),
            field("retries", Number, "How often to try again; default 0."),
            field(
                "retryDelayMs",
                Number,
                "Before the second attempt, in milliseconds.",
            ),
            field(
                "retryMaxDelayMs",
                Number,
                "No delay is longer, in milliseconds.",
            ),
            field(
                "retryNonIdempotent",
                Flag,
                "Whether POST and PATCH are tried again too.",
            ),
        ],
        outputs: &[
            "data",
            "status",
            "headers",
            "ok",
            "text",
            "rows",
            "columns",
            "content",
            "contentType",
            "sizeBytes",
        ],
    },
    Form {
        name: "approval",
        title: "Approval",
        category: "Flow",
        is_integration: false,
        fields: &[
            field(
                "approvers",
                Json,
                "Who is asked: a list, or a text with commas.",
            ),
            field("reason", Text, "What is asked."),
            field(
                "timeout",
                Text,
                "How long to wait, like `30m`, `24h`, `3d`; default a day.",
            ),
            field("timeoutMs", Number, "The same in milliseconds."),
            choice(
                "timeoutAction",
                &["fail", "approve", "reject"],
                "What happens then; default `fail`.",
            ),
            choice(
                "inputType",
                &["buttons", "text", "both"],
                "How it is answered; default `buttons`.",
            ),
            field("inputLabel", Text, "What stands beside the text."),
            field("inputPlaceholder", Text, "What stands in the empty text."),
            field("approveLabel", Text, "What stands on the one button."),
            field("rejectLabel", Text, "What stands on the other."),
            field("context", Json, "What else whoever answers should see."),
        ],
        outputs: &["approved", "approvedBy", "approvedAt", "comment"],
    },
    CODE,
    Form {
        name: "condition",
        title: "Condition",
        category: "Flow",
        is_integration: false,
        fields: &[
            required(
                "conditions",
                Json,
                "`{left, operator, right}`, a group of such, or rows of `{field, operator, value}`.",
            ),
            choice(
                "combineOperator",
                &["AND", "OR"],
                "How rows are joined; default AND.",
            ),
            field("then", Steps, "The steps that run when it is true."),
            field("else", Steps, "The steps that run when it is false."),
        ],
        outputs: &["result", "true", "false"],
    },
    DATA_TABLE,
    EMAIL,
    EMAIL_SEND,
    Form {
        name: "loop",
        title: "Loop",
        category: "Flow",
        is_integration: false,
        fields: &[
            required("steps", Steps, "The steps that run in each iteration."),
            choice(
                "loopType",
                &["forEach", "for", "while"],
                "Default by the other fields.",
            ),
            field("collection", Json, "Of `forEach`: the items."),
            field("iterations", Number, "Of `for`: how often."),
            field(
                "whileCondition",
                Json,
                "Of `while`: asked before each iteration.",
            ),
            field(
                "breakCondition",
                Json,
                "Asked after each iteration: true ends the loop.",
            ),
            field(
                "itemVariable",
                Text,
                "The item's name in templates; default `item`.",
            ),
            field(
                "indexVariable",
                Text,
                "The index's name in templates; default `index`.",
            ),
            field("batchSize", Number, "So many items at once; default 1."),
            field(
                "maxIterations",
                Number,
                "The most there may be; default 100.",
            ),
        ],
        outputs: &["results", "count", "currentItem", "currentIndex"],
    },
    Form {
        name: "parallel",
        title: "Parallel",
        category: "Flow",
        is_integration: false,
        fields: &[
            field("branches", Json, "Lists of step ids that run side by side."),
            field(
                "steps",
                Steps,
                "With `forEachSource`: the steps that run for each item.",
            ),
            field("forEachSource", Json, "The items."),
            field(
                "forEachAs",
                Text,
                "The item's name in templates; default `item`.",
            ),
            field(
                "indexVariable",
                Text,
                "The index's name in templates; default `index`.",
            ),
            choice(
                "strategy",
                &["wait-all", "fail-fast"],
                "What a failure means for the others.",
            ),
            field("waitForAll", Flag, "The same: false is `fail-fast`."),
            field("concurrency", Number, "How many at once."),
            field("timeoutMs", Number, "For all of it, in milliseconds."),
        ],
        outputs: &["results", "errors", "completedCount"],
    },
    SLACK,
    SLACK_SEND_MESSAGE,
    Form {
        name: "subworkflow",
        title: "Sub-workflow",
        category: "Flow",
        is_integration: false,
        fields: &[
            required("workflowId", Text, "The workflow to run."),
            field("inputMapping", Json, "Its input."),
            field(
                "waitForCompletion",
                Flag,
                "Whether to wait for its end; default true.",
            ),
            field("timeoutMinutes", Number, "How long it may take."),
            field("maxDurationSeconds", Number, "The same in seconds."),
            field(
                "idempotencyKey",
                Text,
                "The same key within 24 hours gives the same run.",
            ),
        ],
        outputs: &[
            "result",
            "runId",
            "status",
            "durationMs",
            "reusedExistingRun",
        ],
    },
    Form {
        name: "transform",
        title: "Transform",
        category: "Data",
        is_integration: false,
        fields: &[
            choice(
                "action",
                &["transform", "map", "normalize", "validate", "enrich"],
                "What for; default `transform`.",
            ),
            field(
                "sourceData",
                Json,
                "What is transformed; needed where there is no `script`.",
            ),
            field(
                "normalizations",
                Json,
                "Rows of `{field, transform, default}`: what is done to the source first.",
            ),
            field(
                "mappingRules",
                Json,
                "Rows of `{source, target, transform, default}`; without rules the output is the source.",
            ),
            field(
                "validationRules",
                Json,
                "Rows of `{field, rule, value, message}` that the source must fit.",
            ),
            field(
                "targetSchema",
                Json,
                "JSON Schema that the output must fit.",
            ),
            field(
                "strict",
                Flag,
                "Whether a rule that does not work is an error; default false.",
            ),
            field(
                "script",
                Text,
                "In place of all that, JavaScript that returns the output. Never a template.",
            ),
            field("input", Json, "What the script knows as `input`."),
            field(
                "timeout",
                Number,
                "For one run of the script, in milliseconds.",
            ),
            field(
                "sandbox",
                Json,
                "`{timeoutMs, maxOutputSize}`: the script's limits, in milliseconds and bytes.",
            ),
        ],
        outputs: &[],
    },
    Form {
        name: "wait",
        title: "Wait",
        category: "Flow",
        is_integration: false,
        fields: &[
            required(
                "duration",
                Number,
                "How long, in milliseconds or in `unit`s.",
            ),
            choice(
                "unit",
                &["milliseconds", "seconds", "minutes", "hours", "days"],
                "What `duration` counts; default milliseconds.",
            ),
        ],
        outputs: &["waited", "durationMs", "completedAt"],
    },
];
