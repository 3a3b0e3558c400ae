//! Writes the JSON Schemas of all answers into `docs/schemas`: `cargo run --package deadheat-core --example schemas`.

#![expect(clippy::disallowed_methods, reason = "a program, which the core is not")]

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    for (name, schema) in deadheat_core::answers::schemas() {
        std::fs::write(
            folder.join(format!("{name}.schema.json")),
            format!("{schema:#}\n"),
        )?;
    }
    Ok(())
}
