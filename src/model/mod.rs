//! What the server is about, as pure types and rules: keys, scopes, limits, usage, workflows, runs, plans, templates.
//! May not know: I/O, async, SQL, HTTP, or what time it is (a moment is always handed in).
//! Promise: everything here is a function of its arguments, so every rule can be tested without a server.

pub mod address_limit;
pub mod agent;
pub mod alert;
pub mod audit;
pub mod chatflow;
pub mod connection;
pub mod credit;
pub mod event;
pub mod flow;
pub mod flowise_import;
pub mod graph;
pub mod json;
pub mod key;
pub mod limit;
pub mod media;
pub mod page;
pub mod plan;
pub mod run;
pub mod run_search;
pub mod schema_work;
pub mod scope;
pub mod secret;
pub mod table;
pub mod template;
pub mod trigger;
pub mod usage;
pub mod workflow;
pub mod zone;
