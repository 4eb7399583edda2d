//! Objects in the place of vectors: texts, images and others that a model turns into vectors.
//!
//! One model is part of the server: `qdrant/bm25`, for texts. For others Qdrant asks a service, of
//! which this server has none.

use model::{SparseVector, TextOptions};
use serde::Deserialize;
use serde::de::{Error, IgnoredAny, MapAccess};
use text::{Bm25, Bm25Options};

use crate::analysis::{self, Parts, WireStemmer, WireStopwords, WireTokenizer};
use crate::error::Failure;

/// An object to be turned into a vector.
#[derive(Debug, PartialEq)]
pub(crate) struct WireInference {
    source: Source,
    model: String,
    options: Option<serde_json::Value>,
}

#[derive(Debug, PartialEq)]
enum Source {
    Text(String),
    /// An image, or an object of a kind that only its model knows.
    Other,
}

/// Collects the fields of a [`WireInference`] from an object that may be something else.
#[derive(Debug, Default)]
pub(crate) struct InferenceFields {
    source: Option<Source>,
    model: Option<String>,
    options: Option<serde_json::Value>,
}

/// Options of `qdrant/bm25`.
#[derive(Deserialize, Default)]
struct WireBm25 {
    k: Option<f64>,
    b: Option<f64>,
    avg_len: Option<f64>,
    #[serde(default)]
    tokenizer: WireTokenizer,
    language: Option<String>,
    lowercase: Option<bool>,
    ascii_folding: Option<bool>,
    stopwords: Option<WireStopwords>,
    stemmer: Option<WireStemmer>,
    min_token_len: Option<u64>,
    max_token_len: Option<u64>,
}

