//! The JSON Schema of the report, generated from its types. `docs/report.schema.json` holds its text.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::model::Report;

/// Returns the schema of the reports that this version writes. Later ones may have more fields.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<Report>()
        .to_value()
}
