//! `affetto attributes`

mod files;
mod lead_sheet;
mod piece;

use affetto::{attributes::piece::Reading, read_score};
use serde_json::Value;

use crate::{
    args::{Attributes, MeasuredKind, ReadingArg},
    failure::Failure,
    printer::Printer,
};

/// `affetto attributes`
pub fn run(args: &Attributes, printer: &Printer) -> Result<Value, Failure> {
    let reading = match args.reading {
        ReadingArg::Written => Reading::Written,
        ReadingArg::Performed => Reading::Performed,
    };
    let is_folder = args.measure.is_dir();
    if is_folder && args.kind == Some(MeasuredKind::LeadSheet) {
        return Err(Failure::usage(
            "a folder is measured as pieces, not as lead sheets",
            "name a file, or leave out --as",
        ));
    }
    if is_folder || args.output.is_some() {
        return files::run(&args.measure, reading, args.output.as_deref(), printer);
    }
    match args.kind {
        Some(MeasuredKind::Piece) => piece::run(&args.measure, reading, printer),
        Some(MeasuredKind::LeadSheet) => Ok(lead_sheet::show(&read_score(&args.measure)?, printer)),
        None => {
            let score = read_score(&args.measure)?;
            if score.chords.is_empty() {
                piece::run(&args.measure, reading, printer)
            } else {
                Ok(lead_sheet::show(&score, printer))
            }
        }
    }
}
