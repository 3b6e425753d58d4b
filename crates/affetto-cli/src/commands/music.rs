use affetto::{Models, Output, OutputOptions, Progress, Request, Warning, run as make};
use serde_json::{Value, json};

use crate::{
    args::LeadSheet,
    commands::json,
    failure::{Code, Failure},
    printer::Printer,
    resolve::{Piece, Plan, resolve},
};

/// `affetto music lead-sheet`
pub fn run(args: &LeadSheet, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let plan = resolve(args)?;
    if args.dry_run {
        return show(&plan, models, printer);
    }
    if args.dominance.is_some() {
        printer.warn(Warning(
            "nothing in a lead sheet goes by --dominance".into(),
        ));
    }
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
    for file in &output.files {
        printer.data(&file.path.display().to_string());
    }
}

/// `--dry-run`
fn show(plan: &Plan, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let model = |request: &Request| -> Result<String, Failure> {
        let Request::LeadSheet(sheet) = request;
        sheet.check()?;
        Ok(models.lead_sheet(sheet.model.as_deref())?.used.id.clone())
    };
    let piece = |piece: &Piece| -> Result<Value, Failure> {
        Ok(
            json!({ "request": piece.request, "files": piece.files, "model": model(&piece.request)? }),
        )
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
