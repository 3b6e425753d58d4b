use serde_json::Value;

use crate::{
    args::{Schema, SchemaArg},
    commands::json,
    failure::Failure,
    printer::Printer,
};

/// `affetto schema`
pub fn run(args: &Schema, printer: &Printer) -> Result<Value, Failure> {
    let schema = match args.name {
        SchemaArg::Library(name) => json(&name.schema()),
        SchemaArg::Batch => json(&affetto_batch::manifest_schema()),
    };
    printer.data(&serde_json::to_string_pretty(&schema).unwrap_or_default());
    Ok(schema)
}
