//! Workflows: the list, one workflow with the picture of its steps, its versions, an editor of its JSON, and a form that runs
//! it. May not know how workflows are checked, kept or run. Promises: a page has a bounded size and costs a bounded time,
//! but for the editor, which holds the whole definition; whatever is stored is shown as text.

mod act;
mod address;
mod definition_text;
mod detail;
mod difference;
mod editor;
mod figures;
mod input_form;
mod line;
mod list;
mod run;
mod versions;

use super::signed_in;
use crate::http::endpoint::Endpoint;
use warp::http::Method;

/// Which part of the dashboard this is.
const PART: &str = "workflows";

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/dashboard/workflows";
    const ONE: &str = "/dashboard/workflows/:id";
    const EDIT: &str = "/dashboard/workflows/:id/edit";
    const ARCHIVE: &str = "/dashboard/workflows/:id/archive";
    const VERSIONS: &str = "/dashboard/workflows/:id/versions";
    const DIFFERENCE: &str = "/dashboard/workflows/:id/difference";
    const RUN: &str = "/dashboard/workflows/:id/run";
    vec![
        signed_in(Method::GET, LIST, list::list),
        signed_in(Method::POST, LIST, editor::create),
        signed_in(Method::GET, "/dashboard/workflows/new", editor::new),
        signed_in(Method::GET, ONE, detail::look),
        signed_in(Method::GET, EDIT, editor::edit),
        signed_in(Method::POST, EDIT, editor::save),
        signed_in(
            Method::POST,
            "/dashboard/workflows/:id/activate",
            act::activate,
        ),
        signed_in(Method::POST, "/dashboard/workflows/:id/pause", act::pause),
        signed_in(Method::GET, ARCHIVE, act::ask_to_archive),
        signed_in(Method::POST, ARCHIVE, act::archive),
        signed_in(Method::GET, VERSIONS, versions::list),
        signed_in(Method::GET, DIFFERENCE, versions::compare),
        signed_in(Method::GET, RUN, run::ask),
        signed_in(Method::POST, RUN, run::start),
    ]
}
