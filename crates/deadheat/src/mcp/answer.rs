//! The answers to calls: what the program printed, as text and as a value.

use deadheat_core::report::{BRIEF_BYTES, within};
use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use crate::error::{ExitCode, Failure};
use crate::mcp::program::Ended;
use crate::report::output;

/// Returns the answer of a run, in at most `most` bytes. Where nothing was measured or the tool failed, it is an error.
pub(super) fn of(ended: &Ended, most: usize) -> CallToolResult {
    let answer: Value = serde_json::from_str(&ended.out).unwrap_or_default();
    let failed = [ExitCode::Usage, ExitCode::NothingMeasured, ExitCode::ToolFailed];
    match ended.code() {
        Err(signal) => refused(
            &Failure::tool(format!("the command was ended by signal {signal}"))
                .hint("was the system out of memory? try again"),
        ),
        Ok(code) if answer.is_null() || failed.iter().any(|exit| code == *exit as i32) => {
            CallToolResult::structured_error(within(error_of(ended, answer), BRIEF_BYTES))
        }
        Ok(_) => CallToolResult::structured(within(answer, most)),
    }
}

/// Returns the error of a call that was not made.
pub(super) fn refused(failure: &Failure) -> CallToolResult {
    CallToolResult::structured_error(within(output::failure(failure), BRIEF_BYTES))
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
        None if answer.is_null() => output::failure(&Failure::tool("the command gave no answer")),
        _ => answer,
    }
}
