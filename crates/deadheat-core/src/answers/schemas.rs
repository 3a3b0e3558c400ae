//! The JSON Schemas of the answers, generated from their types. `docs/schemas` holds their text.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::forms::{Detected, Failed, HandedOff, LoopLog, LoopStatus, Skills, Started};
use crate::micro::{MicroRace, MicroReport};
use crate::model::Report;
use crate::race::RaceReport;
use crate::report::{BriefReport, Explained};
use crate::test_profile::TestProfile;

/// Returns the schema of each answer that this version writes, by name. Later versions may have more fields.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("report", of::<Report>()),
        ("brief", of::<BriefReport>()),
        ("explain", cut::<Explained<'_>>()),
        ("micro", of::<MicroReport>()),
        ("race", of::<RaceReport>()),
        ("micro-race", of::<MicroRace>()),
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

/// Returns the schema of an answer without the fields that do not apply, or that did not fit.
fn cut<Answer: JsonSchema>() -> Value {
    let mut schema = of::<Answer>();
    without_required(&mut schema);
    schema
}

fn without_required(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.retain(|name, value| name != "required" || !value.is_array());
            fields.values_mut().for_each(without_required);
        }
        Value::Array(values) => values.iter_mut().for_each(without_required),
        _ => {}
    }
}
