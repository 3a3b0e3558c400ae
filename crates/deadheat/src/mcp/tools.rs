//! The tools: which commands they are, and which of their arguments are parameters. Types and texts come from the command
//! line's own definitions, so that both mean the same.

use std::any::TypeId;

use clap::{Arg, ArgAction, Command, CommandFactory};
use rmcp::model::{JsonObject, ToolAnnotations};
use serde_json::{Map, Value, json};

use crate::cli::args::Args;

/// A command as a tool of the same name.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    says: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// The option for its answer.
    pub(super) form: &'static str,
    /// Whether it takes time that another measurement would disturb.
    pub(super) measures: bool,
    pub(super) report: ReportUse,
    reads_only: bool,
}

/// The use of a report in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportUse {
    None,
    Reads,
    Writes,
}

#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) is: Is,
    /// The description, if it is not the help of the command line.
    says: Option<&'static str>,
}

/// The place of a parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    /// An argument of the command, by its name in the definitions.
    Argument(&'static str),
    /// The first or the second of the refs.
    Ref,
    Report,
    Folder,
}

/// A parameter that is called like the option.
const fn option(name: &'static str) -> Parameter {
    argument(name, name, None)
}

const fn argument(name: &'static str, id: &'static str, says: Option<&'static str>) -> Parameter {
    Parameter {
        name,
        is: Is::Argument(id),
        says,
    }
}

const fn other(name: &'static str, is: Is, says: &'static str) -> Parameter {
    Parameter {
        name,
        is,
        says: Some(says),
    }
}

const TIMEOUT: Parameter = argument(
    "timeout",
    "timeout",
    Some("Stop after this number of seconds, with what is finished"),
);
const FOLDER: Parameter = other("cwd", Is::Folder, "Run in this folder [default: the server's]");

const TOOLS: [Tool; 6] = [
    Tool {
        name: "detect",
        says: "Check whether benchmarks can be compared in this project, and what else works",
        parameters: &[FOLDER],
        form: "--json",
        measures: true,
        report: ReportUse::None,
        reads_only: true,
    },
    Tool {
        name: "micro",
        says: "Screen an uncommitted change in less than 10 s: is it worth a commit? Compares a function (target and call) \
               as in HEAD with the working tree's, or statements (a and b), or the functions of a script (target). \
               Decides `go`, `stop` or `no_answer`",
        parameters: &[
            argument(
                "target",
                "target",
                Some("FILE.py::FUNCTION (with call), or a script with functions `bench_a` and `bench_b`"),
            ),
            option("call"),
            option("setup"),
            argument("a", "statement_a", None),
            argument("b", "statements_b", None),
            option("worth"),
            option("base"),
            TIMEOUT,
            FOLDER,
        ],
        form: "--json",
        measures: true,
        report: ReportUse::None,
        reads_only: false,
    },
    Tool {
        name: "compare",
        says: "Measure the project's pytest benchmarks on two git refs, in minutes, and say which became faster or slower. \
               Without refs: this branch against where it left the default branch. `explain` has the details, and \
               `next` the steps that would follow, as commands",
        parameters: &[
            other("base", Is::Ref, "The ref to compare with"),
            other("head", Is::Ref, "The ref that changed [default: HEAD]"),
            option("working_tree"),
            argument("keyword", "keyword", None),
            option("all"),
            argument(
                "tests",
                "tests",
                Some("Time these ordinary tests instead of benchmarks: FILE, FILE::NAME"),
            ),
            option("script"),
            option("budget"),
            TIMEOUT,
            option("record"),
            option("status"),
            option("guard"),
            option("baseline"),
            argument(
                "continue",
                "continued",
                Some("Add replicates to the report in this JSON file, within a new budget"),
            ),
            other(
                "report",
                Is::Report,
                "Also write the whole report, with its samples, to this JSON file",
            ),
            FOLDER,
        ],
        form: "--brief",
        measures: true,
        report: ReportUse::Writes,
        reads_only: false,
    },
    Tool {
        name: "explain",
        says: "Explain a comparison by one name: of a benchmark its verdict and the functions that changed it, of a \
               function the benchmarks that run it and what it explains of them",
        parameters: &[
            option("name"),
            argument(
                "depth",
                "depth",
                Some(
                    "List this number of functions or benchmarks [default: as many as fit into 1,500 bytes]",
                ),
            ),
            other(
                "report",
                Is::Report,
                "A report in a JSON file [default: this server's last `compare`]",
            ),
            FOLDER,
        ],
        form: "--json",
        measures: false,
        report: ReportUse::Reads,
        reads_only: true,
    },
    Tool {
        name: "status",
        says: "Show the optimisation loop: baseline, experiments by status, cumulative speedup",
        parameters: &[FOLDER],
        form: "--brief",
        measures: false,
        report: ReportUse::None,
        reads_only: true,
    },
    Tool {
        name: "log",
        says: "List the recorded experiments, the newest first",
        parameters: &[FOLDER],
        form: "--brief",
        measures: false,
        report: ReportUse::None,
        reads_only: true,
    },
];

