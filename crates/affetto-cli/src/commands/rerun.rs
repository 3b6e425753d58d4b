use affetto::{Models, RecordedVideo, Rerun as Again, RerunOptions, kept_beside, rerun};
use serde_json::Value;

use crate::{
    args::Rerun,
    commands::{json, video},
    failure::{Code, Failure},
    printer::Printer,
};

/// `affetto rerun`
pub fn run(args: &Rerun, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let options = RerunOptions {
        folder: args.output.clone(),
        force: args.force,
    };
    let again = match RecordedVideo::find(&args.file)? {
        Some(film) => again(&film, args, &options, printer)?,
        None => rerun(&args.file, &options, models, printer)?,
    };
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

/// A film, by the networks that made it.
fn again(
    film: &RecordedVideo,
    args: &Rerun,
    options: &RerunOptions,
    printer: &Printer,
) -> Result<Again, Failure> {
    let recorded = film.provenance();
    let wan = video::networks(args.wan.as_deref(), recorded.request.picture.is_some())?;
    let wan = wan.with_memory(args.max_memory);
    let device = args.device.unwrap_or(film.device());
    let device = device.open().map_err(affetto::video::Error::from)?;
    let again = film.rerun(wan, &device, options, printer);
    printer.clear();
    again.map_err(|error| match error {
        affetto::Error::Cancelled => video::stopped(
            affetto::video::Error::Cancelled,
            &kept_beside(&film.path(options)),
            "go on with the same command",
        ),
        error => error.into(),
    })
}
