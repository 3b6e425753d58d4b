//! Carrying out what the flags of a command that makes something say.

use affetto::{Findings, Models, Output, OutputOptions, output_files, run as make};
use serde_json::{Value, json};

use super::piano_attributes;
use crate::{
    commands::json,
    failure::{Code, Failure},
    printer::Printer,
    resolve::{Piece, Plan},
};

/// Makes and writes each piece of a plan; with `dry_run` shows the plan alone.
pub fn carry_out(
    plan: &Plan,
    dry_run: bool,
    models: &Models,
    printer: &Printer,
) -> Result<Value, Failure> {
    match dry_run {
        true => show(plan, models, printer),
        false => write(plan, models, printer),
    }
}

fn write(plan: &Plan, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let mut outputs = Vec::new();
    for (at, piece) in plan.pieces.iter().enumerate() {
        if printer.terminated() {
            return Err(terminated(at, plan.pieces.len()));
        }
        let options = OutputOptions {
            files: piece.files.clone(),
            ..plan.options.clone()
        };
        let output = make(&piece.request, &options, models, printer)?;
        report(&output, printer);
        outputs.push(json(&output));
    }
    if printer.terminated() {
        return Err(terminated(plan.pieces.len(), plan.pieces.len()));
    }
    Ok(Value::Array(outputs))
}

fn terminated(done: usize, total: usize) -> Failure {
    Failure {
        code: Code::Resumable,
        message: format!("told to end with {done} of {total} pieces written"),
        hint: Some("the same command makes the same files".into()),
    }
}

fn report(output: &Output, printer: &Printer) {
    printer.event("item_finished", json!({ "output": output }));
    printer.clear();
    let head = ["", "asked", "measured", ""].map(str::to_owned).to_vec();
    let row = |effect: &affetto::Effect| {
        vec![
            effect.control.name().to_owned(),
            effect.asked.clone(),
            effect.measured.clone(),
            effect.verdict(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(output.effects.iter().map(row))
        .collect();
    printer.say_table(&rows);
    if let Findings::Piano { asked, measured } = &output.findings {
        printer.say("");
        piano_attributes::say(asked, measured, printer);
    }
    for file in &output.files {
        printer.data(&file.path.display().to_string());
    }
}

/// `--dry-run`
fn show(plan: &Plan, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let piece = |Piece { request, files }: &Piece| -> Result<Value, Failure> {
        request.check()?;
        let used = |task| Ok::<_, Failure>(models.used(task, request.model())?.id);
        let model = request.task().map(used).transpose()?;
        let files = output_files(request, files)?;
        Ok(json!({ "request": request, "files": files, "model": model }))
    };
    let pieces = plan
        .pieces
        .iter()
        .map(piece)
        .collect::<Result<Vec<_>, _>>()?;
    let plan =
        json!({ "pieces": pieces, "strict": plan.options.strict, "force": plan.options.force });
    printer.event("plan", json!({ "plan": plan }));
    printer.data(&serde_json::to_string_pretty(&plan).unwrap_or_default());
    Ok(plan)
}
