//! `affetto face`

use affetto::{
    Emotion, Error, Models, TakeFile,
    face::{
        FaceBasis,
        basis::{BasisOptions, train_face_basis},
        preview::{Film, Renderer, emotion_sheet, shape_sheet, usual_emotions, write_png},
    },
    media::rig::TakeFrame,
};
use serde_json::{Value, json};

use super::make::carry_out;
use crate::{
    args::{Face, FacePreview, TrainFaceBasis},
    failure::{Failure, wrong_argument},
    printer::Printer,
    resolve,
};

/// Pixels of a picture of a take, and of one on a sheet, where nothing else is asked.
const USUAL_SIZE: u32 = 512;
const USUAL_SIZE_ON_SHEET: u32 = 160;
/// So much of a frame a moment may lie before it and still be its own, since seconds are rounded where they are written.
const ROUNDING: f64 = 0.01;

/// `affetto face`
pub fn run(what: &Face, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    match what {
        Face::Edit(args) => carry_out(&resolve::face(args)?, args.dry_run, models, printer),
        Face::Preview(args) => preview(args, printer),
    }
}

fn preview(args: &FacePreview, printer: &Printer) -> Result<Value, Failure> {
    let file = &args.output;
    if !args.force && file.exists() {
        return Err(Error::Exists { path: file.clone() }.into());
    }
    let basis = FaceBasis::built_in().map_err(Error::from)?;
    let renderer = Renderer::new(&basis);
    let extension = file.extension().map(|word| word.to_ascii_lowercase());
    match (
        extension.as_ref().and_then(|word| word.to_str()),
        &args.take,
    ) {
        (Some("mp4"), Some(_)) if args.at.is_some() => {
            return Err(Failure::usage(
                "--at is one moment, and a film shows the whole take",
                "end the name of the file in .png",
            ));
        }
        (Some("mp4"), Some(path)) => film(&renderer, &TakeFile::open(path)?, args, printer)?,
        (Some("png"), Some(path)) => {
            let take = TakeFile::open(path)?;
            let frame = moment(&take, args.at.unwrap_or(0.0))?;
            let size = args.size.unwrap_or(USUAL_SIZE);
            let picture = renderer.render(take.identity(), &frame, size);
            write_png(file, &picture.map_err(Error::from)?).map_err(Error::from)?;
        }
        (Some("png"), None) => {
            let size = args.size.unwrap_or(USUAL_SIZE_ON_SHEET);
            let sheet = match args.shapes {
                true => shape_sheet(&renderer, size),
                false => emotion_sheet(&renderer, &emotions(&args.emotions)?, size, printer),
            };
            let picture = sheet.and_then(|sheet| sheet.draw());
            write_png(file, &picture.map_err(Error::from)?).map_err(Error::from)?;
        }
        (Some("mp4"), None) => {
            return Err(Failure::usage(
                "a film shows a take, and none is named",
                "affetto face preview take.csv -o take.mp4",
            ));
        }
        _ => {
            let path = file.clone();
            return Err(Error::UnknownOutput {
                path,
                known: "mp4, png",
            }
            .into());
        }
    }
    printer.clear();
    printer.data(&file.display().to_string());
    Ok(json!({ "file": file }))
}

fn film(
    renderer: &Renderer<'_>,
    take: &TakeFile,
    args: &FacePreview,
    printer: &Printer,
) -> Result<(), Failure> {
    let film = Film {
        identity: take.identity().to_vec(),
        rate: take.rate(),
        size: args.size.unwrap_or(USUAL_SIZE),
    };
    Ok(renderer.film(&args.output, &film, take.frames()?, printer)?)
}

/// The frame that is shown at so many seconds.
fn moment(take: &TakeFile, seconds: f64) -> Result<TakeFrame, Failure> {
    let rate = affetto::emotion::frames_per_second(take.rate());
    let at = (seconds * rate + ROUNDING).floor();
    let mut frames = take.frames()?;
    let found = (at >= 0.0).then(|| frames.nth(at as usize)).flatten();
    Ok(found.ok_or_else(|| {
        let length = take.count() as f64 / rate;
        Failure::usage(
            format!("the take has no frame at {seconds} s"),
            format!("it is {length:.3} s long"),
        )
    })??)
}

/// The emotions of the rows of a sheet.
fn emotions(words: &[String]) -> Result<Vec<(String, Emotion)>, Failure> {
    if words.is_empty() {
        return Ok(usual_emotions());
    }
    let parsed = words.iter().map(|word| {
        let emotion = Emotion::parse(word).map_err(|error| wrong_argument(&error))?;
        Ok((word.clone(), emotion))
    });
    parsed.collect()
}

/// `affetto train face-basis`
pub fn train(args: &TrainFaceBasis, printer: &Printer) -> Result<Value, Failure> {
    let trained = train_face_basis(&BasisOptions::new(args.data.clone()), printer);
    let trained = trained.map_err(Error::from)?;
    let files = trained.write(&args.out).map_err(Error::from)?;
    printer.clear();
    for file in &files {
        printer.data(&file.display().to_string());
    }
    Ok(json!({ "files": files, "report": &trained.report }))
}
