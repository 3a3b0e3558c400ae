//! Prints the JSON Schema of the report: `cargo run --package deadheat-core --example schema > docs/report.schema.json`.

#[expect(clippy::print_stdout, reason = "its one answer")]
fn main() {
    println!("{:#}", deadheat_core::report::schema());
}
