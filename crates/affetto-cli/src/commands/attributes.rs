//! `affetto attributes`

mod asked;
mod face;
mod files;
mod lead_sheet;
mod piece;
mod sticker;

use std::{borrow::Cow, path::Path};

use affetto::{
    Models,
    attributes::map::{AttributeMap, Preset},
    read_score,
};
use serde_json::Value;

use crate::{
    args::{Attributes, MeasuredKind, PresetArg, ReadingArg},
    failure::Failure,
    printer::Printer,
};

/// `affetto attributes`
pub fn run(
    args: &Attributes,
    models: impl Fn() -> Result<Models, Failure>,
    printer: &Printer,
) -> Result<Value, Failure> {
    let map = map(args)?;
    let plot = args.plot.as_deref().map(png).transpose()?;
    match (&args.measure, args.compare.as_slice()) {
        (Some(source), _) => measure(args, source, &map, plot, printer),
        (None, [first, second]) => asked::compare(&map, [first, second], args.all, printer),
        (None, _) => asked::show(&map, args, plot, models, printer),
    }
}

fn map(args: &Attributes) -> Result<Cow<'static, AttributeMap>, Failure> {
    let preset = match args.preset {
        PresetArg::Default => Preset::Default,
        PresetArg::Emogen => Preset::Emogen,
    };
    match &args.map {
        Some(path) => Ok(Cow::Owned(AttributeMap::read(path)?)),
        None => Ok(Cow::Borrowed(AttributeMap::preset(preset))),
    }
}

fn png(path: &Path) -> Result<&Path, Failure> {
    let is_png = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    is_png.then_some(path).ok_or_else(|| {
        Failure::usage(
            format!("a picture is a .png file, not {}", path.display()),
            "end the name in .png",
        )
    })
}

fn measure(
    args: &Attributes,
    source: &Path,
    map: &AttributeMap,
    plot: Option<&Path>,
    printer: &Printer,
) -> Result<Value, Failure> {
    let reading = args.reading.unwrap_or(ReadingArg::Written).reading();
    let is_folder = source.is_dir();
    if is_folder && (args.kind == Some(MeasuredKind::LeadSheet) || plot.is_some()) {
        return Err(Failure::usage(
            "a folder is measured as pieces, neither as lead sheets nor in a picture",
            "name a file, or leave out --as and --plot",
        ));
    }
    if is_folder || args.output.is_some() {
        let data = files::run(source, reading, args.output.as_deref(), printer)?;
        plot.map(|file| piece::plot(source, map, file))
            .transpose()?;
        return Ok(data);
    }
    let data = match args.kind {
        Some(MeasuredKind::Piece) => piece::run(source, reading, printer)?,
        Some(MeasuredKind::LeadSheet) => lead_sheet::show(&read_score(source)?, printer),
        None => {
            let score = read_score(source)?;
            if score.chords.is_empty() {
                piece::run(source, reading, printer)?
            } else {
                lead_sheet::show(&score, printer)
            }
        }
    };
    plot.map(|file| piece::plot(source, map, file))
        .transpose()?;
    Ok(data)
}
