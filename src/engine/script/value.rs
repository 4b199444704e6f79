//! Values of a script as JSON.
//! Promises: what has no form in JSON is refused with its place, never dropped without a word; depth and size are bounded.
//!
//! As `JSON.stringify` has it, `toJSON` is called (so that a Date is a text), what is undefined is null in an array and
//! left out in an object, and numbers that are none are null. An Error becomes its name and message.

use rquickjs::function::This;
use rquickjs::{Ctx, Function, Object, Result as JsResult, String as JsString, Value};
use serde_json::{Map, Number, Value as Json};

/// How deep a value may be nested.
pub(super) const MAX_LEVELS: usize = 64;
/// The longest place that a message names, in bytes.
const MAX_PLACE_BYTES: usize = 200;
/// Integers in a float up to here are written without a fraction.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Why a value is no JSON.
#[derive(Debug, PartialEq)]
pub(super) enum Unfit {
    /// Words that follow "the result".
    Because(String),
    /// A getter or `toJSON` threw; the context has what.
    Thrown,
}

impl Unfit {
    pub(super) fn reason(&self) -> &str {
        match self {
            Unfit::Because(words) => words,
            Unfit::Thrown => "has a getter or a `toJSON` that throws",
        }
    }
}

impl From<rquickjs::Error> for Unfit {
    fn from(_: rquickjs::Error) -> Unfit {
        Unfit::Thrown
    }
}

/// Reads values.
pub(super) struct Reader<'js> {
    /// `String.prototype.toWellFormed`, as it was before the script.
    well_formed: Function<'js>,
    map: Object<'js>,
    set: Object<'js>,
    max_bytes: usize,
    bytes_left: usize,
    /// The objects around the one that is read.
    around: Vec<Value<'js>>,
    place: String,
}

