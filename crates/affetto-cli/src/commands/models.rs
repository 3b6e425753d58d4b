use affetto::{Card, Models, Origin};
use serde_json::{Value, json};

use crate::{
    failure::{Code, Failure},
    printer::Printer,
};

/// `affetto models list`
pub fn list(models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let head = ["id", "task", "parameters", "MB", "licence", "from"]
        .map(str::to_owned)
        .to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(models.list().map(row))
        .collect();
    if rows.len() == 1 {
        printer.say("no models");
    } else {
        printer.data_table(&rows);
    }
    let card = |(card, origin): (&Card, Origin)| json!({ "card": card, "from": from(&origin) });
    Ok(models.list().map(card).collect())
}

fn row((card, origin): (&Card, Origin)) -> Vec<String> {
    let default = if card.default { " (default)" } else { "" };
    vec![
        format!("{}{default}", card.id),
        card.task.clone(),
        card.parameters.to_string(),
        format!("{:.1}", card.bytes as f64 / 1e6),
        card.licence.clone(),
        from(&origin),
    ]
}

fn from(origin: &Origin) -> String {
    match origin {
        Origin::Embedded => "built in".into(),
        Origin::Folder(folder) => folder.display().to_string(),
    }
}

/// `affetto models show`
pub fn show(id: &str, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let text = models.card_text(id).ok_or_else(|| Failure {
        code: Code::Model,
        message: format!("no model {id:?}"),
        hint: Some(format!("installed: {}", models.ids().join(", "))),
    })?;
    printer.data(text.trim_end());
    Ok(json!({ "card": text }))
}
