//! The driver's half of the protocol: types and names only; `docs/protocol.md` has the rules.
//!
//! `tests/protocol/*.jsonl` holds whole conversations that this file and the worker's are both tested against.

use serde::{Deserialize, Serialize};

pub const VERSION: u32 = 1;

/// What the driver asks; every request gets exactly one reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    Hello(HelloRequest),
    /// Collect these paths, relative to the project's folder, as the project's own configuration says; and in them
    /// these files, whatever their names.
    Collect {
        paths: Vec<String>,
        files: Vec<String>,
        keyword: Option<String>,
    },
    /// Run a test up to its call of the fixture. `next` is what will be entered after it: pytest keeps the fixtures
    /// that both share.
    Enter {
        benchmark: String,
        next: Option<String>,
    },
    /// Time one sample, after calls that are not timed: the other side has had the core and its caches meanwhile.
    /// Where the suite prescribes the calls, the worker makes those and no others.
    Run {
        warmup: u64,
        iterations: u64,
    },
    /// Let the test go on to its end.
    Leave,
    Stop,
}

/// Where the worker's side lies and what belongs to the project; paths are relative to the worktree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    pub roots: Vec<String>,
    pub code_names: Vec<String>,
    pub test_packages: Vec<String>,
    pub loose_names: Vec<String>,
}

/// What the worker answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    Hello {
        protocol: u32,
        python: String,
        pytest: String,
        implementation: String,
    },
    Collected {
        /// Node ids in the order of collection.
        benchmarks: Vec<String>,
        errors: Vec<CollectionError>,
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
    },
    Sample {
        elapsed_ns: u64,
        iterations: u64,
        /// Processor time that the process used between its last reply and this request.
        idle_cpu_ns: u64,
    },
    Left {
        foreign: Vec<ForeignModule>,
        /// Modules of the code to be measured that were imported from this side's worktree.
        project_modules: u64,
    },
    Failed {
        phase: String,
        message: String,
        foreign: Vec<ForeignModule>,
    },
    Skipped {
        reason: String,
    },
    Stopped,
}

/// A file or class that pytest could not collect, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionError {
    pub node: String,
    pub message: String,
}

/// A module of the project that was imported from outside its side's worktree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
