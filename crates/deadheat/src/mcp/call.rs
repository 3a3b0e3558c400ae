//! A call of a tool, as the words of the command line.

use std::path::{Path, PathBuf};

use clap::{Arg, CommandFactory};
use deadheat_core::report::BRIEF_BYTES;
use rmcp::model::JsonObject;
use serde_json::Value;

use crate::cli::args::Args;
use crate::error::Failure;
use crate::mcp::tools::{Is, Kind, Parameter, ReportUse, Tool};

/// A call of a tool, with its arguments checked.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    /// The folder that it runs in.
    pub(super) folder: PathBuf,
    /// The report that it names.
    pub(super) report: Option<String>,
    options: Vec<String>,
    places: Vec<String>,
}

impl Call {
    /// Makes the call; `here` is the server's folder.
    pub(super) fn new(tool: &Tool, arguments: &JsonObject, here: &Path) -> Result<Self, Failure> {
        let program = Args::command();
        let command = tool.command(&program);
        let known = || tool.parameters.iter().map(|parameter| parameter.name);
        if let Some(unknown) = arguments.keys().find(|name| known().all(|known| known != *name)) {
            let failure = Failure::usage(format!("{}: there is no parameter `{unknown}`", tool.name));
            return Err(failure.near(unknown, known()));
        }
        let mut call = Call {
            folder: here.to_owned(),
            report: None,
            options: vec![
                tool.name.to_owned(),
                tool.form.to_owned(),
                "--progress-json".to_owned(),
            ],
            places: Vec::new(),
        };
        let given = |name: &str| arguments.get(name).filter(|value| !value.is_null());
        for parameter in tool.parameters {
            if let Some(value) = given(parameter.name) {
                call.add(parameter, parameter.defined(command), value)?;
            }
        }
        if given("head").is_some() && given("base").is_none() {
            return Err(Failure::usage("head: base is missing").hint("name both refs, or only base"));
        }
        if !call.folder.is_dir() {
            let folder = call.folder.display();
            return Err(Failure::usage(format!("cwd: there is no folder `{folder}`")));
        }
        Ok(call)
    }

    fn add(&mut self, parameter: &Parameter, defined: Option<&Arg>, value: &Value) -> Result<(), Failure> {
        let kind = defined.map_or(Kind::Text, Kind::of);
        let words = words(kind, parameter.name, value)?;
        match parameter.is {
            Is::Folder => self.folder.extend(words),
            Is::Report => self.report = words.into_iter().next(),
            Is::Ref => self.places.extend(words),
            Is::Argument(_) if defined.is_some_and(Arg::is_positional) => self.places.extend(words),
            Is::Argument(id) => {
                let short = defined.filter(|argument| argument.get_long().is_none());
                let option = match short.and_then(Arg::get_short) {
                    Some(short) => format!("-{short}"),
                    None => format!("--{}", defined.and_then(Arg::get_long).unwrap_or(id)),
                };
                if *value == Value::Bool(true) {
                    self.options.push(option.clone());
                }
                // A value of its own word could be taken for an option.
                self.options
                    .extend(words.iter().map(|word| format!("{option}={word}")));
            }
        }
        Ok(())
    }

    /// Returns the length that its answer may have: it is brief, unless a depth says how long.
    pub(super) fn most_bytes(&self) -> usize {
        let is_depth = |option: &String| option.starts_with("--depth=");
        match self.options.iter().any(is_depth) {
            true => usize::MAX,
            false => BRIEF_BYTES,
        }
    }

    /// Returns the words of the command line. `report` is the file of the report that the tool reads or writes.
    pub(super) fn words(&self, tool: &Tool, report: Option<&Path>) -> Vec<String> {
        let mut words = self.options.clone();
        let report = report.map(|report| report.display().to_string());
        if let (ReportUse::Writes, Some(report)) = (tool.report, &report) {
            words.extend(["-o".to_owned(), format!("json:{report}")]);
        }
        words.push("--".to_owned());
        words.extend(report.filter(|_| tool.report == ReportUse::Reads));
        words.extend(self.places.iter().cloned());
        words
    }
}

