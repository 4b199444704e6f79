//! From which pages a browser may ask a flow: those that the flow's owner has listed, or every one where there is no list.
//! May not know whether the caller may ask. Promise: a page that the flow refuses cannot read its answers either.

use super::flows::find;
use crate::http::visit::Visit;
use crate::model::chatflow::ChatbotConfig;
use crate::model::workflow::Reach;
use warp::http::{HeaderValue, header};

/// The first segments of the paths that a widget asks before and during a chat; the flow's id follows.
const OF_WIDGETS: [&str; 5] = [
    "chatflows-streaming",
    "chatflows-uploads",
    "feedback",
    "prediction",
    "public-chatbotConfig",
];

/// The origin of the page that asks, if `path` is of a flow that lets it.
pub(in crate::http) fn page_origin(visit: &Visit, path: &str) -> Option<HeaderValue> {
    let origin = visit.headers.get(header::ORIGIN)?;
    let named = origin.to_str().ok().filter(|origin| *origin != "null")?;
    let mut segments = path.strip_prefix("/api/v1/")?.split('/');
    let is_of_widgets = OF_WIDGETS.contains(&segments.next()?);
    let flow = segments.next().filter(|_| is_of_widgets)?;
    let flow = find(&visit.api, flow, &Reach::All).ok()?;
    let chatbot = ChatbotConfig::read(flow.details.chatbot_config.as_deref());
    chatbot
        .refuses_origin(named)
        .is_none()
        .then(|| origin.clone())
}
