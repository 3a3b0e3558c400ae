//! The driver's half of the protocol: types and names only; `docs/protocol.md` has the rules.
//!
//! `tests/protocol/*.jsonl` holds whole conversations that this file and the worker's are both tested against.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Clock, FunctionPlace};
use crate::output::Output;

pub const VERSION: u32 = 1;

/// What the driver asks; every request gets exactly one reply.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    Hello(HelloRequest),
    /// Watch functions from now on, before anything of the project is imported.
    Trace(TraceRequest),
    /// Collect these paths, relative to the project's folder, as the project's own configuration says; and in them
    /// these files, whatever their names.
    Collect {
        paths: Vec<String>,
        files: Vec<String>,
        keyword: Option<String>,
        /// More arguments for pytest.
        arguments: Vec<String>,
        /// Whether every test is a benchmark, timed without its fixtures.
        tests: bool,
    },
    /// In the place of `Collect`: prepare one piece of code, which is the only benchmark of a worker without pytest.
    Micro(MicroRequest),
    /// Run a test up to its call of the fixture. `next` is what will be entered after it: pytest keeps the fixtures
    /// that both share. `set_up_each_call`, only where the worker has said that it can: each call gets the test's own
    /// fixtures set up for it.
    Enter {
        benchmark: String,
        next: Option<String>,
        set_up_each_call: bool,
    },
    /// Time one sample, after calls that are not timed: the other side has had the core and its caches meanwhile.
    /// Where the suite prescribes the calls, the worker makes those and no others.
    Run {
        warmup: u64,
        iterations: u64,
        clock: Clock,
    },
    /// Run one sample as [`Request::Run`] does and record what the functions do meanwhile; only after `trace`.
    Profile {
        warmup: u64,
        iterations: u64,
    },
    /// Let the test go on to its end.
    Leave,
    /// Outside a benchmark, after `trace` for that purpose: what has run since this was last asked.
    Reach,
    /// Outside a benchmark: digests of all that the project's modules hold. `changed` are the files that differ, with the
    /// functions in them that share a qualified name, and so are told apart by their code.
    Observe {
        changed: BTreeMap<String, BTreeSet<String>>,
    },
    /// After `Observe`: which functions read these names, by path; each with whether both sides have it. `unloaded` are
    /// files that were not loaded by then, and changed or have such a name in their text.
    Readers {
        differing: BTreeMap<String, BTreeMap<String, bool>>,
        unloaded: Vec<String>,
    },
    /// To a worker of `profile_tests.py`, right after the greeting: run the tests that pytest chooses by these arguments.
    Test {
        arguments: Vec<String>,
        /// Run under the profiler, which watches the calls of these tests; `None`: without it.
        profiled: Option<Vec<String>>,
    },
    Stop,
}

/// Requests to a fork server, which sends [`Reply::Hello`] unasked when it is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum ForkRequest {
    /// Fork a worker of this side that goes on after the greeting. With the message come three descriptors: its requests,
    /// its replies, its log.
    Fork { hello: HelloRequest },
    /// How a worker ended that has ended.
    Reap { process: u32 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum ForkReply {
    Forked {
        process: u32,
    },
    /// Workers have to be started one by one.
    CannotFork {
        problem: String,
    },
    Reaped {
        /// As `wait(2)` has it.
        status: i32,
        /// Processor time of the worker and of its own children that it has waited for.
        cpu_ns: u64,
    },
}

/// Where the worker's side lies and what belongs to the project; paths are relative to the worktree.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HelloRequest {
    pub protocol: u32,
    /// Absolute: this side's checkout.
    pub worktree: String,
    /// Absolute: the user's own checkout, from which nothing may be imported.
    pub repository: String,
    /// The folder that pytest runs in.
    pub project: String,
    pub import_folders: Vec<String>,
    pub code_names: Vec<String>,
    pub test_packages: Vec<String>,
    pub loose_names: Vec<String>,
}

