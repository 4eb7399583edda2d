//! A short notation for the shapes of JSON, read into JSON Schema.
//!
//! ```text
//! Page = {points: [Record], next?: PointId | null}     an object, `?` marks what may be absent
//! Kind = "a" | "b"                                     texts
//! Map = {*: integer}                                   an object with any keys
//! ```
//! The other words are `any`, `null`, `boolean`, `integer`, `number`, `string`, and names of other
//! shapes. `#` begins a comment line; a line that begins with a space continues the one before.

use serde_json::{Map, Value, json};

/// Where a shape is not what the notation allows. The texts are part of the program, so this is
/// found by the tests.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault(pub(crate) String);

/// The lines of a text without comments and empty ones, continued lines joined.
pub(crate) fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match lines.last_mut() {
            Some(last) if line.starts_with(' ') => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim().to_owned()),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// The schema of each named shape of a text.
///
/// # Errors
/// When a line is not `Name = shape`.
pub(crate) fn definitions(text: &str) -> Result<Map<String, Value>, Fault> {
    lines(text)
        .iter()
        .map(|line| {
            let (name, shape) = line.split_once(" = ").ok_or_else(|| Fault(line.clone()))?;
            Ok((name.to_owned(), schema(shape)?))
        })
        .collect()
}

/// The schema of one shape.
///
/// # Errors
/// When it is not in the notation.
pub(crate) fn schema(shape: &str) -> Result<Value, Fault> {
    let mut reader = Reader { rest: shape };
    let schema = reader.union()?;
    if reader.rest.trim().is_empty() {
        Ok(schema)
    } else {
        Err(reader.fault())
    }
}

/// A schema that refers to the shape of this name.
pub(crate) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn fault(&self) -> Fault {
        Fault(self.rest.to_owned())
    }

    /// Takes `sign` if it is next.
    fn eat(&mut self, sign: char) -> bool {
        let trimmed = self.rest.trim_start();
        let eaten = trimmed.strip_prefix(sign);
        self.rest = eaten.unwrap_or(trimmed);
        eaten.is_some()
    }

    fn expect(&mut self, sign: char) -> Result<(), Fault> {
        if self.eat(sign) {
            Ok(())
        } else {
            Err(self.fault())
        }
    }

    fn word(&mut self) -> Result<&'a str, Fault> {
        let trimmed = self.rest.trim_start();
        let odd = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let end = trimmed.find(odd).unwrap_or(trimmed.len());
        let (word, rest) = trimmed.split_at(end);
        if word.is_empty() {
            return Err(self.fault());
        }
        self.rest = rest;
        Ok(word)
    }

    /// One shape or several with bars between; texts alone become one enumeration.
    fn union(&mut self) -> Result<Value, Fault> {
        let mut kinds = vec![self.single()?];
        while self.eat('|') {
            kinds.push(self.single()?);
        }
        let texts: Vec<Value> = kinds
            .iter()
            .filter_map(|kind| kind.get("const").cloned())
            .collect();
        kinds.retain(|kind| kind.get("const").is_none());
        if !texts.is_empty() {
            kinds.insert(0, json!({"type": "string", "enum": texts}));
        }
        Ok(match kinds.len() {
            1 => kinds.remove(0),
            _ => json!({"anyOf": kinds}),
        })
    }

    fn single(&mut self) -> Result<Value, Fault> {
        if self.eat('[') {
            let items = self.union()?;
            self.expect(']')?;
            return Ok(json!({"type": "array", "items": items}));
        }
        if self.eat('{') {
            return self.object();
        }
        if self.eat('"') {
            let (text, rest) = self.rest.split_once('"').ok_or_else(|| self.fault())?;
            self.rest = rest;
            return Ok(json!({"const": text}));
        }
        Ok(match self.word()? {
            "any" => json!({}),
            kind @ ("null" | "boolean" | "integer" | "number" | "string") => json!({"type": kind}),
            name => reference(name),
        })
    }

    /// What follows an opening brace.
    fn object(&mut self) -> Result<Value, Fault> {
        if self.eat('*') {
            self.expect(':')?;
            let values = self.union()?;
            self.expect('}')?;
            return Ok(json!({"type": "object", "additionalProperties": values}));
        }
        let (mut properties, mut required) = (Map::new(), Vec::new());
        loop {
            let name = self.word()?;
            if !self.eat('?') {
                required.push(name);
            }
            self.expect(':')?;
            properties.insert(name.to_owned(), self.union()?);
            if !self.eat(',') {
                break;
            }
        }
        self.expect('}')?;
        let mut object = json!({"type": "object", "properties": properties});
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_become_schemas() {
        for (shape, wanted) in [
            ("any", json!({})),
            (
                "integer | null",
                json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            ),
            (
                r#""a" | "b""#,
                json!({"type": "string", "enum": ["a", "b"]}),
            ),
            (
                "[[number]]",
                json!({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}),
            ),
            (
                "{*: Name}",
                json!({"type": "object", "additionalProperties": reference("Name")}),
            ),
            (
                "{a: string, b?: boolean}",
                json!({
                    "type": "object",
                    "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}},
                    "required": ["a"],
                }),
            ),
        ] {
            assert_eq!(schema(shape), Ok(wanted), "{shape}");
        }
    }

    #[test]
    fn what_is_no_shape_is_refused() {
        for shape in ["", "[", "[a", "{a}", "{a: }", "a b", "\"a", "{*: a", "a |"] {
            assert!(schema(shape).is_err(), "{shape}");
        }
        assert!(definitions("Name string").is_err());
    }

    #[test]
    fn lines_are_joined() {
        let text = "# no\nA = string\n\nB = {a: A,\n    b: A}\n";
        assert_eq!(lines(text), ["A = string", "B = {a: A, b: A}"]);
    }
}
