//! The answers to calls: what the program printed, as text and as a value.

use deadheat_core::report::{BRIEF_BYTES, within};
use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use crate::error::{ExitCode, Failure};
use crate::mcp::program::Ended;
use crate::report::output;

/// Returns the answer of a run. Where nothing was measured or the tool failed, it is an error.
pub(super) fn of(ended: &Ended) -> CallToolResult {
    let answer: Value = serde_json::from_str(&ended.out).unwrap_or_default();
    let failed = [ExitCode::Usage, ExitCode::NothingMeasured, ExitCode::ToolFailed];
    match ended.code() {
        Err(signal) => refused(
            &Failure::tool(format!("the command was ended by signal {signal}"))
                .hint("was the system out of memory? try again"),
        ),
        Ok(code) if failed.iter().any(|exit| code == *exit as i32) => {
            CallToolResult::structured_error(short(error_of(ended, answer)))
        }
        Ok(_) if answer.is_null() => refused(&Failure::tool("the command gave no answer")),
        Ok(_) => CallToolResult::structured(short(answer)),
    }
}

/// Returns the error of a call that was not made.
pub(super) fn refused(failure: &Failure) -> CallToolResult {
    CallToolResult::structured_error(short(output::failure(failure)))
}

/// Returns the error that the command reported, with the steps of its answer; the answer itself if there is none, as of
/// `micro` without a decision.
fn error_of(ended: &Ended, answer: Value) -> Value {
    match &ended.error {
        Some(error) if answer["error"].is_null() => {
            let mut error = error.clone();
            error["next"] = match &answer["next"] {
                Value::Null => json!([]),
                next => next.clone(),
            };
            error
        }
        None if answer.is_null() => output::failure(&Failure::tool("the command failed without a word")),
        _ => answer,
    }
}

fn short(answer: Value) -> Value {
    within(answer, BRIEF_BYTES)
}
