//! `/media/<id>/<expires>/<signature>`: the link through which an uploaded file is fetched without a key.
//! May not know where files lie. Promises: what a client has uploaded is saved and never shown as a page of this server; a wrong
//! link says the same whatever it misses, is counted by address, and audited.

use super::address_limits::{AddressCategory, within_address_limit};
use super::describe::{Word, about};
use super::door::Door;
use super::endpoint::Endpoint;
use super::problem::Problem;
use super::visit::Visit;
use crate::engine::media::MediaError;
use crate::id::MediaId;
use crate::model::media::{MediaFile, disposition};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use std::io;
use std::sync::Arc;
use sync_wrapper::SyncStream;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use warp::Reply as _;
use warp::http::{HeaderName, HeaderValue, Method, header};
use warp::reply::Response;

/// A file is read and sent in pieces of so many bytes.
const PIECE_BYTES: usize = 64 << 10;

/// What keeps a browser from making a page of a file, and others from keeping it.
pub(super) const SAVED: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("private")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
];

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LINK: &str = "/media/:id/:expires/:signature";
    vec![
        Endpoint::unkeyed(Door::Page, Method::GET, LINK, fetch).described(
            about("Wireflow: media", "Fetch an uploaded file through its link")
                .says("As an attachment, under the media type it was kept with.")
                .path::<MediaId>()
                .path::<Word>()
                .path::<Word>()
                .gives_bytes("The file.")
                .with_header("Content-Disposition", "What the file is called.")
                .may(410, "The link has expired.")
                .limits_addresses("Over the limit of the address (setting `limit_read`).")
                .refuses_in_html(),
        ),
    ]
}

async fn fetch(visit: Arc<Visit>) -> Result<Response, Problem> {
    within_address_limit(&visit, AddressCategory::Read)?;
    let [id, expires, signature] = [0, 1, 2].map(|index| visit.parameter(index));
    match visit.api.media.follow(id, expires, signature).await {
        Ok((kept, file)) => sent(&kept, file),
        Err(error) => {
            if matches!(error, MediaError::NotFound) {
                let (keyring, peer) = (&visit.api.keyring, visit.peer.address);
                keyring.note_refusal("media_link", None, peer);
            }
            Err(error.into())
        }
    }
}

fn sent(kept: &MediaFile, file: File) -> Result<Response, Problem> {
    let mut response = warp::reply::stream(SyncStream::new(pieces(file))).into_response();
    let text = |text: &str| HeaderValue::from_str(text).map_err(|error| Problem::internal(&error));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, text(&kept.content_type)?);
    headers.insert(header::CONTENT_LENGTH, kept.size_bytes.into());
    headers.insert(header::CONTENT_DISPOSITION, text(&disposition(&kept.name))?);
    headers.extend(SAVED);
    Ok(response)
}

/// The bytes of a file. An error ends the connection before the promised length: the client sees that something is missing.
fn pieces(file: File) -> impl stream::Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(file, |mut file| async move {
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        let bytes = file.read_buf(&mut piece).await?;
        Ok((bytes > 0).then(|| (piece.freeze(), file)))
    })
}
