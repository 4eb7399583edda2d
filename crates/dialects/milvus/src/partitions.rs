//! Partitions of a collection.

use gateway::Call;
use model::{FieldIndex, FieldKind, FieldPath, IndexParams, Target, WriteOp};
use serde::Serialize;

use crate::body;
use crate::collections::segment_name;
use crate::envelope::{self, Answer};
use crate::error::{Code, Failure};
use crate::kept::Partition;
use crate::names::{self, DEFAULT_TAG};
use crate::paging::Page;
use crate::scope::{self, Scope};
use crate::view::{self, Amendment, View};

/// Most partitions of a collection, the default one included.
const PARTITIONS_MAX: usize = 4096;

#[derive(Serialize)]
struct Shown {
    partition_tag: String,
}

#[derive(Serialize)]
struct Listed {
    partitions: Vec<Shown>,
    count: usize,
}

/// Lists partitions page by page, the default one first.
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let collection = names::in_path(call)?;
    let page = Page::of(call)?;
    let view = View::open(call, collection).await?;
    let shown = view.kept.all().map(|(tag, _)| Shown {
        partition_tag: tag.to_owned(),
    });
    let all: Vec<Shown> = shown.collect();
    let count = all.len();
    envelope::ok(&Listed {
        partitions: page.cut(all),
        count,
    })
}

/// Creates a partition.
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let collection = names::in_path(call)?;
    let fields = body::known_fields(call, &["partition_tag"])?;
    let tag = body::text(&fields, "partition_tag")?;
    let tag = names::tag(tag.ok_or_else(|| Failure::missing("partition_tag"))?)?;
    let segment = segment_name(call);
    view::amend(call, &collection, |view| {
        let refuse = |message: &str| Err(Failure::new(Code::Unexpected, message));
        if view.kept.has(tag) {
            return refuse("Duplicate partition is not allowed");
        }
        let count = view.kept.all().count();
        if count >= PARTITIONS_MAX {
            return refuse("The number of partitions exceeds the limit of 4096");
        }
        let mut amendment = Amendment::of(view.kept.clone());
        amendment.kept.partitions.push(Partition {
            tag: tag.to_owned(),
            segment: segment.clone(),
        });
        let path = FieldPath::field(scope::FIELD);
        if view.schema.index(&path).is_none() {
            let params = IndexParams::new(FieldKind::Keyword);
            let index = WriteOp::CreateIndex(FieldIndex { path, params });
            amendment.operations.push(index);
        }
        Ok(amendment)
    })
    .await?;
    envelope::created()
}

/// Drops a partition with its points.
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let collection = names::in_path(call)?;
    let fields = body::fields(call)?;
    let tag = body::text(&fields, "partition_tag")?;
    let tag = names::tag(tag.ok_or_else(|| Failure::missing("partition_tag"))?)?;
    if tag == DEFAULT_TAG {
        let message = "Default partition cannot be dropped.";
        return Err(Failure::new(Code::IllegalCollectionName, message));
    }
    view::amend(call, &collection, |view| {
        let Some(filter) = Scope::one(&view.kept, tag)
            .ok()
            .and_then(|one| one.filter())
        else {
            let name = &view.collection.name;
            let message = format!("Collection {name}'s partition {tag} not found");
            return Err(Failure::new(Code::CollectionNotExists, message));
        };
        let mut amendment = Amendment::of(view.kept.clone());
        amendment.kept.partitions.retain(|known| known.tag != tag);
        let target = Target::Filter(filter);
        amendment.operations.push(WriteOp::Delete { target });
        Ok(amendment)
    })
    .await?;
    envelope::nothing()
}
