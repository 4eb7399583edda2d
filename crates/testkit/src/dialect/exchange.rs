//! Files of requests, and exchanges as text.

use std::fmt::Write;

use gateway::{Dialect, Listener, Request};

use super::{World, now};

/// The requests of a file, each with its first line: a request line, headers, an empty line, a
/// body; `###` between them, `#` before comments.
///
/// # Panics
/// When one of them is malformed.
pub fn requests(file: &str) -> impl Iterator<Item = (String, Request)> {
    file.split("\n###").filter_map(|text| {
        let mut lines = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::trim_end);
        let first = lines.by_ref().find(|line| line.contains(" /"))?;
        let (method, uri) = first.split_once(' ').expect("the line was chosen for it");
        let mut request = http::Request::builder().method(method).uri(uri);
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").expect("a header is `name: value`");
            request = request.header(name, value);
        }
        let body: String = lines.collect::<Vec<_>>().join("\n");
        let request = request.body(body.trim().to_owned().into());
        Some((first.to_owned(), request.expect("a request")))
    })
}

/// What is said when `request` is served: `>` its body, `=` what the world is asked, `<` status
/// and body of the response.
///
/// # Panics
/// When a body is no text.
pub fn exchange(world: &World, listener: &Listener, request: Request) -> String {
    let body = String::from_utf8(request.body().to_vec()).expect("a body of text");
    let response = now(listener.serve(request));
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("memory takes it");
    if !body.is_empty() {
        line(format!("> {}", body.replace('\n', "\n> ")));
    }
    for asked in world.take_asked() {
        line(format!("= {asked}"));
    }
    let body = String::from_utf8(response.body().to_vec()).expect("a body of text");
    let status = response.status().as_u16();
    line(format!("< {status} {}", body.trim_end()));
    text
}

/// Method and path of each route that `listener` has not served yet.
///
/// # Panics
/// When the listener does not have the dialect.
pub fn routes_without(dialect: &dyn Dialect, listener: &Listener) -> Vec<String> {
    let counters = listener.gateway().counters(dialect.name());
    let counts = counters.expect("the dialect is mounted").snapshot();
    let routes = dialect.routes().iter();
    let unserved = routes.filter(|route| {
        !counts
            .iter()
            .any(|c| c.method == route.method && c.path == route.path)
    });
    unserved
        .map(|route| format!("{} {}", route.method, route.path))
        .collect()
}
