//! The driver's half of the protocol: types and names only; `docs/protocol.md` has the rules.
//!
//! `tests/protocol/*.jsonl` holds whole conversations against which this file and the worker's are both tested.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Clock, FunctionPlace};
use crate::output::Output;

pub const VERSION: u32 = 1;

/// A request from the driver; every request gets exactly one reply.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    Hello(HelloRequest),
    /// Watch functions from now on, before anything of the project is imported.
    Trace(TraceRequest),
    /// Collect these paths, relative to the project's folder, by the project's own configuration; and in them these
    /// files, whatever their names.
    Collect {
        paths: Vec<String>,
        files: Vec<String>,
        keyword: Option<String>,
        /// More arguments for pytest.
        arguments: Vec<String>,
        /// Whether every test is a benchmark, timed without its fixtures.
        tests: bool,
    },
    /// Instead of `Collect`: prepare one piece of code, which is the only benchmark of a worker without pytest.
    Micro(MicroRequest),
    /// Run a test up to its call of the fixture. `next` is the benchmark to be entered after it: pytest keeps
    /// the fixtures that both share. `set_up_each_call`, only if the worker has reported that it can: the
    /// test's own fixtures are set up for each call.
    Enter {
        benchmark: String,
        next: Option<String>,
        set_up_each_call: bool,
    },
    /// Time one sample, after calls that are not timed, because the other side has had the core and its
    /// caches meanwhile. If the suite prescribes the calls, the worker makes those and no others.
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
    /// Let the test run to its end.
    Leave,
    /// Outside a benchmark, after `trace` for that purpose: report the functions that have run since the last
    /// such request.
    Reach,
    /// Outside a benchmark: return digests of everything in the project's modules. `changed` are the files that differ,
    /// with the functions in them that share a qualified name, which are distinguished by their code.
    Observe {
        changed: BTreeMap<String, BTreeSet<String>>,
    },
    /// After `Observe`: return the functions that read these names, by path, and for each name whether both
    /// sides have it. `unloaded` are files that were not loaded by then, and changed or have such a name in
    /// their text.
    Readers {
        differing: BTreeMap<String, BTreeMap<String, bool>>,
        unloaded: Vec<String>,
    },
    /// To a worker of `profile_tests.py`, right after the greeting: run the tests that these arguments select.
    Test {
        arguments: Vec<String>,
        /// The tests whose calls the profiler watches; `None` to run without it.
        profiled: Option<Vec<String>>,
    },
    Stop,
}

/// A request to a fork server, which sends [`Reply::Hello`] by itself when it is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum ForkRequest {
    /// Fork a worker of this side that continues after the greeting. Three descriptors come with the message:
    /// its requests, its replies, its log.
    Fork { hello: HelloRequest },
    /// Report how a worker ended, once it has.
    Reap { process: u32 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum ForkReply {
    Forked {
        process: u32,
    },
    /// Workers must be started one by one.
    CannotFork {
        problem: String,
    },
    Reaped {
        /// The status as `wait(2)` returns it.
        status: i32,
        /// The processor time of the worker and of the children that it has waited for.
        cpu_ns: u64,
    },
}

/// The location of the worker's side, and what belongs to the project; paths are relative to the worktree.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HelloRequest {
    pub protocol: u32,
    /// The absolute path of this side's checkout.
    pub worktree: String,
    /// The absolute path of the user's own checkout, from which nothing may be imported.
    pub repository: String,
    /// The folder that pytest runs in.
    pub project: String,
    pub import_folders: Vec<String>,
    pub code_names: Vec<String>,
    pub test_packages: Vec<String>,
    pub loose_names: Vec<String>,
}

/// The functions to watch, and the purpose.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    pub purpose: TracePurpose,
    /// The absolute path of deadheat's native part, which the project's interpreter loads.
    pub extension: String,
    /// Numbered in the replies by their index; `None` if this side does not have the function.
    pub functions: Vec<Option<FunctionPlace>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TracePurpose {
    /// Find which functions run, and for which benchmark.
    Reach,
    /// Measure how often the functions run and how long they take.
    Profile,
    /// The same for every function of the project, by the standard library's profiler.
    Survey,
    /// Measure the memory that calls allocate, by memray.
    Memory,
}

/// A piece of code to time.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicroRequest {
    /// Its name in later messages.
    pub benchmark: String,
    /// The answer of `Profile`, if any; such a process is never timed for a verdict.
    pub watch: Option<MicroWatch>,
    pub code: MicroCode,
}

/// The observation of a call other than its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MicroWatch {
    /// The peak of its memory.
    Memory,
    /// Whether it enters the compared function.
    Function,
}

