use serde_json::Value;

use crate::{args::Schema, commands::json, failure::Failure, printer::Printer};

/// `affetto schema`
pub fn run(args: &Schema, printer: &Printer) -> Result<Value, Failure> {
    let schema = json(&args.name.schema());
    printer.data(&serde_json::to_string_pretty(&schema).unwrap_or_default());
    Ok(schema)
}
