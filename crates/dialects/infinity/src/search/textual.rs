//! Matches of texts: their parameters.

use super::features;
use super::fulltext::Bm25;
use super::matching::{Match, What, check_keys, required_text, topn};
use super::params::Params;
use crate::error::{Failure, code};
use crate::json::Json;
use crate::table::Table;

/// How many of several alternatives must be found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Minimum(Vec<Rule>);

/// One condition: of more than `above` alternatives so many.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rule {
    above: usize,
    amount: i64,
    is_share: bool,
}

impl Minimum {
    /// Reads `2`, `-1`, `75%`, `-25%`, `3<90%`, and several of the last, with blanks between.
    fn parse(text: &str) -> Option<Self> {
        let rule = |part: &str| {
            let (above, amount) = match part.split_once('<') {
                Some((above, amount)) => (above.parse().ok()?, amount),
                None => (0, part),
            };
            let (amount, is_share) = match amount.strip_suffix('%') {
                Some(share) => (share, true),
                None => (amount, false),
            };
            Some(Rule {
                above,
                amount: amount.parse().ok()?,
                is_share,
            })
        };
        let rules: Option<Vec<Rule>> = text.split_whitespace().map(rule).collect();
        rules.filter(|rules| !rules.is_empty()).map(Self)
    }

    /// How many of so many; at least one.
    pub(crate) fn of(&self, alternatives: usize) -> usize {
        let rules = self.0.iter().filter(|rule| alternatives > rule.above);
        let Some(rule) = rules.max_by_key(|rule| rule.above) else {
            // Up to the smallest bound all are needed.
            return alternatives;
        };
        let all = i64::try_from(alternatives).unwrap_or(i64::MAX);
        let amount = match rule.is_share {
            // Towards zero, so that a negative share forgives no more than it says.
            true => all.saturating_mul(rule.amount) / 100,
            false => rule.amount,
        };
        let wanted = match amount {
            ..0 => all.saturating_add(amount),
            amount => amount,
        };
        usize::try_from(wanted.clamp(1, all.max(1))).unwrap_or(alternatives)
    }
}

/// Reads a match of a text.
pub(super) fn read<'t>(table: &Table, item: &Json) -> Result<Match<'t>, Failure> {
    check_keys(
        item,
        &["match_method", "fields", "matching_text", "topn", "params"],
    )?;
    let topn = topn(item)?;
    let params = Params::any(item)?;
    let fields = match item.get("fields").and_then(Json::as_text) {
        Some(fields) if !fields.is_empty() => fields.to_owned(),
        _ => params.text("default_field").unwrap_or_default(),
    };
    let all = match params.lower("operator").as_deref() {
        None | Some("or") => false,
        Some("and") => true,
        Some(_) => return Err(Failure::syntax("operator must be \"and\" or \"or\".")),
    };
    match params.lower("block_max").as_deref() {
        // They differ in how soon they stop, not in what they find; every row is looked at here.
        None | Some("auto" | "batch" | "true" | "false" | "bmw" | "compare") => {}
        Some(other) => return Err(Failure::syntax(format!("block_max = {other}"))),
    }
    let features = match params.text("rank_features") {
        None => Vec::new(),
        Some(text) => features::read(table, &text)?,
    };
    let minimum = match params.text("minimum_should_match") {
        None => None,
        Some(text) => {
            let wrong = || Failure::syntax(format!("minimum_should_match = {text}"));
            Some(Minimum::parse(&text).ok_or_else(wrong)?)
        }
    };
    Ok(Match {
        what: What::Text {
            fields,
            text: required_text(item, "matching_text")?.to_owned(),
            all,
            minimum,
            indexes: indexes(table, &params)?,
            bm25: bm25(&params)?,
            features,
        },
        column: None,
        topn,
        threshold: params.number("threshold")?,
        filter: params.text("filter"),
    })
}

fn bm25(params: &Params<'_>) -> Result<Bm25, Failure> {
    let boolean = match params.lower("similarity").as_deref() {
        None | Some("bm25") => false,
        Some("boolean") => true,
        Some(_) => {
            let text = "similarity must be \"BM25\" or \"boolean\".";
            return Err(Failure::syntax(text));
        }
    };
    let positive = |name| params.number_in(name, 0.0..=f64::MAX);
    let delta = positive("bm25_param_delta")?.unwrap_or(0.0);
    Ok(Bm25 {
        k1: positive("bm25_param_k1")?.unwrap_or(1.2),
        b: params.number_in("bm25_param_b", 0.0..=1.0)?.unwrap_or(0.75),
        delta_term: positive("bm25_param_delta_term")?.unwrap_or(delta),
        delta_phrase: positive("bm25_param_delta_phrase")?.unwrap_or(delta),
        boolean,
    })
}

/// The full-text indexes that alone are to be used; none: any.
fn indexes(table: &Table, params: &Params<'_>) -> Result<Vec<String>, Failure> {
    let names = params.lower("index_names").or(params.lower("indexes"));
    let names = names.unwrap_or_default();
    let names = names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names
        .map(|name| match table.index(name) {
            Some(index) if index.kind == "fulltext" => Ok(name.to_owned()),
            Some(_) | None => {
                let text = format!("Index: {name} doesn't exist.");
                Err(Failure::new(code::NO_INDEX, text))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimum_is_what_it_says() {
        for (text, of, expected) in [
            ("2", 3, 2),
            ("5", 3, 3),
            ("-1", 3, 2),
            ("-9", 3, 1),
            ("75%", 4, 3),
            ("100%", 2, 2),
            ("-25%", 4, 3),
            ("-25%", 5, 4),
            ("3<90%", 3, 3),
            ("3<90%", 10, 9),
            ("2<-25% 9<-3", 8, 6),
            ("2<-25% 9<-3", 12, 9),
            ("0", 3, 1),
        ] {
            let minimum = Minimum::parse(text).map(|minimum| minimum.of(of));
            assert_eq!(minimum, Some(expected), "{text} of {of}");
        }
        for text in ["", "x", "%", "3<", "<2", "1.5"] {
            assert_eq!(Minimum::parse(text), None, "{text}");
        }
    }
}