pub(super) fn named(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// Returns the tools as a client lists them.
pub(super) fn listed() -> Vec<rmcp::model::Tool> {
    let program = Args::command();
    let listed = TOOLS.iter().map(|tool| {
        let listed = rmcp::model::Tool::new(tool.name, tool.says, tool.schema(&program));
        match tool.reads_only {
            true => listed.with_annotations(ToolAnnotations::new().read_only(true)),
            false => listed,
        }
    });
    listed.collect()
}

/// The kind of values that a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Count,
    Number,
    Text,
    Texts,
}

impl Kind {
    pub(super) fn of(argument: &Arg) -> Self {
        let parser = argument.get_value_parser().type_id();
        match argument.get_action() {
            ArgAction::SetTrue => Kind::Flag,
            ArgAction::Append => Kind::Texts,
            _ if parser == TypeId::of::<usize>() => Kind::Count,
            _ if parser == TypeId::of::<f64>() => Kind::Number,
            _ => Kind::Text,
        }
    }

    fn schema(self) -> Value {
        match self {
            Kind::Flag => json!({"type": "boolean"}),
            Kind::Count => json!({"type": "integer"}),
            Kind::Number => json!({"type": "number"}),
            Kind::Text => json!({"type": "string"}),
            Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        }
    }
}

impl Tool {
    pub(super) fn command<'a>(&self, program: &'a Command) -> Option<&'a Command> {
        program.find_subcommand(self.name)
    }

    fn schema(&self, program: &Command) -> JsonObject {
        let command = self.command(program);
        let mut properties = Map::new();
        let mut required = Vec::new();
        for parameter in self.parameters {
            let defined = parameter.defined(command);
            let mut schema = defined.map_or(Kind::Text, Kind::of).schema();
            schema["description"] = parameter.description(defined).into();
            properties.insert(parameter.name.to_owned(), schema);
            if defined.is_some_and(Arg::is_required_set) {
                required.push(parameter.name);
            }
        }
        let schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
        let Value::Object(mut schema) = schema else {
            return JsonObject::new();
        };
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        schema
    }
}

impl Parameter {
    /// Returns the argument that it is, in the command's definitions.
    pub(super) fn defined<'a>(&self, command: Option<&'a Command>) -> Option<&'a Arg> {
        let Is::Argument(id) = self.is else {
            return None;
        };
        command?.get_arguments().find(|argument| argument.get_id() == id)
    }

    fn description(&self, defined: Option<&Arg>) -> String {
        let help = || defined.and_then(Arg::get_help).map(ToString::to_string);
        let says = self.says.map(str::to_owned).or_else(help).unwrap_or_default();
        let default = defined.and_then(|argument| argument.get_default_values().first());
        match default.filter(|_| !defined.is_some_and(is_flag)) {
            Some(default) => format!("{says} [default: {}]", default.display()),
            None => says,
        }
    }
}

fn is_flag(argument: &Arg) -> bool {
    Kind::of(argument) == Kind::Flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_an_argument_of_its_command() {
        let program = Args::command();
        for tool in &TOOLS {
            let command = tool.command(&program);
            for parameter in tool.parameters {
                let is_defined = parameter.defined(command).is_some();
                let is_own = !matches!(parameter.is, Is::Argument(_));
                assert!(is_defined || is_own, "{} {}", tool.name, parameter.name);
            }
        }
    }
}
