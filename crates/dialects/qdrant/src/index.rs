//! Payload indexes.

use gateway::Call;
use model::{FieldIndex, FieldKind, IndexParams, WriteOp};
use serde::{Deserialize, Serialize};

use crate::analysis::{Parts, WireStemmer, WireStopwords, WireTokenizer};
use crate::collections::object_of;
use crate::envelope::Answer;
use crate::error::Failure;
use crate::points;
use crate::request::{self, BODY};
use crate::select;

#[derive(Deserialize)]
struct WireCreate {
    field_name: String,
    #[serde(alias = "field_type")]
    field_schema: Option<WireSchema>,
}

/// The name of a kind, or an object with `type` and options.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum PayloadFieldSchema"
)]
enum WireSchema {
    Kind(WireKind),
    Keyword(Params<KeywordType, TenantOptions>),
    Integer(Params<IntegerType, IntegerOptions>),
    Float(Params<FloatType, PrincipalOptions>),
    Geo(Params<GeoType, NoOptions>),
    Text(Box<Params<TextType, TextParams>>),
    Bool(Params<BoolType, NoOptions>),
    Datetime(Params<DatetimeType, PrincipalOptions>),
    Uuid(Params<UuidType, TenantOptions>),
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum WireKind {
    Keyword,
    Integer,
    Float,
    Geo,
    Text,
    Bool,
    Datetime,
    Uuid,
}

/// A type with one name, so that an object of another type is not taken for one of this.
macro_rules! one_name {
    ($($type:ident = $variant:ident),+ $(,)?) => {$(
        #[derive(Deserialize, Serialize)]
        #[serde(rename_all = "lowercase")]
        enum $type {
            $variant,
        }
    )+};
}

one_name!(
    KeywordType = Keyword,
    IntegerType = Integer,
    FloatType = Float,
    GeoType = Geo,
    TextType = Text,
    BoolType = Bool,
    DatetimeType = Datetime,
    UuidType = Uuid,
);

/// The options of a kind, and those of all kinds. Options of other kinds are passed over, as Qdrant
/// does. Where the index lies is read from what is shown again (`collections::placement`); whether
/// graphs follow it has no effect.
#[derive(Deserialize, Serialize)]
struct Params<T, O> {
    r#type: T,
    #[serde(flatten)]
    own: O,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_disk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<WireMemory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_hnsw: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum WireMemory {
    Cold,
    Cached,
    Pinned,
}

#[derive(Deserialize, Serialize)]
struct NoOptions {}

/// Every keyword column finds prefixes, so `prefix` asks for nothing more.
#[derive(Deserialize, Serialize)]
struct TenantOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    is_tenant: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<bool>,
}

#[derive(Deserialize, Serialize)]
struct PrincipalOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    is_principal: Option<bool>,
}

#[derive(Deserialize, Serialize)]
struct IntegerOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    lookup: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_principal: Option<bool>,
}

#[derive(Deserialize, Serialize)]
struct TextParams {
    #[serde(default)]
    tokenizer: WireTokenizer,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_token_len: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_token_len: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lowercase: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ascii_folding: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrase_matching: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopwords: Option<WireStopwords>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stemmer: Option<WireStemmer>,
}

impl WireKind {
    fn decode(self) -> FieldKind {
        match self {
            Self::Keyword => FieldKind::Keyword,
            Self::Integer => FieldKind::Integer,
            Self::Float => FieldKind::Float,
            Self::Geo => FieldKind::Geo,
            Self::Bool => FieldKind::Bool,
            Self::Datetime => FieldKind::Datetime,
            Self::Uuid => FieldKind::Uuid,
            Self::Text => FieldKind::Text,
        }
    }
}

impl<T: Serialize, O: Serialize> Params<T, O> {
    /// An index of `kind` that shows these options again.
    fn shown_by(&self, kind: FieldKind) -> Result<IndexParams, Failure> {
        let json = serde_json::to_value(self).map_err(Failure::format)?;
        Ok(IndexParams {
            attributes: object_of(&json)?,
            ..IndexParams::new(kind)
        })
    }
}

impl TextParams {
    fn decode(&self) -> model::TextOptions {
        let parts = Parts {
            tokenizer: self.tokenizer,
            lowercase: self.lowercase,
            ascii_folding: self.ascii_folding,
            min_token_len: self.min_token_len,
            max_token_len: self.max_token_len,
            stopwords: self.stopwords.as_ref(),
            stemmer: self.stemmer,
        };
        model::TextOptions {
            phrases: self.phrase_matching.unwrap_or(false),
            ..parts.decode()
        }
    }
}

impl WireSchema {
    fn decode(self) -> Result<IndexParams, Failure> {
        match self {
            Self::Kind(kind) => Ok(IndexParams::new(kind.decode())),
            Self::Keyword(params) => params.shown_by(FieldKind::Keyword),
            Self::Integer(params) => {
                if params.own.lookup == Some(false) && params.own.range == Some(false) {
                    let text = "the \"lookup\" and \"range\" capabilities can't be both disabled";
                    return Err(Failure::validation(BODY, "field_schema", text));
                }
                params.shown_by(FieldKind::Integer)
            }
            Self::Float(params) => params.shown_by(FieldKind::Float),
            Self::Geo(params) => params.shown_by(FieldKind::Geo),
            Self::Text(params) => Ok(IndexParams {
                text: params.own.decode(),
                ..params.shown_by(FieldKind::Text)?
            }),
            Self::Bool(params) => params.shown_by(FieldKind::Bool),
            Self::Datetime(params) => params.shown_by(FieldKind::Datetime),
            Self::Uuid(params) => params.shown_by(FieldKind::Uuid),
        }
    }
}

/// `PUT /collections/{collection_name}/index`
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let wire: WireCreate = request::body(call)?;
    let path = select::path(&wire.field_name)?;
    let Some(schema) = wire.field_schema else {
        return Err(Failure::bad_request(
            "Can't auto-detect field type, please specify `field_schema` in the request",
        ));
    };
    let index = FieldIndex {
        path,
        params: schema.decode()?,
    };
    points::apply(call, vec![WriteOp::CreateIndex(index)]).await
}

/// `DELETE /collections/{collection_name}/index/{field_name}`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let path = select::path(call.param("field_name"))?;
    points::apply(call, vec![WriteOp::DropIndex(path)]).await
}
