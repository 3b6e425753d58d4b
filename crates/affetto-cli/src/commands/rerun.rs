use affetto::{Models, RerunOptions, rerun};
use serde_json::Value;

use crate::{
    args::Rerun,
    commands::json,
    failure::{Code, Failure},
    printer::Printer,
};

/// `affetto rerun`
pub fn run(args: &Rerun, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let options = RerunOptions {
        folder: args.output.clone(),
        force: args.force,
    };
    let again = rerun(&args.file, &options, models, printer)?;
    for warning in &again.warnings {
        printer.say(&format!("warning: {warning}"));
    }
    for file in &again.files {
        let verdict = match (file.identical, file.written) {
            (true, true) => "identical, written",
            (true, false) => "identical",
            (false, _) => "DIFFERENT, not written",
        };
        printer.data(&format!("{}: {verdict}", file.path.display()));
    }
    if again.is_identical() {
        Ok(json(&again))
    } else {
        Err(Failure {
            code: Code::Failed,
            message: "the bytes are not those of the first time".into(),
            hint: Some(
                "the program that made the file may be another build: see its provenance".into(),
            ),
        })
    }
}
