//! The README says what the program does: its tables are compared with it.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::PathBuf;

use app::gateway::manual;
use clap::CommandFactory;
use skerry_server::cli::Cli;

fn readme() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../README.md")
}

/// `SKERRY_UPDATE_README=1 cargo test -p skerry-server --test readme` rewrites the tables.
#[test]
fn the_route_tables_are_those_of_the_program() {
    let written = std::fs::read_to_string(readme()).unwrap();
    let mut expected = written.clone();
    for dialect in app::dialects() {
        let start = format!("<!-- routes {}:", dialect.name());
        let (before, rest) = expected
            .split_once(&start)
            .expect("the README has the table's mark");
        let (comment, rest) = rest.split_once("-->\n").unwrap();
        let (_, after) = rest.split_once("<!-- /routes -->").unwrap();
        let table = manual::table(*dialect);
        expected = format!("{before}{start}{comment}-->\n\n{table}\n<!-- /routes -->{after}");
    }
    if std::env::var_os("SKERRY_UPDATE_README").is_some() {
        std::fs::write(readme(), &expected).unwrap();
    } else {
        assert!(
            written == expected,
            "the routes of the README are out of date"
        );
    }
}

#[test]
fn every_option_is_in_the_readme() {
    let written = std::fs::read_to_string(readme()).unwrap();
    let command = Cli::command();
    let serve = command.find_subcommand("serve").unwrap();
    for argument in serve.get_arguments().filter_map(clap::Arg::get_long) {
        let row = format!("| `--{argument}");
        let named = written
            .lines()
            .filter_map(|line| line.strip_prefix(&row))
            .any(|rest| rest.starts_with([' ', '`']));
        assert!(named, "--{argument}");
    }
    for name in written
        .lines()
        .filter_map(|line| line.strip_prefix("| `--"))
    {
        let name = name.split([' ', '`']).next().unwrap();
        assert!(
            serve
                .get_arguments()
                .any(|argument| argument.get_long() == Some(name)),
            "--{name} is in the README and not in the program"
        );
    }
}
