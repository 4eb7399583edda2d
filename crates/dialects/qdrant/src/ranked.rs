//! Carrying out searches: the metric tells how thresholds and scores are translated.

use gateway::Call;
use model::aggregate::GroupKey;
use model::{Groups, Query, Rank, Reply, Schema, ScoredPoint, Search};

use crate::error::Failure;
use crate::groups::Grouping;
use crate::order;
use crate::record::ShownScored;
use crate::request;
use crate::score::Reported;
use crate::strict::Limits;

/// A decoded search whose threshold still is in the terms of its metric.
pub(crate) struct Ranked {
    pub(crate) search: Search,
    pub(crate) score_threshold: Option<f32>,
    /// Only held to the limit of its collection.
    pub(crate) oversampling: Option<f64>,
}

/// The results of one search, and how their scores are told.
pub(crate) struct Results {
    points: Vec<ScoredPoint>,
    reported: Reported,
}

impl Results {
    /// In the order found.
    pub(crate) fn shown(&self) -> Vec<ShownScored<'_>> {
        let reported = self.reported;
        self.points
            .iter()
            .map(|point| ShownScored { point, reported })
            .collect()
    }
}

impl Ranked {
    fn reported(&self, schema: &Schema) -> Result<Reported, Failure> {
        match &self.search.rank {
            None => Ok(Reported::One),
            Some(Rank::OrderBy(order_by)) => {
                order::check_index(schema, order_by)?;
                Ok(Reported::One)
            }
            Some(Rank::Nearest { field, .. }) => Reported::of_field(schema, field),
        }
    }

    fn check(&self, limits: &Limits<'_>) -> Result<(), Failure> {
        limits.check_search(&self.search, self.oversampling)
    }

    /// Checks the threshold and hands it to the search; `None` when nothing can be within.
    fn bounded(&mut self, reported: Reported) -> Result<bool, Failure> {
        let Some(threshold) = self.score_threshold else {
            return Ok(true);
        };
        if reported == Reported::One {
            return Err(Failure::wrong_input(
                "a `score_threshold` needs a query that compares vectors",
            ));
        }
        self.search.score_above = reported.similarity_above(threshold);
        Ok(self.search.score_above.is_some())
    }
}

fn results(reply: Reply, reported: Reported, threshold: Option<f32>) -> Result<Results, Failure> {
    match reply {
        Reply::Scored(mut points) => {
            if let Some(threshold) = threshold {
                points.retain(|point| reported.within(reported.score(point.score), threshold));
            }
            Ok(Results { points, reported })
        }
        other => Err(other.unexpected().into()),
    }
}

/// Carries out one search.
pub(crate) async fn search(call: &Call<'_>, mut ranked: Ranked) -> Result<Results, Failure> {
    let schema = request::schema(call, ranked.search.collection.clone()).await?;
    let reported = ranked.reported(&schema)?;
    request::hold(call, &schema, |limits| ranked.check(limits))?;
    let threshold = ranked.score_threshold;
    if !ranked.bounded(reported)? {
        return Ok(Results {
            points: Vec::new(),
            reported,
        });
    }
    let reply = request::query(call, Query::Search(Box::new(ranked.search))).await?;
    results(reply, reported, threshold)
}

/// Carries out one search, its results in groups.
pub(crate) async fn groups(
    call: &Call<'_>,
    mut ranked: Ranked,
    grouping: &Grouping,
) -> Result<Vec<(GroupKey, Results)>, Failure> {
    let schema = request::schema(call, ranked.search.collection.clone()).await?;
    let reported = ranked.reported(&schema)?;
    ranked.search.limit = grouping.groups.saturating_mul(grouping.per_group);
    ranked.search.offset = 0;
    request::hold(call, &schema, |limits| ranked.check(limits))?;
    let threshold = ranked.score_threshold;
    if !ranked.bounded(reported)? {
        return Ok(Vec::new());
    }
    let query = Query::Groups(Box::new(Groups {
        search: ranked.search,
        by: grouping.by.clone(),
        groups: grouping.groups,
        per_group: grouping.per_group,
    }));
    let groups = match request::query(call, query).await? {
        Reply::Groups(groups) => groups,
        other => return Err(other.unexpected().into()),
    };
    let mut told = Vec::with_capacity(groups.len());
    for group in groups {
        let results = results(Reply::Scored(group.hits), reported, threshold)?;
        if !results.points.is_empty() {
            told.push((group.key, results));
        }
    }
    Ok(told)
}

/// Carries out searches on one state of their collection.
pub(crate) async fn batch(call: &Call<'_>, searches: Vec<Ranked>) -> Result<Vec<Results>, Failure> {
    let schema = request::schema(call, request::collection(call)?).await?;
    request::hold(call, &schema, |limits| {
        limits.check_batch(searches.len())?;
        searches.iter().try_for_each(|ranked| ranked.check(limits))
    })?;
    let mut told = Vec::with_capacity(searches.len());
    let mut asked = Vec::with_capacity(searches.len());
    for mut ranked in searches {
        let reported = ranked.reported(&schema)?;
        let answerable = ranked.bounded(reported)?;
        told.push((reported, ranked.score_threshold, answerable));
        if answerable {
            asked.push(ranked.search);
        }
    }
    let replies = match request::query(call, Query::SearchBatch(asked)).await? {
        Reply::Batch(replies) => replies,
        other => return Err(other.unexpected().into()),
    };
    let mut replies = replies.into_iter();
    told.into_iter()
        .map(|(reported, threshold, answerable)| {
            if !answerable {
                return Ok(Results {
                    points: Vec::new(),
                    reported,
                });
            }
            let reply = replies.next().ok_or_else(|| {
                model::Error::internal("a batch was answered with fewer replies than searches")
            })?;
            results(reply, reported, threshold)
        })
        .collect()
}