impl InferenceFields {
    /// Reads the value of `name`; whether an object for a model has such a field.
    pub(crate) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        fields: &mut A,
    ) -> Result<bool, A::Error> {
        match name {
            "text" => self.source = Some(Source::Text(fields.next_value()?)),
            "image" | "object" => {
                fields.next_value::<IgnoredAny>()?;
                self.source = Some(Source::Other);
            }
            "model" => self.model = Some(fields.next_value()?),
            "options" => self.options = fields.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes the text of a field that is already read; whether an object for a model has such a
    /// field.
    pub(crate) fn take(&mut self, name: &str, text: &str) -> bool {
        match name {
            "text" => self.source = Some(Source::Text(text.to_owned())),
            "image" | "object" => self.source = Some(Source::Other),
            "model" => self.model = Some(text.to_owned()),
            _ => return false,
        }
        true
    }

    /// Takes a value that was read before it was known what it belongs to.
    pub(crate) fn take_value(&mut self, name: &str, value: serde_json::Value) {
        match name {
            "options" => self.options = Some(value),
            _ => self.source = Some(Source::Other),
        }
    }

    /// Reads the rest of an object for a model.
    pub(crate) fn read_rest<'de, A: MapAccess<'de>>(
        &mut self,
        fields: &mut A,
    ) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            if !self.read(&name, fields)? {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    /// Whether there was any of the fields.
    pub(crate) fn is_empty(&self) -> bool {
        self.source.is_none() && self.model.is_none() && self.options.is_none()
    }

    /// # Errors
    /// When the model or what it should turn into a vector is missing.
    pub(crate) fn finish<E: Error>(self) -> Result<WireInference, E> {
        let Some(source) = self.source else {
            return Err(E::missing_field("text"));
        };
        let model = self.model.ok_or_else(|| E::missing_field("model"))?;
        Ok(WireInference {
            source,
            model,
            options: self.options,
        })
    }
}

impl WireInference {
    /// The vector under which it is stored.
    ///
    /// # Errors
    /// When no model here has the name, it takes no such object, or its options are malformed.
    pub(crate) fn stored(&self) -> Result<SparseVector, Failure> {
        let (bm25, text) = self.encoder()?;
        Ok(bm25.document(text))
    }

    /// The vector by which it is looked for.
    ///
    /// # Errors
    /// As [`WireInference::stored`].
    pub(crate) fn asked(&self) -> Result<SparseVector, Failure> {
        let (bm25, text) = self.encoder()?;
        Ok(bm25.query(text))
    }

    fn encoder(&self) -> Result<(Bm25, &str), Failure> {
        if !matches!(&*self.model.to_lowercase(), "qdrant/bm25" | "bm25") {
            return Err(Failure::bad_request(format_args!(
                "InferenceService is not initialized: the model `{}` needs an inference service, \
                 which this server has not. Without one there is `qdrant/bm25`",
                self.model
            )));
        }
        let Source::Text(text) = &self.source else {
            let model = &self.model;
            return Err(Failure::wrong_input(format_args!(
                "Only text input is supported for {model}."
            )));
        };
        let wire = match &self.options {
            None => WireBm25::default(),
            Some(options) => WireBm25::deserialize(options)
                .map_err(|e| Failure::wrong_input(format_args!("Invalid BM25 config: {e}")))?,
        };
        Ok((Bm25::new(&wire.decode())?, text))
    }
}

impl WireBm25 {
    fn decode(&self) -> Bm25Options {
        let parts = Parts {
            tokenizer: self.tokenizer,
            lowercase: self.lowercase,
            ascii_folding: self.ascii_folding,
            min_token_len: self.min_token_len,
            max_token_len: self.max_token_len,
            stopwords: self.stopwords.as_ref(),
            stemmer: self.stemmer,
        };
        // A language that is not known, such as `none`, has neither stopwords nor a stemmer.
        let language = self.language.as_deref().unwrap_or("english");
        let (stopwords, stemmer) = analysis::usual(language);
        let given = parts.decode();
        let text = TextOptions {
            stopwords: match self.stopwords {
                Some(_) => given.stopwords,
                None => stopwords,
            },
            stemmer: match self.stemmer {
                Some(_) => given.stemmer,
                None => stemmer,
            },
            ..given
        };
        let usual = Bm25Options::default();
        Bm25Options {
            k: self.k.unwrap_or(usual.k),
            b: self.b.unwrap_or(usual.b),
            tokens_average: self.avg_len.unwrap_or(usual.tokens_average),
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn inference(source: Source, model: &str, options: serde_json::Value) -> WireInference {
        WireInference {
            source,
            model: model.to_owned(),
            options: (!options.is_null()).then_some(options),
        }
    }

    fn bm25(text: &str, options: serde_json::Value) -> WireInference {
        inference(Source::Text(text.to_owned()), "Qdrant/BM25", options)
    }

    #[test]
    fn english_is_usual_and_can_be_left() {
        let plain = bm25("the running dogs", json!(null)).stored().unwrap();
        assert_eq!(plain.indices(), [243_905_464, 1_312_749_093]);
        let english = json!({"language": "en", "tokenizer": "word", "k": 1.2, "avg_len": 256});
        assert_eq!(bm25("the running dogs", english).stored().unwrap(), plain);
        for options in [
            json!({"language": "none"}),
            json!({"stopwords": {}, "stemmer": {"type": "none"}}),
        ] {
            assert_eq!(
                bm25("the running dogs", options)
                    .stored()
                    .unwrap()
                    .indices()
                    .len(),
                3
            );
        }
        let query = bm25("dog dogs", json!({})).asked().unwrap();
        assert_eq!(
            (query.indices(), query.values()),
            (&[1_312_749_093][..], &[1.0][..])
        );
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let other = |model| inference(Source::Other, model, json!(null)).stored();
        for (result, text) in [
            (
                other("bm25"),
                "Wrong input: Only text input is supported for bm25.",
            ),
            (
                bm25("x", json!({"b": 2})).stored(),
                "Wrong input: BM25 b must be finite and in [0.0, 1.0], got 2",
            ),
        ] {
            assert_eq!(result.unwrap_err().text, text);
        }
        let config = bm25("x", json!({"tokenizer": "words"}))
            .asked()
            .unwrap_err();
        assert!(
            config
                .text
                .starts_with("Wrong input: Invalid BM25 config: "),
            "{}",
            config.text
        );
        let model = other("someone/else").unwrap_err();
        assert!(
            model.text.contains("InferenceService is not initialized"),
            "{}",
            model.text
        );
        assert_eq!(model.status, 400);
    }
}
