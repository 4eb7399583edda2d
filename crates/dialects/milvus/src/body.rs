//! Bodies: JSON objects, some of which may have no other fields than those that are known.

use gateway::Call;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{Code, Failure};

/// A JSON object of a body.
pub(crate) type Fields = Map<String, Value>;

/// The body as a `T`.
///
/// # Errors
/// 34 when there is none, 36 when it is no JSON, 35 when it is JSON of another shape.
pub(crate) fn read<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Failure> {
    if call.body.is_empty() {
        let message = "Missing valid body parameter 'body'";
        return Err(Failure::new(Code::BodyFieldLoss, message));
    }
    call.json().map_err(|error| {
        let code = match error.classify() {
            serde_json::error::Category::Data => Code::IllegalBody,
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => Code::BodyParseFail,
        };
        Failure::new(code, format!("The body cannot be read: {error}"))
    })
}

/// The body as an object with any fields.
///
/// # Errors
/// As [`read`].
pub(crate) fn fields(call: &Call<'_>) -> Result<Fields, Failure> {
    match read(call)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Failure::new(
            Code::IllegalBody,
            "The body must be a JSON object",
        )),
    }
}

/// The body as an object with no other fields than `known`; those that are null count as absent.
///
/// # Errors
/// As [`fields`], and 35 for a field that is not known.
pub(crate) fn known_fields(call: &Call<'_>, known: &[&str]) -> Result<Fields, Failure> {
    let mut fields = fields(call)?;
    if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
        let message = format!("Unknown field '{name}'");
        return Err(Failure::new(Code::IllegalBody, message));
    }
    fields.retain(|_, value| !value.is_null());
    Ok(fields)
}

/// The integer at `name`, if there is something.
///
/// # Errors
/// 35 when it is something else.
pub(crate) fn integer(fields: &Fields, name: &str) -> Result<Option<i64>, Failure> {
    let value = fields.get(name);
    let read = |value: &Value| {
        let number = value.as_i64();
        number.ok_or_else(|| Failure::not_a(name, "an integer"))
    };
    value.map(read).transpose()
}

/// The text at `name`, if there is something.
///
/// # Errors
/// 35 when it is something else.
pub(crate) fn text<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a str>, Failure> {
    let read = |value: &'a Value| {
        let text = value.as_str();
        text.ok_or_else(|| Failure::not_a(name, "a string"))
    };
    fields.get(name).map(read).transpose()
}

/// The truth value at `name`, if there is something.
///
/// # Errors
/// 35 when it is something else.
pub(crate) fn truth(fields: &Fields, name: &str) -> Result<Option<bool>, Failure> {
    let read = |value: &Value| {
        let truth = value.as_bool();
        truth.ok_or_else(|| Failure::not_a(name, "a bool"))
    };
    fields.get(name).map(read).transpose()
}

/// The texts of the array `value` at `name`.
///
/// # Errors
/// `code` when it is no array of texts.
pub(crate) fn texts<'a>(value: &'a Value, name: &str, code: Code) -> Result<Vec<&'a str>, Failure> {
    let wrong = || Failure {
        code,
        ..Failure::not_a(name, "an array of strings")
    };
    let elements = value.as_array().ok_or_else(wrong)?;
    elements
        .iter()
        .map(|element| element.as_str().ok_or_else(wrong))
        .collect()
}
