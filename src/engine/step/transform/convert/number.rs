//! Conversions to numbers and truth values.
//!
//! | name | a value becomes |
//! |---|---|
//! | `number` (`float`) | a number: from text that holds one, true 1, false 0 |
//! | `integer` | the same without its fraction |
//! | `round`, `floor`, `ceil` | a number with `digits` (0, at most 15) digits after its point |
//! | `abs` | a number without its sign |
//! | `boolean` | from true, yes, on, 1 and false, no, off, 0 in any letter case, and from numbers (0 is false) |

use super::super::super::field::{self, Fields};
use super::{Conversion, Form, may, plain, whole_option, with};
use serde_json::{Number, Value};

const DIGITS: &[super::OptionRule] = &[may("digits", Form::Number(0.0, 15.0))];
/// Above it not every whole number has a float of its own.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

pub(super) const CONVERSIONS: &[Conversion] = &[
    plain(&["number", "tonumber", "float", "tofloat"], |value, _| {
        number(value).map(Value::Number)
    }),
    plain(&["integer", "int", "tointeger", "parseint"], |value, _| {
        let number = number(value)?;
        if number.is_i64() || number.is_u64() {
            return Ok(number.into());
        }
        Ok(of_float(as_float(&number).trunc()))
    }),
    with(&["round"], DIGITS, |value, options| {
        to_digits(value, options, f64::round)
    }),
    with(&["floor"], DIGITS, |value, options| {
        to_digits(value, options, f64::floor)
    }),
    with(&["ceil", "ceiling"], DIGITS, |value, options| {
        to_digits(value, options, f64::ceil)
    }),
    plain(&["abs", "absolute"], |value, _| {
        let number = number(value)?;
        Ok(match number.as_i64() {
            Some(whole) => whole.unsigned_abs().into(),
            None if number.is_u64() => number.into(),
            None => of_float(as_float(&number).abs()),
        })
    }),
    plain(&["boolean", "bool", "toboolean"], boolean),
];

/// `value` as a number, or a sentence.
pub(super) fn number(value: &Value) -> Result<Number, String> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::Bool(flag) => Some(u8::from(*flag).into()),
        Value::String(text) => {
            let text = text.trim();
            let whole = text.parse::<i64>().ok().map(Number::from);
            whole
                .or_else(|| text.parse::<u64>().ok().map(Number::from))
                .or_else(|| field::as_number(value).and_then(Number::from_f64))
        }
        _ => None,
    };
    number.ok_or_else(|| format!("{} is not a number", field::shown(value)))
}

pub(super) fn as_float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(0.0)
}

/// A float as JSON: whole where it is.
pub(super) fn of_float(float: f64) -> Value {
    if float.fract() == 0.0 && float.abs() <= LARGEST_WHOLE {
        return (float as i64).into();
    }
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

fn to_digits(value: &Value, options: &Fields, cut: fn(f64) -> f64) -> Result<Value, String> {
    let number = number(value)?;
    if number.is_i64() || number.is_u64() {
        return Ok(number.into());
    }
    let float = as_float(&number);
    let digits = whole_option(options, "digits", 0);
    let factor = 10_f64.powi(i32::try_from(digits).unwrap_or(0));
    let scaled = float * factor;
    // So large a number has no digits after its point.
    if scaled.abs() > LARGEST_WHOLE {
        return Ok(of_float(float));
    }
    // 1.005 is a little less than that in binary, and 2.3 * 10 a little more than 23: what is within the error of the
    // multiplication counts as what people wrote.
    let near = scaled.round();
    let is_near = (scaled - near).abs() <= scaled.abs() * f64::EPSILON;
    let half = scaled.trunc() + 0.5_f64.copysign(scaled);
    let is_half = (scaled - half).abs() <= scaled.abs() * f64::EPSILON;
    let cut_off = match (is_near, is_half) {
        (true, _) => near,
        (false, true) => cut(half),
        (false, false) => cut(scaled),
    };
    Ok(of_float(cut_off / factor))
}

fn boolean(value: &Value, _: &Fields) -> Result<Value, String> {
    let flag = match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    flag.map(Value::Bool)
        .ok_or_else(|| format!("{} is neither true nor false", field::shown(value)))
}
