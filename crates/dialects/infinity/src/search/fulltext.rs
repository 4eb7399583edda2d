//! Full text: BM25 over the rows of a table, tests of texts in filters, marks around what matched.
//!
//! Scores are those of Okapi BM25 (Robertson & Zaragoza 2009) with the numbers of rows, the
//! frequencies and the mean length as they are at the moment of the search.

use std::collections::{BTreeMap, BTreeSet};

use model::{FieldPath, Filter, Record, Test, Value};
use scalar::Fields;

use super::analysis::Analysis;
use super::features::has_words;
use super::syntax::{self, Question};
use super::textual::Minimum;
use crate::error::Failure;
use crate::table::{Column, Index, Place, Table};
use crate::vocabulary::text_filter;

/// Parameters of BM25.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bm25 {
    pub(crate) k1: f64,
    pub(crate) b: f64,
    /// What every token that is found adds, times its rarity (BM25+, Lv & Zhai 2011).
    pub(crate) delta_term: f64,
    /// The same of a phrase.
    pub(crate) delta_phrase: f64,
    /// Whether every match has the score 1 instead.
    pub(crate) boolean: bool,
}

/// A column that is searched.
pub(crate) struct Searched<'t> {
    pub(crate) column: &'t Column,
    pub(crate) path: &'t FieldPath,
    pub(crate) boost: f64,
    pub(crate) analysis: Analysis,
}

/// The columns that `fields` names: `a,b^2`; all that have a full-text index when it is empty.
/// `indexes` are the indexes that alone are used, unless it is empty.
///
/// # Errors
/// 3024 for a column that does not exist, 3013 for one without a full-text index.
pub(crate) fn searched<'t>(
    table: &'t Table,
    fields: &str,
    indexes: &[String],
) -> Result<Vec<Searched<'t>>, Failure> {
    let mut found = Vec::new();
    let names: Vec<&str> = match fields.trim() {
        "" | "*" => table
            .indexes
            .iter()
            .filter(|index| has_words(index) && is_among(index, indexes))
            .map(|index| index.column.as_str())
            .collect(),
        fields => fields
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect(),
    };
    for part in names {
        let (name, boost) = match part.split_once('^') {
            None => (part, 1.0),
            Some((name, boost)) => {
                let boost = boost.trim().parse().ok().filter(|x: &f64| x.is_finite());
                let boost = boost
                    .ok_or_else(|| Failure::syntax(format!("Invalid boost of field: {part}")))?;
                (name.trim(), boost)
            }
        };
        found.push(one(table, name, boost, indexes)?);
    }
    if found.is_empty() {
        return Err(Failure::syntax("The table has no fulltext index"));
    }
    Ok(found)
}

fn is_among(index: &Index, names: &[String]) -> bool {
    names.is_empty() || names.contains(&index.name)
}

/// Where the texts are that any search can name.
pub(crate) fn paths(table: &Table) -> Vec<FieldPath> {
    let indexes = table.indexes.iter();
    let indexed = indexes.filter(|index| index.kind == "fulltext");
    let places = indexed.filter_map(|index| match &table.column(&index.column)?.place {
        Place::Payload(path) => Some(path.clone()),
        Place::Vector(_) => None,
    });
    places.collect()
}

fn one<'t>(
    table: &'t Table,
    name: &str,
    boost: f64,
    names: &[String],
) -> Result<Searched<'t>, Failure> {
    let column = table.known_column(name)?;
    let mut indexes = table.indexes.iter();
    let index = indexes
        .find(|index| has_words(index) && index.column == column.name && is_among(index, names));
    let (Some(index), Place::Payload(path)) = (index, &column.place) else {
        let text = format!("Column \"{}\" has no fulltext index", column.name);
        return Err(Failure::syntax(text));
    };
    Ok(Searched {
        column,
        path,
        boost,
        analysis: Analysis::of(index)?,
    })
}

