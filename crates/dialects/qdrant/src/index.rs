//! Payload indexes.

use gateway::Call;
use model::{FieldIndex, FieldKind, IndexParams, Object, WriteOp};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::collections::object_of;
use crate::envelope::Answer;
use crate::error::Failure;
use crate::points;
use crate::request::{self, BODY};
use crate::select;

#[derive(Deserialize)]
struct WireCreate {
    field_name: String,
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
    Params(serde_json::Map<String, serde_json::Value>),
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

/// The options of all kinds; each kind knows some of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireParams {
    r#type: WireKind,
    is_tenant: Option<bool>,
    is_principal: Option<bool>,
    #[serde(rename = "on_disk")]
    _on_disk: Option<bool>,
    #[serde(rename = "memory")]
    _memory: Option<IgnoredAny>,
    #[serde(rename = "enable_hnsw")]
    _enable_hnsw: Option<bool>,
    #[serde(rename = "prefix")]
    _prefix: Option<bool>,
    lookup: Option<bool>,
    range: Option<bool>,
}

impl WireKind {
    fn decode(self) -> Result<FieldKind, Failure> {
        Ok(match self {
            Self::Keyword => FieldKind::Keyword,
            Self::Integer => FieldKind::Integer,
            Self::Float => FieldKind::Float,
            Self::Geo => FieldKind::Geo,
            Self::Bool => FieldKind::Bool,
            Self::Datetime => FieldKind::Datetime,
            Self::Uuid => FieldKind::Uuid,
            Self::Text => return Err(Failure::unsupported("a payload index of type `text`")),
        })
    }
}

impl WireParams {
    fn check(&self) -> Result<(), Failure> {
        let unknown = |option: &str| {
            Err(Failure::format(format_args!(
                "the index has no option `{option}` for its type"
            )))
        };
        let kind = self.r#type;
        if self.is_tenant.is_some() && !matches!(kind, WireKind::Keyword | WireKind::Uuid) {
            return unknown("is_tenant");
        }
        let ordered = matches!(
            kind,
            WireKind::Integer | WireKind::Float | WireKind::Datetime
        );
        if self.is_principal.is_some() && !ordered {
            return unknown("is_principal");
        }
        if (self.lookup.is_some() || self.range.is_some()) && kind != WireKind::Integer {
            return unknown("lookup");
        }
        if self.lookup == Some(false) && self.range == Some(false) {
            let text = "the \"lookup\" and \"range\" capabilities can't be both disabled";
            return Err(Failure::validation(BODY, "field_schema", text));
        }
        Ok(())
    }
}

impl WireSchema {
    fn decode(self) -> Result<IndexParams, Failure> {
        match self {
            Self::Kind(kind) => Ok(IndexParams {
                kind: kind.decode()?,
                attributes: Object::new(),
            }),
            Self::Params(params) => {
                let json = serde_json::Value::Object(params);
                // The kind first: the options of a text index are not among those known here.
                let kind = json.get("type").cloned().unwrap_or_default();
                let kind: WireKind = serde_json::from_value(kind).map_err(Failure::format)?;
                let kind = kind.decode()?;
                let wire: WireParams =
                    serde_json::from_value(json.clone()).map_err(Failure::format)?;
                wire.check()?;
                Ok(IndexParams {
                    kind,
                    attributes: object_of(&json)?,
                })
            }
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
