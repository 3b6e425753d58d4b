//! One piece, measured as it is played.

use std::path::Path;

use affetto::attributes::piece::{Attribute, Reading, measure_file};
use serde_json::{Map, Value, json};

use crate::{
    failure::{Failure, refused_input},
    printer::Printer,
};

/// Prints every attribute of the piece in `path`.
pub fn run(path: &Path, reading: Reading, printer: &Printer) -> Result<Value, Failure> {
    let values = measure_file(path, reading).map_err(|error| refused_input(&error))?;
    printer.data_table(&table(&values));
    Ok(json!({ "reading": reading, "attributes": by_name(&values) }))
}

/// The values by the names of the attributes; undefined ones are null.
pub fn by_name(values: &[Option<f64>]) -> Map<String, Value> {
    let named = |(attribute, value): (&Attribute, &Option<f64>)| {
        (attribute.name().to_owned(), json!(value))
    };
    Attribute::ALL.iter().zip(values).map(named).collect()
}

fn table(values: &[Option<f64>]) -> Vec<Vec<String>> {
    let head = ["attribute", "value", "unit", "more of it means"]
        .map(str::to_owned)
        .to_vec();
    let row = |(attribute, value): (&Attribute, &Option<f64>)| {
        vec![
            attribute.name().to_owned(),
            value.map_or_else(|| "undefined".into(), number),
            attribute.unit().name().to_owned(),
            attribute.meaning().to_owned(),
        ]
    };
    std::iter::once(head)
        .chain(Attribute::ALL.iter().zip(values).map(row))
        .collect()
}

/// Four digits after the point of small numbers, fewer of large ones.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
