//! Files that are sent along with a question: images, which a model sees, and texts, which stand before the question.
//! May not know how they came in. Promises: anything else is refused by name; what is kept of an image is what was sent, under
//! a type that no browser runs.

use super::prediction_body::mistake;
use crate::http::problem::Problem;
use crate::model::chatflow::ChatFile;
use crate::model::media::{file_name, served_type};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The most files that are sent along with one question.
const MAX_UPLOADS: usize = 32;

/// What was sent along.
#[derive(Default)]
pub(super) struct Uploads {
    /// URLs of images (`https:` or `data:`).
    pub(super) images: Vec<String>,
    /// Texts, each wrapped as `<doc name='…'>…</doc>`.
    pub(super) attachment: String,
    /// What the message says of them.
    pub(super) told: Vec<Value>,
    /// The images whose bytes were sent.
    pub(super) files: Vec<ChatFile>,
}

impl Uploads {
    pub(super) fn read(items: &[Value]) -> Result<Uploads, Problem> {
        if items.len() > MAX_UPLOADS {
            return Err(mistake(format!(
                "`uploads` has {} entries; it may have {MAX_UPLOADS}",
                items.len()
            )));
        }
        let mut uploads = Uploads::default();
        for item in items {
            uploads.add(item)?;
        }
        Ok(uploads)
    }

    fn add(&mut self, item: &Value) -> Result<(), Problem> {
        let said = |name: &str| item[name].as_str().unwrap_or_default();
        let (kind, mime, data) = (said("type"), said("mime"), said("data"));
        let name = file_name(Some(said("name"))).map_err(mistake)?;
        let mut told = kind;
        match kind {
            "file:full" => {
                let name = name.replace(['\'', '<', '>'], "");
                let text = format!("<doc name='{name}'>{data}</doc>\n");
                self.attachment.push_str(&text);
            }
            "url" if data.starts_with("https://") || data.starts_with("http://") => {
                self.images.push(data.to_owned());
            }
            "file" if data.starts_with("data:image/") => {
                self.files.push(image(&name, data)?);
                self.images.push(data.to_owned());
                told = "stored-file";
            }
            _ => {
                return Err(mistake(format!(
                    "An upload of type `{kind:.40}` is not taken here: send images (`file` with a data URL, `url`) or texts of files (`file:full`)"
                )));
            }
        }
        let told = json!({ "type": told, "name": name, "mime": mime });
        self.told.push(told);
        Ok(())
    }
}

/// The bytes in a data URL.
fn image(name: &str, url: &str) -> Result<ChatFile, Problem> {
    let read = || {
        let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
        let media_type = head.strip_suffix(";base64")?;
        let bytes = STANDARD.decode(data).ok()?;
        Some((served_type(Some(media_type)), bytes))
    };
    let (content_type, bytes) = read().ok_or_else(|| {
        mistake(format!(
            "The image `{name}` is no data URL with base64: `data:image/png;base64,…`"
        ))
    })?;
    Ok(ChatFile {
        name: name.to_owned(),
        content_type: content_type.to_owned(),
        bytes,
    })
}