/// What to watch, and what for.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    pub purpose: TracePurpose,
    /// Absolute: the native part of deadheat, which the project's interpreter loads.
    pub extension: String,
    /// Their places are their numbers in the replies; `None` where this side does not have the function.
    pub functions: Vec<Option<FunctionPlace>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TracePurpose {
    /// Which functions run, and for which benchmark.
    Reach,
    /// How often the functions run and how long they take.
    Profile,
    /// The same of every function of the project, by the standard library's profiler.
    Survey,
    /// What calls ask memory for, by memray.
    Memory,
}

/// A piece of code to time.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicroRequest {
    /// What it is called in what follows.
    pub benchmark: String,
    /// Whether `Profile` is to give the peak of the memory; such a process is never timed for a verdict.
    pub memory: bool,
    pub code: MicroCode,
}

/// Where the code comes from. Files are absolute.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
pub enum MicroCode {
    /// A function of a module, called without arguments.
    Script { module: GivenModule, function: String },
    /// A script that is run whole as `__main__`, once in a process, with one argument.
    Program {
        /// As it was typed.
        script: String,
        argument: String,
        file: String,
        /// The file with its text.
        source: String,
    },
    /// A statement in a copy of a module's namespace.
    Function {
        module: GivenModule,
        setup: Option<String>,
        statement: String,
    },
    /// A statement in a namespace of its own.
    Statement {
        setup: Option<String>,
        statement: String,
    },
}

/// A module that is imported with a given text, whatever its file holds.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenModule {
    pub name: String,
    /// Its `__file__`.
    pub file: String,
    /// The file with its text.
    pub source: String,
}

/// What the worker answers.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    Hello {
        protocol: u32,
        python: String,
        pytest: String,
        implementation: String,
    },
    Tracing {
        /// Why functions cannot be watched in this interpreter.
        problem: Option<String>,
    },
    Collected {
        /// Node ids in the order of collection.
        benchmarks: Vec<String>,
        errors: Vec<Uncollected>,
        /// Files that skipped themselves.
        skipped: Vec<Uncollected>,
        /// Benchmarks that the project's own options deselected.
        deselected: u64,
        foreign: Vec<ForeignModule>,
    },
    /// pytest ended before anything could be run; its words are in the log.
    CollectionFailed {
        exit_code: i32,
    },
    /// The test stands inside its call of the fixture.
    Entered {
        /// Set where the suite prescribes the calls of a sample.
        iterations_per_sample: Option<u64>,
        /// Set where the suite limits how often it may be run in one process.
        samples: Option<u64>,
        /// Whether the suite prescribes what samples are timed by.
        own_clock: bool,
        /// Whether the test's own fixtures, which were set up once, could be set up for each call.
        can_set_up_each_call: bool,
    },
    Sample {
        elapsed_ns: u64,
        iterations: u64,
        /// Processor time that the process used between its last reply and this request.
        idle_cpu_ns: u64,
        /// How often the process gave its core back of itself meanwhile: to wait for something.
        waits: u64,
    },
    Profiled {
        elapsed_ns: u64,
        iterations: u64,
        /// The same without what watching cost, which is `probe_ns`.
        length_ns: f64,
        probe_ns: f64,
        /// Functions that were left without having been entered last.
        unbalanced: u64,
        functions: Vec<FunctionSample>,
    },
    Surveyed {
        elapsed_ns: u64,
        iterations: u64,
        functions: Vec<SurveyedFunction>,
    },
    Weighed {
        elapsed_ns: u64,
        iterations: u64,
        /// The most that was in use at once, beyond what was before the sample.
        peak_bytes: u64,
        /// How often memory was asked for, in all iterations.
        allocations: u64,
    },
    Peaked {
        elapsed_ns: u64,
        iterations: u64,
        /// The most memory that was in use at once of what the calls asked for.
        peak_bytes: u64,
    },
    Reached {
        by: Vec<ReachedBy>,
    },
    Observed(Observed),
    Readers {
        functions: Vec<Reader>,
        /// Names of values that nothing in the project reads.
        unread: Vec<Name>,
    },
    /// In the place of `Observed` or `Readers`, with the reason.
    NotObserved {
        problem: String,
    },
    Left {
        foreign: Vec<ForeignModule>,
        /// Modules of the code to be measured that were imported from this side's worktree.
        project_modules: u64,
        /// What the first sample returned.
        output: Output,
        /// What the set-up of a piece of code made and its calls changed.
        changed: Vec<ChangedValue>,
    },
    Failed {
        phase: String,
        message: String,
        foreign: Vec<ForeignModule>,
    },
    Skipped {
        reason: String,
    },
    Tested {
        /// pytest's.
        exit_code: i32,
        /// In the order in which they ran.
        tests: Vec<TestRun>,
        /// Files that could not be collected.
        errors: Vec<Uncollected>,
        /// Over all tests that were watched.
        functions: Vec<SurveyedFunction>,
        foreign: Vec<ForeignModule>,
        project_modules: u64,
    },
    Stopped,
}