/// The source of the code. Files are absolute paths.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
pub enum MicroCode {
    /// A function of a module, called without arguments.
    Script { module: GivenModule, function: String },
    /// A script that is run whole as `__main__`, once in a process, with one argument.
    Program {
        /// The script as typed.
        script: String,
        argument: String,
        file: String,
        /// The file that holds its text.
        source: String,
    },
    /// A statement in a copy of a module's namespace.
    Function {
        module: GivenModule,
        setup: Option<String>,
        statement: String,
        /// The compared function.
        qualname: String,
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
    /// The file that holds its text.
    pub source: String,
}

/// A reply from the worker.
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
        /// The reason why functions cannot be watched in this interpreter.
        problem: Option<String>,
    },
    Collected {
        /// Node ids in the order of collection.
        benchmarks: Vec<String>,
        errors: Vec<Uncollected>,
        /// Files that skipped themselves.
        skipped: Vec<Uncollected>,
        /// The number of benchmarks that the project's own options deselected.
        deselected: u64,
        foreign: Vec<ForeignModule>,
    },
    /// pytest ended before anything could be run; its output is in the log.
    CollectionFailed {
        exit_code: i32,
    },
    /// The test is inside its call of the fixture.
    Entered {
        /// The calls of a sample, if the suite prescribes them.
        iterations_per_sample: Option<u64>,
        /// The largest number of samples in one process, if the suite limits it.
        samples: Option<u64>,
        /// Whether the suite prescribes the clock of samples.
        own_clock: bool,
        /// Whether the test's own fixtures, which were set up once, could be set up for each call.
        can_set_up_each_call: bool,
    },
    Sample {
        elapsed_ns: u64,
        iterations: u64,
        /// The processor time that the process used between its last reply and this request.
        idle_cpu_ns: u64,
        /// The number of times that the process gave up its core meanwhile, to wait for something.
        waits: u64,
    },
    Profiled {
        elapsed_ns: u64,
        iterations: u64,
        /// The elapsed time without the cost of profiling, which is `probe_ns`.
        length_ns: f64,
        probe_ns: f64,
        /// The number of functions that were left although they were not the last ones entered.
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
        /// The peak of the memory in use, beyond that in use before the sample.
        peak_bytes: u64,
        /// The number of allocations, in all iterations.
        allocations: u64,
    },
    Peaked {
        elapsed_ns: u64,
        iterations: u64,
        /// The peak of the memory that the calls allocated.
        peak_bytes: u64,
    },
    EnteredFunction {
        elapsed_ns: u64,
        iterations: u64,
        /// `None` if it cannot be seen, as of compiled functions.
        function: Option<bool>,
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
    /// Instead of `Observed` or `Readers`, with the reason.
    NotObserved {
        problem: String,
    },
    Left {
        foreign: Vec<ForeignModule>,
        /// Modules of the code to be measured that were imported from this side's worktree.
        project_modules: u64,
        /// The return value of the first sample.
        output: Output,
        /// The values that the set-up of a piece of code made and its calls changed.
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
        /// pytest's exit code.
        exit_code: i32,
        /// The tests in the order in which they ran.
        tests: Vec<TestRun>,
        /// Files that could not be collected.
        errors: Vec<Uncollected>,
        /// The functions, summed over all watched tests.
        functions: Vec<SurveyedFunction>,
        foreign: Vec<ForeignModule>,
        project_modules: u64,
    },
    Stopped,
}

/// A value that a set-up made, and that was different after the calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedValue {
    pub name: String,
    /// The type before the calls, without its module.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// One test as pytest reports it.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct TestRun {
    pub node: String,
    pub outcome: TestOutcome,
    /// The duration of its setup, call and teardown.
    pub duration_ns: u64,
    /// The reason why it failed or was skipped.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    Passed,
    Failed,
    Skipped,
}

/// One watched function in one sample; times cover all its iterations, without the cost of profiling.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct FunctionSample {
    /// Its index in [`TraceRequest::functions`].
    pub function: usize,
    pub calls: u64,
    /// `None` if only calls can be seen.
    pub total_ns: Option<f64>,
    pub total_probe_ns: f64,
    pub self_ns: Option<f64>,
    pub self_probe_ns: f64,
}

/// One function of the project in one sample, as the standard library's profiler reports it.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct SurveyedFunction {
    pub path: String,
    pub line: u32,
    pub name: String,
    pub calls: u64,
    pub total_ns: u64,
    pub self_ns: u64,
}

/// The functions that ran for a node.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ReachedBy {
    /// The id of a benchmark, or of the module or class whose fixture ran; empty for all benchmarks.
    pub node: String,
    /// Indices into [`TraceRequest::functions`].
    pub functions: Vec<usize>,
    /// Whether other processes were started, whose calls cannot be seen.
    pub processes: bool,
    /// Whether any of that happened inside a sample, and not only before or after it.
    pub timed: bool,
    /// Whether a sample used more than one core at once.
    #[serde(default)]
    pub parallel: bool,
}

/// Digests of the values in a process after its imports; they are equal if the values are.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Observed {
    /// The project's values, by path and name. Names are those in modules (`LIMIT`), of classes as a whole (`Shape`)
    /// and of their attributes (`Shape.sides`).
    pub modules: BTreeMap<String, BTreeMap<String, String>>,
    /// The simple values of each module outside the project.
    pub others: BTreeMap<String, String>,
    /// Other things that an import may change: the interpreter, its environment, patched functions; each in words.
    pub surroundings: BTreeMap<String, String>,
}

/// A function that reads something.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Reader {
    pub path: String,
    pub qualname: String,
    /// The first line, decorators included.
    pub line: u32,
    /// The name that it reads; an empty one if it may read anything in that file.
    pub reads: Name,
}

/// A name of [`Observed::modules`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct Name {
    pub path: String,
    pub name: String,
}

/// A file or class that pytest did not collect, with pytest's message.
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

/// Decodes one line from the worker.
pub fn decode_reply(line: &[u8]) -> Result<Reply, serde_json::Error> {
    serde_json::from_slice(line)
}

/// Encodes one request as one line.
pub fn encode_request(request: &Request) -> Vec<u8> {
    let mut line = serde_json::to_vec(request).expect("a request has only strings, numbers and lists");
    line.push(b'\n');
    line
}
