//! Which route of a dialect a request means.

use http::Method;

use crate::Route;

/// The routes of one dialect, ready to be matched.
pub(crate) struct Router {
    routes: &'static [Route],
    /// Per pattern the positions of its routes in the table.
    patterns: matchit::Router<Vec<usize>>,
}

/// What a path and a method mean.
pub(crate) enum Found<'a> {
    Route {
        index: usize,
        params: Vec<(&'a str, String)>,
    },
    WrongMethod {
        allowed: Vec<Method>,
    },
    Nothing,
}

impl Router {
    /// # Panics
    /// When two patterns of the table conflict; a test of each dialect builds it.
    pub(crate) fn new(routes: &'static [Route]) -> Self {
        let mut grouped: Vec<(&'static str, Vec<usize>)> = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            match grouped.iter_mut().find(|(path, _)| *path == route.path) {
                Some((_, indices)) => indices.push(index),
                None => grouped.push((route.path, vec![index])),
            }
        }
        let mut patterns = matchit::Router::new();
        for (path, indices) in grouped {
            patterns
                .insert(path, indices)
                .expect("the patterns of a dialect do not conflict");
        }
        Self { routes, patterns }
    }

    pub(crate) fn find<'a>(&'a self, method: &Method, path: &'a str) -> Found<'a> {
        let Ok(matched) = self.patterns.at(path) else {
            return Found::Nothing;
        };
        let with = |wanted: &Method| {
            matched
                .value
                .iter()
                .copied()
                .find(|&index| self.routes[index].method == *wanted)
        };
        // A route of its own for HEAD would win over the GET route's.
        let found = with(method).or_else(|| {
            (*method == Method::HEAD)
                .then(|| with(&Method::GET))
                .flatten()
        });
        match found {
            Some(index) => {
                let decoded = |(name, value)| (name, crate::path::decode(value).into_owned());
                Found::Route {
                    index,
                    params: matched.params.iter().map(decoded).collect(),
                }
            }
            None => {
                let method_of = |&index: &usize| self.routes[index].method.clone();
                Found::WrongMethod {
                    allowed: matched.value.iter().map(method_of).collect(),
                }
            }
        }
    }
}
