//! Flowlatch: a workflow server in one binary and one SQLite file. Every route stands behind a scoped API key; every run
//! survives a crash.
//!
//! # The map
//!
//! Arrows go down only. A test reads the sources and checks them, and which crate may be used where.
//!
//! ```text
//! main → cli → app            app puts the parts together: the only one that knows every layer
//!               ↓
//!              http           the only warp and hyper: endpoints, guards, answers
//!           ┌───┴───┐
//!         engine   auth       runs; keys. Neither knows the other, neither knows HTTP
//!           └───┬───┘
//!             store           the only SQL
//!               ↓
//!             model           pure rules: no I/O, no async, no clock
//!               ↓
//!   error · id · clock · secret · config · data_folder
//! ```
//!
//! (`config` takes the form of its limits from `model`, `data_folder` is known by `app` and `cli` alone.)
//!
//! | to learn | read |
//! |---|---|
//! | what a key may do | [`model::scope`], then [`auth`] |
//! | how a limit counts | [`model::limit`] |
//! | how a definition becomes a plan | [`model::plan::steps`] |
//! | what a run does next | [`model::plan::next`], a pure function; then [`engine`] |
//! | when a schedule fires | [`model::trigger::ScheduleTrigger`] |
//! | what a step type is | [`engine::step`]: one file a type |
//! | how a script is kept within its bounds | [`engine::script`] |
//! | which endpoints there are | [`http::table`] |
//! | what is on disk | `schema.sql`, then [`store`] |
//! | what comes of a Flowise database | [`app::import_flowise`] |
//! | what can be set | [`config::SETTINGS`] |
//! | how the server starts and stops | [`app::App`] |
//!
//! A program that embeds the server needs [`app::App`] and [`config::Config`], and nothing else; `examples/embed.rs` does it.
//!
//! # The way of a request
//!
//! 1. `http::serve` accepts the connection. `http::front` checks `Host`, and finds the endpoint in a table: 404 and 405 are
//!    known from the table alone.
//! 2. The endpoint's own warp chain begins with its guard: who is it (401), within its limit (429), with the permission
//!    (403). Only a guard makes the `Ctx` that handlers take, so there is no handler without one.
//! 3. The body is read after that, within bounds. The handler asks `auth`, `engine` or `store`, and gives an answer or a
//!    [`http::Problem`].
//! 4. Every answer, also that of a panic, leaves through `http::finish`: there a problem is put into words, and the
//!    headers that all answers have are written.
//!
//! # The way of a run
//!
//! 1. [`engine::Engine::start`] checks the input and makes a run that pins the definition it starts with.
//! 2. [`model::plan::next`] says from plan and state what to do now. The engine does it and appends what happened to the
//!    run's journal. The state is the fold of the journal, and nothing else.
//! 3. Pure steps share the next commit. A step with effects has its start committed before the call and its result after.
//! 4. A run that waits is parked: only its number and its moment stay in memory.
//! 5. After a restart every unfinished journal is folded, and the same function says what comes next. An attempt that was
//!    under way is recorded as unknown, and made again with the same `Idempotency-Key` unless the step says otherwise.
//!
//! # What always holds
//!
//! - Nobody is told of anything before the commit that makes it true. One thread writes, and what has queued up shares a
//!   commit.
//! - A recorded step is never run again; a finished status never changes; a run keeps the version that it started with.
//! - A key's text exists in the answer that makes it. At rest there is Argon2id, in memory a keyed digest; types that hold
//!   a secret cannot be printed.
//! - A changed, disabled or revoked key is so for the very next request.
//! - A limit is exact: never more in any 60 seconds, never a refusal below it.
//! - Everything that comes from outside is bounded in size, depth, number and time.
//! - A moment is absolute and handed in; only `clock` reads the machine's clocks, so that tests can move time.
//! - A user's script reaches nothing of the host and runs in a process of its own, which it may break without harm.
//! - Outgoing calls go through one client, which checks the address at connect and on every redirect, and never calls the
//!   server itself.
//!
//! # What is absent on purpose
//!
//! - No route without a named access, no order of routes that matters, no middleware that could be forgotten.
//! - No state of a run that its journal would not give back, no queue in memory that a crash would empty.
//! - No trait with one implementation, no second way to the database, no SQL put together from text.
//! - No `unsafe`, and no `unwrap` outside tests.

pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_folder;
pub mod engine;
pub mod error;
pub mod http;
pub mod id;
pub mod model;
pub mod secret;
pub mod store;
mod to_its_end;
