//! Distances between points of a random sample.

use gateway::Call;
use model::aggregate::MatrixRows;
use model::{Matrix, Query, Reply, VectorName};
use serde::{Deserialize, Serialize};

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::filter::WireFilter;
use crate::ids::ShownId;
use crate::request::{self, BODY, ShardKey};
use crate::score::Reported;

/// Points in the sample when the request does not say.
const SAMPLE_DEFAULT: usize = 10;

/// Neighbours of each when the request does not say.
const LIMIT_DEFAULT: usize = 3;

#[derive(Deserialize)]
struct WireMatrix {
    filter: Option<WireFilter>,
    sample: Option<usize>,
    limit: Option<usize>,
    using: Option<String>,
    shard_key: ShardKey,
}

#[derive(Serialize)]
struct Pairs<'a> {
    pairs: Vec<Pair<'a>>,
}

#[derive(Serialize)]
struct Pair<'a> {
    a: ShownId<'a>,
    b: ShownId<'a>,
    score: f32,
}

#[derive(Serialize)]
struct Offsets<'a> {
    offsets_row: Vec<usize>,
    offsets_col: Vec<usize>,
    scores: Vec<f32>,
    ids: Vec<ShownId<'a>>,
}

fn at_least(min: usize, name: &str, value: usize) -> Result<usize, Failure> {
    if value >= min {
        return Ok(value);
    }
    let text = format!("value {value} invalid, must be {min} or larger");
    let field = format!("search_request.{name}");
    Err(Failure::validation(BODY, field, text))
}

impl WireMatrix {
    fn decode(self, call: &Call<'_>) -> Result<Matrix, Failure> {
        request::no_shard_key(&self.shard_key)?;
        Ok(Matrix {
            collection: request::collection(call)?,
            field: VectorName::new(self.using.unwrap_or_default())?,
            sample: at_least(2, "sample", self.sample.unwrap_or(SAMPLE_DEFAULT))?,
            limit: at_least(1, "limit", self.limit.unwrap_or(LIMIT_DEFAULT))?,
            filter: WireFilter::decode_optional(self.filter)?,
        })
    }
}

/// The rows of the matrix, and how their scores are told.
async fn rows(call: &Call<'_>) -> Result<(MatrixRows, Reported), Failure> {
    request::read_parameters(call)?;
    let matrix = request::body::<WireMatrix>(call)?.decode(call)?;
    let schema = request::schema(call, matrix.collection.clone()).await?;
    let reported = Reported::of_field(&schema, &matrix.field)?;
    request::hold(call, &schema, |limits| {
        limits.check_limit(matrix.sample.saturating_mul(matrix.limit))?;
        limits.check_read_filter(matrix.filter.as_ref())
    })?;
    match request::query(call, Query::Matrix(matrix)).await? {
        Reply::Matrix(rows) => Ok((rows, reported)),
        other => Err(other.unexpected().into()),
    }
}

/// Row, column and told score of every entry, row by row.
fn entries(
    matrix: &MatrixRows,
    reported: Reported,
) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
    let rows = matrix.rows.iter().enumerate();
    rows.flat_map(move |(row, nearest)| {
        let entry = move |(column, score): &(usize, f32)| (row, *column, reported.score(*score));
        nearest.iter().map(entry)
    })
}

/// `POST /collections/{collection_name}/points/search/matrix/pairs`
pub(crate) async fn pairs(call: &Call<'_>) -> Answer {
    let (matrix, reported) = rows(call).await?;
    let pairs = entries(&matrix, reported).map(|(row, column, score)| Pair {
        a: ShownId(&matrix.ids[row]),
        b: ShownId(&matrix.ids[column]),
        score,
    });
    envelope::ok(
        call,
        Pairs {
            pairs: pairs.collect(),
        },
    )
}

/// `POST /collections/{collection_name}/points/search/matrix/offsets`
pub(crate) async fn offsets(call: &Call<'_>) -> Answer {
    let (matrix, reported) = rows(call).await?;
    let mut shown = Offsets {
        offsets_row: Vec::new(),
        offsets_col: Vec::new(),
        scores: Vec::new(),
        ids: matrix.ids.iter().map(ShownId).collect(),
    };
    for (row, column, score) in entries(&matrix, reported) {
        shown.offsets_row.push(row);
        shown.offsets_col.push(column);
        shown.scores.push(score);
    }
    envelope::ok(call, shown)
}
