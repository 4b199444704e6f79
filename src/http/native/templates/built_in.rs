//! The files of the workflows that are built in. May not know what is made of them.
//! Promise: each is an example of the repository, word for word.

/// A workflow that is built in: slug, category, tags, and the file with its definition.
pub(super) struct BuiltIn(
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) &'static [&'static str],
    pub(super) &'static str,
);

pub(super) const BUILT_IN: [BuiltIn; 13] = [
    BuiltIn(
        "hello",
        "basics",
        &["condition"],
        include_str!("../../../../examples/workflows/hello.json"),
    ),
    BuiltIn(
        "order-review",
        "orders",
        &["http", "condition", "retries"],
        include_str!("../../../../examples/workflows/order-review.json"),
    ),
    BuiltIn(
        "enrich-and-branch",
        "orders",
        &["http", "parallel", "condition"],
        include_str!("../../../../examples/workflows/enrich-and-branch.json"),
    ),
    BuiltIn(
        "approve-payment",
        "payments",
        &["http", "approval", "condition"],
        include_str!("../../../../examples/workflows/approve-payment.json"),
    ),
    BuiltIn(
        "paginated-fetch",
        "data",
        &["http", "loop", "tables"],
        include_str!("../../../../examples/workflows/paginated-fetch.json"),
    ),
    BuiltIn(
        "nightly-cleanup",
        "data",
        &["schedule", "tables", "loop"],
        include_str!("../../../../examples/workflows/nightly-cleanup.json"),
    ),
    BuiltIn(
        "daily-report",
        "reports",
        &["schedule", "http", "email"],
        include_str!("../../../../examples/workflows/daily-report.json"),
    ),
    BuiltIn(
        "push-to-chat",
        "operations",
        &["webhook", "code", "slack"],
        include_str!("../../../../examples/workflows/push-to-chat.json"),
    ),
    BuiltIn(
        "deploy-check",
        "operations",
        &["http", "wait", "retries"],
        include_str!("../../../../examples/workflows/deploy-check.json"),
    ),
    BuiltIn(
        "fan-out",
        "operations",
        &["http", "parallel", "code"],
        include_str!("../../../../examples/workflows/fan-out.json"),
    ),
    BuiltIn(
        "flaky-api",
        "operations",
        &["http", "retries", "tables"],
        include_str!("../../../../examples/workflows/flaky-api.json"),
    ),
    BuiltIn(
        "name-tags",
        "graphs",
        &["graph", "iterator"],
        include_str!("../../../../examples/workflows/name-tags.json"),
    ),
    BuiltIn(
        "product-copy",
        "graphs",
        &["graph", "llm"],
        include_str!("../../../../examples/workflows/product-copy.json"),
    ),
];

/// A template as its file has it: JSON, the body of a new workflow.
pub(in crate::http) fn template_text(slug: &str) -> Option<&'static str> {
    let mut built_in = BUILT_IN.iter();
    let found = built_in.find(|built_in| built_in.0 == slug)?;
    Some(found.3)
}
