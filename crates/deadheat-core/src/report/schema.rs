//! The JSON Schema of the report, made from its types. `docs/report.schema.json` is its text.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Report;

/// What a report that is written now is like. Readers meet more fields in later ones.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<Report>()
        .to_value()
}