/// A value that a set-up made, and that was another one after the calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedValue {
    pub name: String,
    /// Of what it was before, without its module.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// One test as pytest reports it.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct TestRun {
    pub node: String,
    pub outcome: TestOutcome,
    /// Of its setup, call and teardown.
    pub duration_ns: u64,
    /// Why it failed or was skipped.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    Passed,
    Failed,
    Skipped,
}

/// One watched function in one sample; times are of all its iterations, without what watching cost.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct FunctionSample {
    /// Its place in [`TraceRequest::functions`].
    pub function: usize,
    pub calls: u64,
    /// `None` where only calls can be seen.
    pub total_ns: Option<f64>,
    pub total_probe_ns: f64,
    pub self_ns: Option<f64>,
    pub self_probe_ns: f64,
}

/// One function of the project in one sample, as the standard library's profiler has it.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct SurveyedFunction {
    pub path: String,
    pub line: u32,
    pub name: String,
    pub calls: u64,
    pub total_ns: u64,
    pub self_ns: u64,
}

/// What ran on whose account.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ReachedBy {
    /// A benchmark's id, or that of a module or class whose fixture it was; empty: of all benchmarks.
    pub node: String,
    /// Places in [`TraceRequest::functions`].
    pub functions: Vec<usize>,
    /// Whether other processes were started, whose calls cannot be seen.
    pub processes: bool,
    /// Whether any of that happened inside a sample, and not only before or after it.
    pub timed: bool,
    /// Whether a sample used more than one core at once.
    #[serde(default)]
    pub parallel: bool,
}

/// Digests of what a process holds after its imports; they are equal where the values are.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Observed {
    /// Of the project: by path and name. Names are those of modules (`LIMIT`), of classes as a whole (`Shape`) and of
    /// their attributes (`Shape.sides`).
    pub modules: BTreeMap<String, BTreeMap<String, String>>,
    /// The simple values of each module of others.
    pub others: BTreeMap<String, String>,
    /// Other things that an import may change: the interpreter, its environment, patched functions; each in words.
    pub surroundings: BTreeMap<String, String>,
}

/// A function that reads something.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Reader {
    pub path: String,
    pub qualname: String,
    /// The first one, decorators included.
    pub line: u32,
    /// The name that it reads; an empty one where it may read anything of that file.
    pub reads: Name,
}

/// A name of [`Observed::modules`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct Name {
    pub path: String,
    pub name: String,
}

/// A file or class that pytest did not collect, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Uncollected {
    pub node: String,
    pub message: String,
}

/// A module of the project that was imported from outside its side's worktree.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ForeignModule {
    pub module: String,
    pub file: String,
}

/// Reads one line of the worker's.
pub fn decode_reply(line: &[u8]) -> Result<Reply, serde_json::Error> {
    serde_json::from_slice(line)
}

/// Writes one request as one line.
pub fn encode_request(request: &Request) -> Vec<u8> {
    let mut line = serde_json::to_vec(request).expect("a request has only strings, numbers and lists");
    line.push(b'\n');
    line
}
