//! One file per command.

mod attributes;
mod batch;
mod completions;
mod face;
mod make;
mod man;
mod models;
mod music;
mod piano_attributes;
mod piano_judge;
mod rerun;
mod schema;
mod sticker_judge;
mod train;
mod train_piano;
mod train_stickers;
mod train_video;
mod video;

use serde_json::Value;

use crate::{
    args::{Cli, Command, ModelsCommand, Train},
    failure::Failure,
    models as models_of,
    printer::Printer,
};

/// Carries out the command; what it returns is the data of the envelope.
pub fn run(cli: &Cli, printer: &Printer) -> Result<Value, Failure> {
    let models = || models_of(&cli.global);
    match &cli.command {
        Command::Music(what) => music::run(what, &models()?, printer),
        Command::Face(what) => face::run(what, &models()?, printer),
        Command::Video(what) => video::run(what, models, printer),
        Command::Batch(args) => batch::run(args, models, printer),
        Command::Attributes(args) => attributes::run(args, models, printer),
        Command::Train(Train::LeadSheet(args)) => train::run(args, printer),
        Command::Train(Train::AttributeMap(args)) => train::attribute_map(args, printer),
        Command::Train(Train::Piano(args)) => train_piano::run(args, printer),
        Command::Train(Train::PianoJudge(args)) => piano_judge::run(args, &models()?, printer),
        Command::Train(Train::FaceBasis(args)) => face::train(args, printer),
        Command::Train(Train::VideoLora(args)) => train_video::run(args, printer),
        Command::Train(Train::Stickers(args)) => train_stickers::run(args, printer),
        Command::Train(Train::StickerJudge(args)) => sticker_judge::run(args, printer),
        Command::Models(ModelsCommand::List) => models::list(&models()?, printer),
        Command::Models(ModelsCommand::Show { id }) => models::show(id, &models()?, printer),
        Command::Models(ModelsCommand::Add { path, name }) => {
            models::add(path, name.as_deref(), printer)
        }
        Command::Rerun(args) => rerun::run(args, &models()?, printer),
        Command::Schema(args) => schema::run(args, printer),
        Command::Completions(args) => completions::run(args, printer),
        Command::Man(args) => man::run(args, printer),
    }
}

/// Any data as JSON.
fn json(data: &impl serde::Serialize) -> Value {
    serde_json::to_value(data).unwrap_or(Value::Null)
}
