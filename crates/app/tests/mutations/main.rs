//! Requests of the corpus, mutated, against a real database on a simulated host: no panic, no error
//! of the server's own, no point lost.
#![allow(clippy::unwrap_used)]

mod exchanges;
mod mutate;
mod state;

use std::collections::BTreeSet;
use std::sync::Arc;

use http::StatusCode;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use exchanges::Exchange;
use mutate::Mutation;
use state::Running;

/// Requests of one case.
const REQUESTS_MAX: usize = 8;

/// One request of a case: which of the corpus or of the table, and how it is changed.
#[derive(Clone, Debug)]
struct Attempt {
    /// Of the same file as the setup, or of all files.
    near: bool,
    which: Index,
    /// The route whose path takes the place of the request's own.
    route: Option<Index>,
    mutations: Vec<Mutation>,
    /// The body as text is cut off here, in a hundredth of its length.
    cut: Option<usize>,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let route = prop::option::weighted(0.15, any::<Index>());
    let cut = prop::option::weighted(0.05, 0usize..100);
    (
        prop::bool::weighted(0.8),
        any::<Index>(),
        route,
        prop::collection::vec(mutate::mutation(), 0..4),
        cut,
    )
        .prop_map(|(near, which, route, mutations, cut)| Attempt {
            near,
            which,
            route,
            mutations,
            cut,
        })
}

/// Whether a request of this method and path takes points away when it succeeds.
fn may_remove(method: &str, path: &str) -> bool {
    let removing = ["/points/delete", "/points/batch", "/snapshots/", "/aliases"];
    method == "DELETE" || removing.iter().any(|part| path.contains(part))
}

/// Sends one request and checks what it did to the points.
fn try_one(
    running: &Running,
    method: &str,
    path: &str,
    body: Vec<u8>,
) -> Result<(), TestCaseError> {
    let before = running.points();
    let shown = String::from_utf8_lossy(&body).into_owned();
    let (status, answer) = running.send(method, path, body);
    let what = format!("{method} {path} {shown}\n  answered {status} {answer}");
    // What one process cannot do, it says with this status; it is not to blame for that.
    let blamed = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
    prop_assert!(!blamed, "{what}");
    let after = running.points();
    if status.is_client_error() {
        prop_assert_eq!(&before, &after, "refused, and yet: {}", what);
    } else if !may_remove(method, path) {
        let ids = |points: &state::Points| points.keys().cloned().collect::<BTreeSet<_>>();
        let lost: Vec<_> = ids(&before).difference(&ids(&after)).cloned().collect();
        prop_assert!(lost.is_empty(), "lost {lost:?}: {what}");
    }
    Ok(())
}

/// A file's setup, then mutated requests; at last a crash, after which everything is as before.
fn run(file: &exchanges::File, attempts: &[Attempt]) -> Result<(), TestCaseError> {
    let all = exchanges::all();
    let routes = exchanges::routes();
    let running = Running::open(1);
    for exchange in exchanges::setup().iter().chain(&file.setup) {
        running.send(&exchange.method, &exchange.path, exchange.text());
    }
    for attempt in attempts {
        let pool = if attempt.near {
            &file.cases
        } else {
            &all.cases
        };
        let mut exchange: Exchange = attempt.which.get(pool).clone();
        if let Some(route) = &attempt.route {
            let (method, path) = route.get(&routes);
            (exchange.method, exchange.path) = (method.clone(), path.clone());
        }
        for mutation in &attempt.mutations {
            let body = exchange.body.get_or_insert_with(|| json!({}));
            mutate::apply(mutation, body, &all.values);
        }
        let mut body = exchange.text();
        if let Some(cut) = attempt.cut {
            body.truncate(body.len() * cut / 100);
        }
        try_one(&running, &exchange.method, &exchange.path, body)?;
    }
    let before = running.points();
    let after = running.crash().points();
    prop_assert_eq!(before, after, "after a crash");
    Ok(())
}

#[test]
fn unchanged_cases_are_answered() {
    for file in &exchanges::all().files {
        let running = Running::open(1);
        for exchange in exchanges::setup().iter().chain(&file.setup) {
            running.send(&exchange.method, &exchange.path, exchange.text());
        }
        for exchange in &file.cases {
            let answered = try_one(&running, &exchange.method, &exchange.path, exchange.text());
            assert!(answered.is_ok(), "{}: {}", file.name, answered.unwrap_err());
        }
    }
}

#[test]
fn the_corpus_is_read() {
    let all = exchanges::all();
    assert!(
        all.files.len() > 10 && all.cases.len() > 300,
        "{}",
        all.cases.len()
    );
    let table: BTreeSet<_> = exchanges::routes().into_iter().collect();
    assert!(table.len() > 60, "{}", table.len());
    let _: Arc<_> = Running::open(1).app();
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_body_breaks_the_server(
        file in any::<Index>(),
        attempts in prop::collection::vec(attempt(), 1..REQUESTS_MAX),
    ) {
        run(file.get(&exchanges::all().files), &attempts)?;
    }
}