impl<'js> Reader<'js> {
    /// For values of up to about `max_bytes` bytes of JSON.
    pub(super) fn new(ctx: &Ctx<'js>, max_bytes: usize) -> JsResult<Reader<'js>> {
        let globals = ctx.globals();
        let string: Object<'js> = globals.get("String")?;
        let prototype: Object<'js> = string.get("prototype")?;
        Ok(Reader {
            well_formed: prototype.get("toWellFormed")?,
            map: globals.get("Map")?,
            set: globals.get("Set")?,
            max_bytes,
            bytes_left: max_bytes,
            around: Vec::new(),
            place: String::new(),
        })
    }

    /// The value in JSON; `None` for undefined.
    // A value of QuickJS is a handle, made for being handed on.
    #[allow(clippy::needless_pass_by_value)]
    pub(super) fn read(&mut self, value: Value<'js>) -> Result<Option<Json>, Unfit> {
        if value.is_undefined() {
            return Ok(None);
        }
        self.spend(1)?;
        if value.is_null() {
            return Ok(Some(Json::Null));
        }
        if let Some(flag) = value.as_bool() {
            return Ok(Some(Json::Bool(flag)));
        }
        if let Some(whole) = value.as_int() {
            return Ok(Some(whole.into()));
        }
        if let Some(float) = value.as_float() {
            return Ok(Some(number(float)));
        }
        if let Some(text) = value.as_string() {
            return Ok(Some(Json::String(self.text(text)?)));
        }
        if value.is_big_int() {
            return Err(self.refused("is a BigInt; hand on `Number(x)` or `String(x)`"));
        }
        if value.is_symbol() {
            return Err(self.refused("is a Symbol, which has no form in JSON"));
        }
        if value.is_function() {
            return Err(self.refused("is a function, which has no form in JSON"));
        }
        if value.is_promise() {
            return Err(self.refused("is a promise; write `await` before it"));
        }
        match value.clone().into_object() {
            Some(object) => self.nested(&value, &object),
            None => Err(self.refused("has no form in JSON")),
        }
    }

    /// An array or object, with what is around it kept in mind.
    fn nested(&mut self, value: &Value<'js>, object: &Object<'js>) -> Result<Option<Json>, Unfit> {
        if self.around.contains(value) {
            return Err(self.refused("holds itself"));
        }
        if self.around.len() >= MAX_LEVELS {
            return Err(self.refused(&format!("is nested more than {MAX_LEVELS} levels deep")));
        }
        self.around.push(value.clone());
        let read = self.inside(value, object);
        self.around.pop();
        read
    }

    fn inside(&mut self, value: &Value<'js>, object: &Object<'js>) -> Result<Option<Json>, Unfit> {
        let to_json: Value<'js> = object.get("toJSON")?;
        if let Some(to_json) = to_json.as_function() {
            let instead: Value<'js> = to_json.call((This(value.clone()),))?;
            return self.read(instead);
        }
        if let Some(exception) = value.as_exception() {
            let name: Option<String> = object.get("name")?;
            let message = exception.message();
            return Ok(Some(serde_json::json!({"name": name, "message": message})));
        }
        if value.is_array() {
            return self.array(object).map(Some);
        }
        if object.is_instance_of(&self.map) {
            return Err(self.refused("is a Map; hand on `Object.fromEntries(x)`"));
        }
        if object.is_instance_of(&self.set) {
            return Err(self.refused("is a Set; hand on `[...x]`"));
        }
        self.object(object).map(Some)
    }

    fn array(&mut self, array: &Object<'js>) -> Result<Json, Unfit> {
        // Not as a number of 32 bits: a proxy may say anything.
        let length: f64 = array.get("length")?;
        let mut elements = Vec::new();
        let mut index = 0_u32;
        while f64::from(index) < length {
            let outer = self.enter(&format!("[{index}]"));
            let element = self.read(array.get(index)?)?.unwrap_or(Json::Null);
            self.leave(outer);
            // Nulls of a sparse array cost something too.
            self.spend(1)?;
            elements.push(element);
            index = index.checked_add(1).ok_or_else(|| self.too_large())?;
        }
        Ok(Json::Array(elements))
    }

    fn object(&mut self, object: &Object<'js>) -> Result<Json, Unfit> {
        let mut fields = Map::new();
        for name in object.keys::<JsString<'js>>() {
            let name = name?;
            let text = self.text(&name)?;
            let outer = self.enter(&format!(".{text}"));
            let field = self.read(object.get(name)?)?;
            self.leave(outer);
            if let Some(field) = field {
                self.spend(2)?;
                fields.insert(text, field);
            }
        }
        Ok(Json::Object(fields))
    }

    /// A text of a script. A half of a surrogate pair, which no other text can hold, becomes a replacement character.
    fn text(&mut self, text: &JsString<'js>) -> Result<String, Unfit> {
        let text = match text.to_string() {
            Ok(text) => text,
            Err(_) => {
                let whole: JsString<'js> = self.well_formed.call((This(text.clone()),))?;
                whole.to_string()?
            }
        };
        self.spend(text.len() + 2)?;
        Ok(text)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Unfit> {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => Err(self.too_large()),
        }
    }

    fn too_large(&self) -> Unfit {
        Unfit::Because(format!(
            "has more than {} bytes of JSON, which is what is allowed",
            self.max_bytes
        ))
    }

    fn refused(&self, words: &str) -> Unfit {
        Unfit::Because(match self.place.as_str() {
            "" => words.to_owned(),
            place => format!("at `{place}` {words}"),
        })
    }

    /// Goes one level down; the answer is what [`Reader::leave`] needs.
    fn enter(&mut self, segment: &str) -> usize {
        let outer = self.place.len();
        if outer < MAX_PLACE_BYTES {
            let end = segment.floor_char_boundary(MAX_PLACE_BYTES);
            self.place.push_str(segment.get(..end).unwrap_or_default());
        }
        outer
    }

    fn leave(&mut self, outer: usize) {
        self.place.truncate(outer);
    }
}

/// A number as JavaScript writes it: whole ones without a fraction, and null for what is none.
fn number(float: f64) -> Json {
    if float.fract() == 0.0 && float.abs() <= LARGEST_WHOLE {
        return (float as i64).into();
    }
    Number::from_f64(float).map_or(Json::Null, Json::Number)
}