/// Returns the words of a value; none for a flag.
fn words(kind: Kind, name: &str, value: &Value) -> Result<Vec<String>, Failure> {
    let has_nul = |value: &Value| value.as_str().is_some_and(|text| text.contains('\0'));
    if has_nul(value) || value.as_array().is_some_and(|values| values.iter().any(has_nul)) {
        return Err(Failure::usage(format!("{name}: no command can be given a NUL")));
    }
    let wanted = match (kind, value) {
        (Kind::Flag, Value::Bool(_)) => return Ok(Vec::new()),
        // Judged by the command, as on the command line.
        (Kind::Count | Kind::Number, Value::Number(number)) => return Ok(vec![number.to_string()]),
        (Kind::Count | Kind::Number | Kind::Text | Kind::Texts, Value::String(text)) => {
            return Ok(vec![text.clone()]);
        }
        (Kind::Texts, Value::Array(texts)) if texts.iter().all(Value::is_string) => {
            let texts = texts.iter().filter_map(Value::as_str);
            return Ok(texts.map(str::to_owned).collect());
        }
        (Kind::Flag, _) => "true or false",
        (Kind::Count, _) => "a whole number",
        (Kind::Number, _) => "a number",
        (Kind::Text, _) => "a string",
        (Kind::Texts, _) => "a list of strings",
    };
    Err(Failure::usage(format!("{name} takes {wanted}, not {value}")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::mcp::tools::named;

    /// Returns the words of a call in the folder `/`.
    fn words(tool: &str, arguments: &Value, report: Option<&str>) -> Vec<String> {
        let tool = named(tool).unwrap();
        let call = Call::new(tool, arguments.as_object().unwrap(), Path::new("/")).unwrap();
        call.words(tool, report.map(Path::new))
    }

    fn refused(tool: &str, arguments: &Value) -> String {
        let arguments = arguments.as_object().unwrap();
        Call::new(named(tool).unwrap(), arguments, Path::new("/"))
            .unwrap_err()
            .message
    }

    #[test]
    fn parameters_become_the_words_of_the_command_line() {
        let arguments = json!({
            "base": "main", "head": "HEAD", "keyword": "not slow", "all": true, "working_tree": false,
            "tests": ["a.py", "b.py::f"], "budget": 2.5, "record": "-x", "guard": "pytest -q", "timeout": null,
        });
        assert_eq!(
            words("compare", &arguments, Some("/r.json")),
            [
                "compare",
                "--brief",
                "--progress-json",
                "-k=not slow",
                "--all",
                "--tests=a.py",
                "--tests=b.py::f",
                "--budget=2.5",
                "--record=-x",
                "--guard=pytest -q",
                "-o",
                "json:/r.json",
                "--",
                "main",
                "HEAD",
            ]
        );
        let of_report = json!({"name": "-x", "depth": 3});
        assert_eq!(
            words("explain", &of_report, Some("r.json"))[3..],
            ["--depth=3", "--", "r.json", "-x"]
        );
    }

    #[test]
    fn the_command_line_understands_the_words() {
        for (tool, arguments, report) in [
            (
                "compare",
                json!({"record": "--json", "budget": "3", "continue": "r.json"}),
                Some("r.json"),
            ),
            (
                "micro",
                json!({"a": "-1", "b": "--2", "setup": "-o", "worth": 5}),
                None,
            ),
            ("micro", json!({"target": "-a.py"}), None),
            ("explain", json!({"name": "--json"}), Some("-r.json")),
            ("status", json!({"cwd": "/"}), None),
        ] {
            let words = words(tool, &arguments, report);
            let words = std::iter::once("deadheat").chain(words.iter().map(String::as_str));
            assert!(Args::try_parse_from(words).is_ok(), "{tool} {arguments}");
        }
    }

    #[test]
    fn values_of_another_kind_and_unknown_names_are_refused() {
        assert_eq!(
            refused("compare", &json!({"budget": true})),
            "budget takes a number, not true"
        );
        assert_eq!(refused("micro", &json!({"a": 1})), "a takes a string, not 1");
        assert_eq!(
            refused("compare", &json!({"tests": ["a", 1]})),
            "tests takes a list of strings, not [\"a\",1]"
        );
        assert_eq!(
            refused("status", &json!({"name": "x"})),
            "status: there is no parameter `name`"
        );
        assert_eq!(refused("compare", &json!({"head": "x"})), "head: base is missing");
        assert_eq!(
            refused("micro", &json!({"a": "\0"})),
            "a: no command can be given a NUL"
        );
        assert_eq!(
            refused("log", &json!({"cwd": "nowhere"})),
            "cwd: there is no folder `/nowhere`"
        );
    }
}
