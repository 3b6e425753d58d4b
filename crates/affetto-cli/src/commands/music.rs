//! `affetto music`

use affetto::{Models, Progress, Warning};
use serde_json::Value;

use super::make::carry_out;
use crate::{
    args::{LeadSheet, Music, MusicSet, Piano},
    failure::Failure,
    printer::Printer,
    resolve,
};

/// `affetto music`
pub fn run(what: &Music, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let (plan, emotion, dry_run) = match what {
        Music::LeadSheet(args) => {
            let LeadSheet { emotion, files, .. } = &**args;
            (resolve::lead_sheet(args)?, emotion, files.dry_run)
        }
        Music::Piano(args) => {
            let Piano { emotion, files, .. } = &**args;
            (resolve::piano(args)?, emotion, files.dry_run)
        }
        Music::Set(args) => {
            let MusicSet { emotion, files, .. } = &**args;
            (resolve::set(args)?, emotion, files.dry_run)
        }
    };
    if emotion.dominance.is_some() && !dry_run {
        printer.warn(Warning("nothing in the music goes by --dominance".into()));
    }
    carry_out(&plan, dry_run, models, printer)
}
