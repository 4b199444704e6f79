//! The cookie that holds a session. May not know what a session is.
//! Promise: its name is this server's alone (cookies ignore ports), no script can read it, and no other site's page sends it.

use crate::auth::SESSION_SECONDS;
use crate::http::visit::Visit;
use crate::secret::SecretText;
use warp::http::{HeaderValue, header};
use warp::reply::Response;

/// The text of the session that the browser holds, if it holds one of this server.
pub(in crate::http) fn session_text(visit: &Visit) -> Option<&str> {
    let name = name(visit);
    let cookies = visit.headers.get_all(header::COOKIE).iter();
    cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, text)| text)
}

/// Has the browser hold a session.
pub(super) fn hold(visit: &Visit, response: &mut Response, session: &SecretText) {
    set(visit, response, session.expose(), SESSION_SECONDS);
}

/// Has the browser forget it.
pub(super) fn forget(visit: &Visit, response: &mut Response) {
    set(visit, response, "", 0);
}

fn set(visit: &Visit, response: &mut Response, text: &str, seconds: i64) {
    let options = &visit.api.options;
    let secure = if options.secure_cookies {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "{}={text}; Path={}/dashboard; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}",
        name(visit),
        options.base_path,
    );
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn name(visit: &Visit) -> String {
    format!("flowlatch_{}", visit.api.options.instance)
}
