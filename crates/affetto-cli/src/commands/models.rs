use std::path::{Path, PathBuf};

use affetto::{
    Card, Models, Origin,
    video::store::{Added, Part, Store},
};
use etcetera::{BaseStrategy, choose_base_strategy};
use serde_json::{Value, json};

use super::json as json_of;
use crate::{
    failure::{Code, Failure},
    printer::Printer,
};

/// `affetto models list`
pub fn list(models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let head = ["id", "task", "parameters", "MB", "licence", "from"]
        .map(str::to_owned)
        .to_vec();
    let added = store().map(|store| store.list()).unwrap_or_default();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(models.list().map(row))
        .chain(added.iter().map(added_row))
        .collect();
    if rows.len() == 1 {
        printer.say("no models");
    } else {
        printer.data_table(&rows);
    }
    let card = |(card, origin): (&Card, Origin)| json!({ "card": card, "from": from(&origin) });
    let cards = models.list().map(card);
    let added = added.iter().map(|added| json!({ "added": added }));
    Ok(cards.chain(added).collect())
}

fn added_row(added: &Added) -> Vec<String> {
    let bytes: u64 = added.files.iter().map(|file| file.bytes).sum();
    vec![
        added.name.clone(),
        what(added).into(),
        added.parameters.to_string(),
        format!("{:.1}", bytes as f64 / 1e6),
        added.licence.clone().unwrap_or_else(|| "not stated".into()),
        "added".into(),
    ]
}

fn what(added: &Added) -> &'static str {
    match added.part {
        Part::Transformer if added.takes_picture => "video from a picture",
        Part::Transformer => "video from text",
        Part::Vae => "autoencoder of videos",
        Part::TextEncoder => "text encoder",
        Part::ImageEncoder => "picture encoder",
        Part::Tokenizer => "tokenizer",
    }
}

/// The folder of weights that were added: `AFFETTO_STORE`, or below the folder that the system has for data.
pub fn store() -> Result<Store, Failure> {
    let named = std::env::var_os("AFFETTO_STORE").filter(|folder| !folder.is_empty());
    let folder = match named {
        Some(folder) => PathBuf::from(folder),
        None => {
            let strategy = choose_base_strategy().map_err(|error| Failure {
                code: Code::Failed,
                message: format!("no folder for data: {error}"),
                hint: Some("name one: AFFETTO_STORE=DIR".into()),
            })?;
            strategy.data_dir().join("affetto").join("published")
        }
    };
    Ok(Store::at(&folder))
}

/// `affetto models add`
pub fn add(path: &Path, name: Option<&str>, printer: &Printer) -> Result<Value, Failure> {
    let store = store()?;
    let added = store.add(path, name, printer)?;
    printer.clear();
    let mut rows = Vec::new();
    for added in &added {
        rows.push(vec![added.name.clone(), what(added).to_owned()]);
        let mut say = |name: &str, text: String| rows.push(vec![format!("  {name}"), text]);
        if added.parameters > 0 {
            say("parameters", added.parameters.to_string());
        }
        let unstated = || "not stated beside it: look where it came from".to_owned();
        say("licence", added.licence.clone().unwrap_or_else(unstated));
        for file in &added.files {
            say(
                "file",
                format!(
                    "{} ({:.1} MB)",
                    file.path.display(),
                    file.bytes as f64 / 1e6
                ),
            );
            say("sha256", file.sha256.clone());
        }
        if added.converted {
            say("converted", "to safetensors, in the store".into());
        }
    }
    printer.data_table(&rows);
    Ok(json!({ "store": store.folder(), "added": json_of(&added) }))
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
