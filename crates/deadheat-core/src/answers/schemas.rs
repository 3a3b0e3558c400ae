//! The JSON Schemas of the answers, generated from their types. `docs/schemas` holds their text.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::forms::{Detected, Failed, HandedOff, LoopLog, LoopStatus, Skills, Started};
use crate::micro::MicroReport;
use crate::model::Report;
use crate::test_profile::TestProfile;

/// Returns the schema of each answer that this version writes, by name. Later versions may have more fields.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("report", of::<Report>()),
        ("micro", of::<MicroReport>()),
        ("profile", of::<TestProfile>()),
        ("detect", of::<Detected<'_>>()),
        ("start", of::<Started<'_>>()),
        ("status", of::<LoopStatus<'_>>()),
        ("log", of::<LoopLog<'_>>()),
        ("handoff", of::<HandedOff<'_>>()),
        ("skill", of::<Skills<'_>>()),
        ("error", of::<Failed<'_>>()),
    ]
}

fn of<Answer: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<Answer>()
        .to_value()
}
