//! `-o [FORMAT:]FILE`: the format and the destination of a report.

use std::path::PathBuf;

use crate::error::Failure;

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    /// JSON without the samples.
    Summary,
    /// The shortest JSON.
    Brief,
    Markdown,
    Html,
    Csv,
    /// `METRIC name=number` lines.
    Metrics,
    PytestBenchmark,
}

impl Format {
    const ALL: [Format; 8] = [
        Format::Json,
        Format::Summary,
        Format::Brief,
        Format::Markdown,
        Format::Html,
        Format::Csv,
        Format::Metrics,
        Format::PytestBenchmark,
    ];

    /// Returns the names that it may have before the colon, the usual one first.
    fn names(self) -> &'static [&'static str] {
        match self {
            Format::Json => &["json"],
            Format::Summary => &["summary"],
            Format::Brief => &["brief"],
            Format::Markdown => &["md", "markdown"],
            Format::Html => &["html"],
            Format::Csv => &["csv"],
            Format::Metrics => &["metrics"],
            Format::PytestBenchmark => &["pytest-benchmark"],
        }
    }

    /// Returns the suffixes that select it if it is not named.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Format::Summary | Format::Brief | Format::Metrics | Format::PytestBenchmark => &[],
            other => other.names(),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.names()[0]
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.names().contains(&name))
    }

    fn of_file(file: &str) -> Option<Self> {
        let (_, suffix) = file.rsplit_once('.')?;
        let suffix = suffix.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|format| format.suffixes().contains(&suffix.as_str()))
    }
}

/// The destination of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Stdout,
    File(PathBuf),
}

/// One `-o` option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) destination: Destination,
}

impl Output {
    /// Parses `FORMAT:FILE`, a file whose suffix is the format, or `-` for JSON on stdout.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let named = text
            .split_once(':')
            .and_then(|(name, file)| Some((Format::named(name)?, file)));
        let (format, file) = match (named, Format::of_file(text)) {
            (Some((format, file)), _) => (format, file),
            (None, _) if text == "-" => (Format::Json, "-"),
            (None, Some(format)) => (format, text),
            (None, None) => return Err(unknown(text)),
        };
        let destination = match (format, file) {
            (_, "") => return Err(Failure::usage(format!("-o {text}: no file is named"))),
            (Format::PytestBenchmark, "-") => {
                return Err(Failure::usage(format!(
                    "-o {text}: pytest-benchmark takes two files, one for each side"
                ))
                .hint("-o pytest-benchmark:NAME writes NAME.base.json and NAME.head.json"));
            }
            (_, "-") => Destination::Stdout,
            (_, file) => Destination::File(PathBuf::from(file)),
        };
        Ok(Output { format, destination })
    }

    /// Returns the files that are written.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        match (&self.destination, self.format) {
            (Destination::Stdout, _) => Vec::new(),
            (Destination::File(path), Format::PytestBenchmark) => ["base", "head"]
                .map(|side| {
                    let mut path = path.clone().into_os_string();
                    path.push(format!(".{side}.json"));
                    PathBuf::from(path)
                })
                .to_vec(),
            (Destination::File(path), _) => vec![path.clone()],
        }
    }
}

fn unknown(text: &str) -> Failure {
    let known: Vec<&str> = Format::ALL.into_iter().flat_map(Format::names).copied().collect();
    // The text before a colon was meant as a format, unless it is part of a path.
    let meant = match text.split_once(':') {
        Some((name, _)) if !name.contains(['/', '.']) => name,
        _ => text.rsplit_once('.').map_or(text, |(_, suffix)| suffix),
    };
    Failure::usage(format!(
        "-o {text}: `{meant}` is not a format that deadheat writes; it writes {}",
        known.join(", ")
    ))
    .hint("give the file one of these suffixes, or write FORMAT:FILE; - is JSON on stdout")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Args;

    fn parsed(text: &str) -> (Format, Destination) {
        let output = Output::parse(text).unwrap();
        (output.format, output.destination)
    }

    fn file(path: &str) -> Destination {
        Destination::File(path.into())
    }

    #[test]
    fn the_format_is_named_or_told_by_the_suffix() {
        assert_eq!(parsed("-"), (Format::Json, Destination::Stdout));
        assert_eq!(parsed("json:-"), (Format::Json, Destination::Stdout));
        assert_eq!(parsed("md:-"), (Format::Markdown, Destination::Stdout));
        assert_eq!(parsed("a.json"), (Format::Json, file("a.json")));
        assert_eq!(parsed("a.html"), (Format::Html, file("a.html")));
        assert_eq!(parsed("a.MD"), (Format::Markdown, file("a.MD")));
        assert_eq!(parsed("a.b/c.csv"), (Format::Csv, file("a.b/c.csv")));
        assert_eq!(parsed("json:out"), (Format::Json, file("out")));
        assert_eq!(parsed("markdown:a.txt"), (Format::Markdown, file("a.txt")));
        assert_eq!(parsed("csv:a.json"), (Format::Csv, file("a.json")));
        // A colon in a name is not a format.
        assert_eq!(parsed("run:2.json"), (Format::Json, file("run:2.json")));
    }

    #[test]
    fn what_cannot_be_written_is_said_with_what_can() {
        for text in ["a.pdf", "out", "nonsense:a", "a.b/c"] {
            let message = Output::parse(text).unwrap_err().message;
            assert!(
                message.contains("json, summary, brief, md, markdown, html, csv, metrics"),
                "{message}"
            );
        }
        assert!(
            Output::parse("nonsense:a.b")
                .unwrap_err()
                .message
                .contains("`nonsense`")
        );
        assert!(Output::parse("json:").is_err());
        assert!(Output::parse("pytest-benchmark:").is_err());
        assert!(Output::parse("pytest-benchmark:-").is_err());
    }

    #[test]
    fn pytest_benchmark_takes_a_file_for_each_side() {
        let output = Output::parse("pytest-benchmark:out/run.1").unwrap();
        assert_eq!(
            output.paths(),
            [
                PathBuf::from("out/run.1.base.json"),
                PathBuf::from("out/run.1.head.json")
            ]
        );
    }

    #[test]
    fn every_format_is_in_the_help_and_in_the_reference() {
        let reference = include_str!("../../../../docs/reference.md");
        let command = Args::command();
        let report = command.find_subcommand("report").unwrap();
        let output = report
            .get_arguments()
            .find(|argument| argument.get_id() == "output")
            .unwrap();
        let help = output.get_help().unwrap().to_string();
        for format in Format::ALL {
            let name = format.name();
            assert!(help.contains(name), "the help of -o does not name {name}");
            let row = format!("\n| `{name}");
            assert!(
                reference.contains(&row),
                "docs/reference.md has no row for {name}"
            );
        }
    }
}
