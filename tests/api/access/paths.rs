//! The path of every endpoint, with something in the place of each parameter.

use super::fixtures::Fixtures;
use flowlatch::http::{Door, Endpoint};
use reqwest::Method;

/// The path at which an endpoint does something. `prefix` stands in the place of `/api`.
pub(super) fn path(endpoint: &Endpoint, fixtures: &Fixtures, prefix: &str) -> String {
    let mut path = endpoint.pattern.replacen("/api", prefix, 1);
    let workflow = match endpoint.door {
        Door::Wireflow => &fixtures.graph,
        // Only graphs can be published.
        _ if endpoint.pattern.ends_with("/publish") => &fixtures.graph,
        _ => &fixtures.workflow,
    };
    let feedback = match endpoint.method {
        Method::PUT => &fixtures.feedback,
        _ => &fixtures.flow,
    };
    for (place, id) in [
        ("/workflows/executions/:id", &fixtures.execution),
        ("/apikey/:id", &fixtures.key),
        ("/chatflows/:id", &fixtures.flow),
        ("/has-changed/:id", &fixtures.flow),
        ("/chatflows-uploads/:id", &fixtures.flow),
        ("/public-chatflows/:id", &fixtures.flow),
        ("/public-chatbotConfig/:id", &fixtures.flow),
        ("/prediction/:id", &fixtures.flow),
        ("/abort/:id", &fixtures.flow),
        ("/chatmessage/:id", &fixtures.flow),
        ("/stats/:id", &fixtures.flow),
        ("/feedback/:id", feedback),
        ("/executions/:id", &fixtures.prediction),
        ("/attachments/:id", &fixtures.flow),
        ("/webhook/:id", &fixtures.hooked),
        ("/public-executions/:id", &fixtures.prediction),
        ("/leads/:id", &fixtures.flow),
        ("/variables/:id", &fixtures.variable),
        ("/workflows/:id", workflow),
        ("/workflow/:webhookId", &fixtures.webhook),
        ("/apps/:slug", &fixtures.app),
        ("/runs/:id", &fixtures.run),
        ("/events/:id", &fixtures.event),
        ("/api-keys/:id", &fixtures.key),
        ("/tables/:id", &fixtures.table),
        ("/table-folders/:id", &fixtures.folder),
        ("/rows/:rowId", &fixtures.row),
        ("/connections/:id", &fixtures.connection),
        ("/agents/:id", &fixtures.agent),
        ("/media/:id", &fixtures.media),
    ] {
        let (kind, _) = place.split_once(':').expect("a parameter");
        path = path.replace(place, &format!("{kind}{id}"));
    }
    path = path.replace("/secrets/:name", "/secrets/KEPT");
    for (parameter, value) in [
        (":version", "1"),
        (":since", "2030-01-31T00:00:00.000Z"),
        (":chatId", "a-chat"),
        (":stepId", "ask"),
        (":nodeId", "say"),
        ("/blocks/:type", "/blocks/wait"),
        ("/by-slug/:slug", "/by-slug/hello"),
        ("/templates/:id", "/templates/tpl_hello"),
    ] {
        path = path.replace(parameter, value);
    }
    assert!(!path.contains("/:"), "a parameter without a value: {path}");
    if endpoint.pattern.ends_with("/get-upload-file") {
        path = format!(
            "{path}?chatflowId={}&chatId=c&fileName=cat.png",
            fixtures.flow
        );
    }
    path
}
