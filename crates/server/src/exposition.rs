//! The Prometheus text format, version 0.0.4.

use std::fmt::{Display, Write};

/// Text under construction: families in order, their samples together.
#[derive(Default)]
pub(crate) struct Exposition(String);

/// What a family of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number that goes up and down.
    Gauge,
    /// A number that only grows, until the process ends.
    Counter,
}

impl Exposition {
    /// Begins the family `name`. Every sample until the next family belongs to it.
    pub(crate) fn family<'a>(
        &'a mut self,
        kind: Kind,
        name: &'static str,
        help: &str,
    ) -> Family<'a> {
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { text: self, name }
    }

    /// All families.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(text)
            .expect("writing to a string cannot fail");
    }
}

/// A family of samples.
pub(crate) struct Family<'a> {
    text: &'a mut Exposition,
    name: &'static str,
}

impl Family<'_> {
    /// Adds a sample with its labels, names and values.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.write(format_args!("{}", self.name));
        for (at, (name, label)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            self.text
                .write(format_args!("{open}{name}=\"{}\"", escaped(label)));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        self.text.write(format_args!("{close} {value}\n"));
    }
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stand_under_their_family() {
        let mut text = Exposition::default();
        text.family(Kind::Gauge, "a", "What a is.").sample(&[], 1);
        let mut family = text.family(Kind::Counter, "b_total", "What b is.");
        family.sample(&[("id", "x\"\\\n"), ("kind", "y")], 0.5);
        let expected = "# HELP a What a is.\n# TYPE a gauge\na 1\n\
                        # HELP b_total What b is.\n# TYPE b_total counter\n\
                        b_total{id=\"x\\\"\\\\\\n\",kind=\"y\"} 0.5\n";
        assert_eq!(text.finish(), expected);
    }
}
