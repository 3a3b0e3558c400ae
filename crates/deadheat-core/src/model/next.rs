//! The steps that would follow a result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step that a person or a program would take now.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct NextStep {
    pub action: Action,
    /// A command that can be run as it is, in the project's folder; empty for an edit.
    pub argv: Vec<String>,
    pub why: String,
    /// The time that the command takes, where that is known.
    pub seconds: Option<f64>,
}

impl NextStep {
    /// Returns a step: a command in words, or an edit if there are none.
    pub fn new(action: Action, argv: Vec<String>, why: impl Into<String>) -> Self {
        NextStep {
            action,
            argv,
            why: why.into(),
            seconds: None,
        }
    }

    /// Returns a step that a command takes.
    pub fn command(action: Action, argv: &[&str], why: impl Into<String>) -> Self {
        Self::new(action, argv.iter().map(|&word| word.to_owned()).collect(), why)
    }

    /// Returns the step that commits what is uncommitted.
    pub fn commit_first(why: impl Into<String>) -> Self {
        let commit = ["git", "commit", "--all", "--message", "experiment"];
        Self::command(Action::CommitFirst, &commit, why)
    }

    /// Returns the steps for a program that reads JSON: the commands of deadheat among them answer in JSON, too.
    pub fn for_programs(steps: Vec<Self>) -> Vec<Self> {
        steps.into_iter().map(Self::for_program).collect()
    }

    fn for_program(mut self) -> Self {
        const FORMS: [&str; 2] = ["--brief", "--json"];
        let mut words = self.argv.iter().map(String::as_str);
        let form = match (words.next(), words.next()) {
            (Some("deadheat"), Some("compare" | "race")) => FORMS[0],
            (Some("deadheat"), Some(_)) => FORMS[1],
            _ => return self,
        };
        if !self.argv.iter().any(|word| FORMS.contains(&word.as_str())) {
            self.argv.push(form.to_owned());
        }
        self
    }

    /// Returns a step that a person or a program takes by editing.
    pub fn edit(action: Action, why: impl Into<String>) -> Self {
        Self::new(action, Vec::new(), why)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Add replicates to the stored report.
    Settle,
    /// Measure again with more time for measuring.
    RaiseBudget,
    /// Run again with a later end of the whole command.
    RaiseTimeout,
    /// Measure what was planned.
    Measure,
    /// Commit the change, so that it can be compared.
    CommitFirst,
    /// Compare the commit with the last kept one, and record it.
    Record,
    /// Write a benchmark that runs the changed code.
    WriteBenchmark,
    /// Check what deadheat can do in this project.
    Detect,
    /// Correct the project's setup, so that benchmarks can be compared.
    FixSetup,
    /// Write a call that runs the compared function.
    FixCall,
    /// Make the change return what it returned before.
    FixOutput,
    /// Make the slower benchmarks as fast as they were.
    FixRegression,
    /// Correct the change, so that the guard succeeds.
    FixChecks,
    /// Correct a benchmark that fails.
    FixBenchmark,
    /// Take the commit back.
    Reset,
    /// Take the uncommitted edit back.
    RevertEdit,
    /// Take over the winner of a race.
    Adopt,
    /// Go on with another experiment.
    NextExperiment,
    /// Make the current commit the baseline.
    Start,
    /// Write the loop's results down for whoever goes on.
    Handoff,
}
