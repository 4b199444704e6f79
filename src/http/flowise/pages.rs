//! From which pages a browser may ask a flow: those that the flow's owner has listed, or every one where there is no list.
//! May not know whether the caller may ask. Promise: a page that the flow refuses cannot read its answers either; of `/leads`,
//! where the flow stands in the body, it reads that it is refused.

use super::flows::{Flow, find};
use crate::http::visit::Visit;
use crate::model::workflow::Reach;
use warp::http::{HeaderValue, header};

/// Which flow a path is of that a widget asks.
enum Asked {
    /// The one with this id.
    Flow(String),
    /// The one whose message this feedback is about, or the flow itself.
    Feedback(String),
    /// One that the body names.
    Any,
}

/// The origin of the page that asks, if `path` is of a flow that lets it.
pub(in crate::http) fn page_origin(visit: &Visit, path: &str) -> Option<HeaderValue> {
    let origin = visit.headers.get(header::ORIGIN)?;
    let named = origin.to_str().ok().filter(|origin| *origin != "null")?;
    let flow = match asked(visit, path)? {
        Asked::Any => return Some(origin.clone()),
        Asked::Flow(id) => known(visit, &id)?,
        Asked::Feedback(id) => known(visit, &id).or_else(|| of_feedback(visit, &id))?,
    };
    let is_let = flow.chatbot().refuses_origin(named).is_none();
    is_let.then(|| origin.clone())
}

/// Which flow is meant; `None` where a widget has no business.
fn asked(visit: &Visit, path: &str) -> Option<Asked> {
    let mut segments = path.strip_prefix("/api/v1/")?.split('/');
    let (first, second) = (segments.next()?, segments.next());
    let flow = |id: &str| Asked::Flow(id.to_owned());
    match first {
        "attachments"
        | "chatflows-streaming"
        | "chatflows-uploads"
        | "prediction"
        | "public-chatbotConfig" => second.map(flow),
        "chatmessage" if second == Some("abort") => segments.next().map(flow),
        "feedback" => second.map(|id| Asked::Feedback(id.to_owned())),
        "get-upload-file" => {
            let pairs: Vec<(String, String)> = serde_urlencoded::from_str(visit.query()).ok()?;
            let mut ids = pairs.iter().filter(|(name, _)| name == "chatflowId");
            ids.next().map(|(_, id)| flow(id))
        }
        "leads" if second.is_none_or(str::is_empty) => Some(Asked::Any),
        _ => None,
    }
}

fn known(visit: &Visit, id: &str) -> Option<Flow> {
    find(&visit.api, id, &Reach::All).ok()
}

fn of_feedback(visit: &Visit, id: &str) -> Option<Flow> {
    let found = visit.api.store.feedback(&id.parse().ok()?).ok()?;
    known(visit, found?.0.as_str())
}
