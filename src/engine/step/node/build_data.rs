//! `utility:build_data`: puts the images of one list into the records of another, by their places.
//! May not know what uses the data. Promise: a mismatch is noted in the output, and nothing is lost silently.

use super::Handed;
use super::output::Room;
use crate::engine::step::{Done, field};
use crate::model::json::json_bytes;
use crate::model::run::StepError;
use serde_json::{Map, Value, json};

/// The field of a record that gets the image.
const IMAGE_KEY: &str = "bg";

/// `records` and `images`: lists, or JSON texts of lists. The output's `data` has a record for each place that both have.
pub(super) fn run(config: &Value, max_bytes: usize) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let (records, images) = (list(&node, "records")?, list(&node, "images")?);
    let key = node.params.get("imageKey").and_then(Value::as_str);
    let key = key.filter(|key| !key.is_empty()).unwrap_or(IMAGE_KEY);
    let (record_count, image_count) = (records.len(), images.len());
    let mut room = Room::new(max_bytes);
    let mut data = Vec::new();
    for (record, image) in records.into_iter().zip(images) {
        room.take(json_bytes(&record))?;
        let mut fields = match record {
            Value::Object(fields) => fields,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        let image = url_of(image);
        room.take(json_bytes(&image))?;
        fields.insert(room.named(key)?, image);
        data.push(Value::Object(fields));
    }
    let mut output = json!({ "data": data });
    if record_count != image_count {
        output["_warnings"] = json!({ "build": format!(
            "{record_count} records and {image_count} images: what one of them lacks is left out"
        ) });
    }
    Ok(Done { output, way: None })
}

fn list(node: &Handed<'_>, name: &str) -> Result<Vec<Value>, StepError> {
    let wrong = |what: &str| node.error("NOT_A_LIST", &format!("`{name}`: {what} is not a list"));
    match node.value(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items.clone()),
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(Value::Array(items)) => Ok(items),
            // One image is a list of one.
            _ if name == "images" => Ok(vec![Value::from(text.as_str())]),
            _ => Err(wrong("the text")),
        },
        Some(other) => Err(wrong(&field::shown(other))),
    }
}

/// An image is its URL, or an object that holds it.
fn url_of(image: Value) -> Value {
    match image.get("url") {
        Some(url) => url.clone(),
        None => image,
    }
}
