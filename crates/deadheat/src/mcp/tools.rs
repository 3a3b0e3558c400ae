//! The tools: which commands they are, and which of their arguments are parameters. Types and texts come from the command
//! line's own definitions, so that both mean the same.

use std::any::TypeId;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command, CommandFactory};
use rmcp::model::{JsonObject, ToolAnnotations};
use serde_json::{Map, Value, json};

use crate::cli::args::Args;
use crate::error::Failure;

/// A command as a tool of the same name.
#[derive(Debug)]
pub(super) struct Tool {
    name: &'static str,
    says: &'static str,
    parameters: &'static [Parameter],
    /// The option for its answer.
    form: &'static str,
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
struct Parameter {
    name: &'static str,
    is: Is,
    /// The description, if it is not the help of the command line.
    says: Option<&'static str>,
}

/// The place of a parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
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
               as in HEAD with the working tree's, or two statements (a and b), or the two halves of a script (target). \
               Decides `go`, `stop` or `no_answer`",
        parameters: &[
            argument(
                "target",
                "target",
                Some("FILE.py::FUNCTION, or a script with functions `bench_a` and `bench_b`"),
            ),
            option("call"),
            option("setup"),
            argument("a", "statement_a", None),
            argument("b", "statement_b", None),
            option("worth"),
            option("base"),
            option("timeout"),
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
            option("tests"),
            option("script"),
            option("budget"),
            option("timeout"),
            option("record"),
            option("status"),
            argument(
                "guard",
                "guard",
                Some("Run this shell command on head first, and measure only if it succeeds"),
            ),
            argument("continue", "continued", None),
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
            option("depth"),
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
enum Kind {
    Flag,
    Number,
    Text,
    Texts,
}

impl Kind {
    fn of(argument: &Arg) -> Self {
        let parser = argument.get_value_parser().type_id();
        match argument.get_action() {
            ArgAction::SetTrue => Kind::Flag,
            ArgAction::Append => Kind::Texts,
            _ if parser == TypeId::of::<f64>() || parser == TypeId::of::<usize>() => Kind::Number,
            _ => Kind::Text,
        }
    }

    fn schema(self) -> Value {
        match self {
            Kind::Flag => json!({"type": "boolean"}),
            Kind::Number => json!({"type": "number"}),
            Kind::Text => json!({"type": "string"}),
            Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        }
    }

    /// Returns the words of a value; none for a flag that is off.
    fn words(self, name: &str, value: &Value) -> Result<Vec<String>, Failure> {
        let wanted = match (self, value) {
            (Kind::Flag, Value::Bool(_)) => return Ok(Vec::new()),
            // Judged by the command, as on the command line.
            (Kind::Number, Value::Number(number)) => return Ok(vec![number.to_string()]),
            (Kind::Number | Kind::Text | Kind::Texts, Value::String(text)) => return Ok(vec![text.clone()]),
            (Kind::Texts, Value::Array(texts)) if texts.iter().all(Value::is_string) => {
                let texts = texts.iter().filter_map(Value::as_str);
                return Ok(texts.map(str::to_owned).collect());
            }
            (Kind::Flag, _) => "true or false",
            (Kind::Number, _) => "a number",
            (Kind::Text, _) => "a string",
            (Kind::Texts, _) => "a list of strings",
        };
        Err(Failure::usage(format!("{name} takes {wanted}, not {value}")))
    }
}

impl Tool {
    fn command<'a>(&self, program: &'a Command) -> Option<&'a Command> {
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
    fn defined<'a>(&self, command: Option<&'a Command>) -> Option<&'a Arg> {
        let Is::Argument(id) = self.is else {
            return None;
        };
        command?.get_arguments().find(|argument| argument.get_id() == id)
    }

    fn description(&self, defined: Option<&Arg>) -> String {
        let help = || defined.and_then(Arg::get_help).map(ToString::to_string);
        let says = self.says.map(str::to_owned);
        says.or_else(help).unwrap_or_default()
    }
}

/// A call, as the arguments of the command line.
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
        let words = kind.words(parameter.name, value)?;
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