/// The filter of `filter_text`.
pub(crate) fn test(
    table: &Table,
    fields: &str,
    words: &str,
    options: &str,
) -> Result<Filter, Failure> {
    let mut all = false;
    for option in options
        .split(';')
        .filter(|option| !option.trim().is_empty())
    {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        all = match (name.as_str(), value.to_ascii_lowercase().as_str()) {
            ("operator", "and") => true,
            ("operator", "or") => false,
            _ => return Err(Failure::syntax(format!("option {option} in a filter"))),
        };
    }
    let searched = searched(table, fields, &[])?;
    let question = syntax::read(words, all)?;
    filter_of(table, &searched, &question)
}

fn filter_of(
    table: &Table,
    searched: &[Searched<'_>],
    question: &Question,
) -> Result<Filter, Failure> {
    let each = |of: &[Question]| {
        of.iter()
            .map(|part| filter_of(table, searched, part))
            .collect::<Result<Vec<_>, _>>()
    };
    let of_field = |field: &Option<String>, make: &dyn Fn(&Searched<'_>) -> Filter| match field {
        Some(field) => one(table, field, 1.0, &[]).map(|field| make(&field)),
        None => Ok(Filter::Any(searched.iter().map(make).collect())),
    };
    match question {
        Question::Words { field, text, .. } => of_field(field, &|field| match &field.analysis {
            Analysis::Words { .. } => text_filter(field.path, text, true),
            Analysis::Whole | Analysis::Grams(_) => contains(field.path, text),
        }),
        Question::Phrase { field, text, .. } => of_field(field, &|field| match &field.analysis {
            Analysis::Words { .. } => Filter::Field {
                path: field.path.clone(),
                test: Test::Phrase(text.clone()),
            },
            Analysis::Whole | Analysis::Grams(_) => contains(field.path, text),
        }),
        Question::All(of) => each(of).map(Filter::All),
        Question::Any(of) => each(of).map(Filter::Any),
        Question::Not(of) => Ok(Filter::Not(Box::new(filter_of(table, searched, of)?))),
    }
}

fn contains(path: &FieldPath, text: &str) -> Filter {
    Filter::Field {
        path: path.clone(),
        test: Test::Contains(text.into()),
    }
}

/// The tokens of one column of one row.
struct Document {
    /// Places of each token that the query has.
    places: BTreeMap<String, Vec<usize>>,
    /// Tokens, stems that differ from their words included.
    length: f64,
}

/// What is known of one column of all rows.
struct Corpus {
    documents: Vec<Option<Document>>,
    count: f64,
    mean: f64,
    frequencies: BTreeMap<String, f64>,
}

/// Scores of rows, parallel to `records`: `None` for those that do not match.
pub(crate) fn scores(
    table: &Table,
    records: &[Record],
    searched: &[Searched<'_>],
    question: &Question,
    (bm25, minimum): (Bm25, Option<&Minimum>),
) -> Result<Vec<Option<f64>>, Failure> {
    check_negations(question, true)?;
    let mut wanted = BTreeSet::new();
    let mut others = Vec::new();
    collect(table, question, searched, &mut wanted, &mut others)?;
    let all: Vec<&Searched<'_>> = searched.iter().chain(&others).collect();
    let corpora: Vec<_> = all
        .iter()
        .map(|field| corpus(records, field, &wanted))
        .collect();
    let ranking = Ranking {
        searched,
        all: &all,
        corpora: &corpora,
        bm25,
    };
    Ok((0..records.len())
        .map(|row| match minimum {
            Some(minimum) if !ranking.finds(question, row, minimum) => None,
            _ => ranking.score(question, row),
        })
        .collect())
}

/// Infinity cannot search for what is not there alone.
fn check_negations(question: &Question, top: bool) -> Result<(), Failure> {
    let refuse = |text: &str| Err(Failure::syntax(format!("Invalid query statement: {text}")));
    match question {
        Question::Words { .. } | Question::Phrase { .. } => Ok(()),
        Question::Not(_) if top => refuse("NOT cannot stand alone"),
        Question::Not(of) => check_negations(of, false),
        Question::Any(of) => {
            let negated = of
                .iter()
                .filter(|part| matches!(part, Question::Not(_)))
                .count();
            if negated > 0 {
                return refuse("NOT cannot stand beside OR");
            }
            of.iter().try_for_each(|part| check_negations(part, false))
        }
        Question::All(of) => {
            if of.iter().all(|part| matches!(part, Question::Not(_))) {
                return refuse("NOT cannot stand alone");
            }
            of.iter().try_for_each(|part| check_negations(part, false))
        }
    }
}

/// Gathers the tokens of a query and the columns that only it names.
fn collect<'t>(
    table: &'t Table,
    question: &Question,
    searched: &[Searched<'t>],
    wanted: &mut BTreeSet<String>,
    others: &mut Vec<Searched<'t>>,
) -> Result<(), Failure> {
    match question {
        Question::Words { field, text, .. } | Question::Phrase { field, text, .. } => {
            if let Some(name) = field {
                let found = one(table, name, 1.0, &[])?;
                let same = |other: &Searched<'_>| other.column.name == found.column.name;
                if !searched.iter().any(same) && !others.iter().any(same) {
                    others.push(found);
                }
            }
            for field in searched.iter().chain(others.iter()) {
                wanted.extend(field.analysis.tokens(text).into_iter().flatten());
            }
            Ok(())
        }
        Question::All(of) | Question::Any(of) => of
            .iter()
            .try_for_each(|part| collect(table, part, searched, wanted, others)),
        Question::Not(of) => collect(table, of, searched, wanted, others),
    }
}

fn corpus(records: &[Record], field: &Searched<'_>, wanted: &BTreeSet<String>) -> Corpus {
    let mut corpus = Corpus {
        documents: Vec::with_capacity(records.len()),
        count: 0.0,
        mean: 0.0,
        frequencies: BTreeMap::new(),
    };
    for record in records {
        let payload = record.payload.as_ref();
        let text = payload.map(|payload| payload.value(field.path).to_value());
        let Some(Value::Str(text)) = text else {
            corpus.documents.push(None);
            continue;
        };
        let mut document = Document {
            places: BTreeMap::new(),
            length: 0.0,
        };
        for (place, tokens) in field.analysis.tokens(&text).into_iter().enumerate() {
            document.length += tokens.len() as f64;
            for token in tokens {
                if wanted.contains(&token) {
                    document.places.entry(token).or_default().push(place);
                }
            }
        }
        for token in document.places.keys() {
            *corpus.frequencies.entry(token.clone()).or_default() += 1.0;
        }
        corpus.count += 1.0;
        corpus.mean += document.length;
        corpus.documents.push(Some(document));
    }
    corpus.mean /= corpus.count.max(1.0);
    corpus
}

struct Ranking<'r, 't> {
    searched: &'r [Searched<'t>],
    all: &'r [&'r Searched<'t>],
    corpora: &'r [Corpus],
    bm25: Bm25,
}

impl Ranking<'_, '_> {
    /// Whether enough of the alternatives are found in a row.
    fn finds(&self, question: &Question, row: usize, minimum: &Minimum) -> bool {
        let Question::Any(of) = question else {
            return true;
        };
        let found = of.iter().filter(|part| self.score(part, row).is_some());
        found.count() >= minimum.of(of.len())
    }

    fn score(&self, question: &Question, row: usize) -> Option<f64> {
        match question {
            Question::Words { field, text, boost } => {
                self.over_fields(field.as_deref(), *boost, |at| self.words(at, text, row))
            }
            Question::Phrase {
                field,
                text,
                slop,
                boost,
            } => self.over_fields(field.as_deref(), *boost, |at| {
                self.phrase(at, text, *slop, row)
            }),
            Question::Any(of) => sum(of.iter().map(|part| self.score(part, row))),
            Question::All(of) => {
                let mut total = 0.0;
                for part in of {
                    match part {
                        Question::Not(inner) if self.score(inner, row).is_some() => return None,
                        Question::Not(_) => {}
                        part => total += self.score(part, row)?,
                    }
                }
                Some(total)
            }
            Question::Not(inner) => match self.score(inner, row) {
                Some(_) => None,
                None => Some(0.0),
            },
        }
    }

    fn over_fields(
        &self,
        field: Option<&str>,
        boost: f64,
        score: impl Fn(usize) -> Option<f64>,
    ) -> Option<f64> {
        let chosen = self
            .all
            .iter()
            .enumerate()
            .filter(|(at, searched)| match field {
                Some(name) => searched.column.name.eq_ignore_ascii_case(name),
                None => *at < self.searched.len(),
            });
        let scores = chosen.map(|(at, searched)| {
            let score = score(at)? * boost * searched.boost;
            Some(if self.bm25.boolean { 1.0 } else { score })
        });
        sum(scores)
    }

    /// A word and its stem are looked for as two tokens of which one is enough.
    fn words(&self, at: usize, text: &str, row: usize) -> Option<f64> {
        let corpus = &self.corpora[at];
        let document = corpus.documents[row].as_ref()?;
        let tokens: BTreeSet<String> = self.all[at]
            .analysis
            .tokens(text)
            .into_iter()
            .flatten()
            .collect();
        sum(tokens.iter().map(|token| {
            let count = document.places.get(token)?.len() as f64;
            let rows = corpus.frequencies[token];
            Some(self.term(corpus, document, (count, rows), self.bm25.delta_term))
        }))
    }

    fn phrase(&self, at: usize, text: &str, slop: usize, row: usize) -> Option<f64> {
        let corpus = &self.corpora[at];
        let document = corpus.documents[row].as_ref()?;
        // Of a word and its stem the stem, which every form of the word has.
        let tokens: Vec<String> = self.all[at]
            .analysis
            .tokens(text)
            .into_iter()
            .filter_map(|mut tokens| tokens.pop())
            .collect();
        let (first, rest) = tokens.split_first()?;
        let starts = document.places.get(first)?;
        let follows = |start: &&usize| {
            let mut last = **start;
            rest.iter().all(|token| {
                let places = document.places.get(token).map_or(&[][..], Vec::as_slice);
                let next = places.iter().find(|place| **place > last);
                match next {
                    Some(next) if next - last <= slop + 1 => {
                        last = *next;
                        true
                    }
                    Some(_) | None => false,
                }
            })
        };
        let count = starts.iter().filter(follows).count();
        if count == 0 {
            return None;
        }
        let rows = tokens.iter().map(|token| corpus.frequencies[token]);
        let rows = rows.fold(f64::INFINITY, f64::min);
        let counts = (count as f64, rows);
        Some(self.term(corpus, document, counts, self.bm25.delta_phrase))
    }

    /// The part of a token that a row has `count` times and so many rows have.
    fn term(
        &self,
        corpus: &Corpus,
        document: &Document,
        (count, rows): (f64, f64),
        delta: f64,
    ) -> f64 {
        let Bm25 { k1, b, .. } = self.bm25;
        let rarity = libm::log1p((corpus.count - rows + 0.5) / (rows + 0.5));
        let length = document.length / corpus.mean.max(f64::MIN_POSITIVE);
        let part = count * (k1 + 1.0) / (count + k1 * (1.0 - b + b * length));
        rarity * (part + delta)
    }
}

/// The sum of what there is; `None` when there is nothing.
fn sum(scores: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    scores
        .flatten()
        .fold(None, |total, score| Some(total.unwrap_or(0.0) + score))
}

/// The words of a query that are looked for, those behind `NOT` left out.
pub(crate) fn words(question: &Question, found: &mut Vec<String>) {
    match question {
        Question::Words { text, .. } | Question::Phrase { text, .. } => found.push(text.clone()),
        Question::All(of) | Question::Any(of) => of.iter().for_each(|part| words(part, found)),
        Question::Not(_) => {}
    }
}

/// `text` with marks around the words that have one of `tokens`.
pub(crate) fn highlighted(analysis: &Analysis, tokens: &BTreeSet<String>, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let is_word = |c: char| c.is_alphanumeric();
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let mut found = analysis.tokens(word).into_iter().flatten();
        if !word.is_empty() && found.any(|token| tokens.contains(&token)) {
            out.extend(["<em>", word, "</em>"]);
        } else {
            out.push_str(word);
        }
        let start = after.find(is_word).unwrap_or(after.len());
        out.push_str(&after[..start]);
        rest = &after[start..];
    }
    out
}
