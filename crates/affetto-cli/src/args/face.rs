//! The flags of `affetto face`.

use std::path::PathBuf;

use affetto::{ActionUnit, Half, Region, emotion};
use clap::{Args, Subcommand, ValueEnum};

use super::EmotionArgs;

/// Faces.
#[derive(Subcommand)]
pub enum Face {
    /// Give a facial take another feeling; what is said stays
    #[command(after_help = EDIT_EXAMPLE)]
    Edit(Box<FaceEdit>),
    /// Show a take on a face, or emotions on a sheet
    #[command(after_help = PREVIEW_EXAMPLE)]
    Preview(FacePreview),
}

const PREVIEW_EXAMPLE: &str = r#"Examples:
  affetto face preview take.csv --size 256 -o take.mp4
  affetto face preview take.csv --at 1.5 -o moment.png
  affetto face preview --emotion joy --emotion contempt -o sheet.png"#;

/// The flags of `face preview`.
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub struct FacePreview {
    /// The take; without one a sheet shows emotions at rising intensities
    #[arg(value_name = "TAKE")]
    pub take: Option<PathBuf>,
    /// Write to FILE: .mp4 for the whole take, .png for one moment or a sheet
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Width and height in pixels, of each picture of a sheet too: an even number from 32 to 2048 [default: 512, or 160 on a
    /// sheet]
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<u32>,
    /// The moment to show in a .png, in seconds
    #[arg(long, value_name = "SECONDS", requires = "take")]
    pub at: Option<f64>,
    /// An emotion on the sheet; may be given again for others [default: those of MEAD and C-MET]
    #[arg(short, long = "emotion", value_name = "WORDS", conflicts_with = "take")]
    pub emotions: Vec<String>,
    /// A sheet of every shape of ARKit instead
    #[arg(long, conflicts_with_all = ["take", "emotions"])]
    pub shapes: bool,
    /// Write over a file that stands already
    #[arg(long)]
    pub force: bool,
}

const EDIT_EXAMPLE: &str = r#"Examples:
  affetto face edit take.csv --emotion sarcastic:0.7 -o take-sarcastic.csv
  affetto face edit take.csv --emotion "joy:0.5,surprise:0.5" --attack 0.4 \
    --release 0.6 --lock head -o take-glad.csv
  affetto face edit take.csv --valence "0:-0.6, 4:0.8" -o brighter.jsonl
  affetto face edit take.csv --emotion contempt --leads right \
    --unit 4=0.5 -o take-contempt.csv

A FILE that stands already is written over only if it is an output of this
program that was not changed since, or with --force."#;

const VALENCE_OF_TAKE: &str =
    "Pleasant or not: -1 to 1, or a curve over the seconds, \"0:-0.8, 4:0.2\"";
const AROUSAL_OF_TAKE: &str =
    "Awake or calm: -1 to 1, or a curve over the seconds, \"0:-0.5, 4:0.9\"";
const DOMINANCE_OF_TAKE: &str = "In control or not: -1 to 1";

/// The flags of `face edit`.
#[derive(Args)]
#[command(
    mut_arg("valence", |arg| arg.help(VALENCE_OF_TAKE)),
    mut_arg("arousal", |arg| arg.help(AROUSAL_OF_TAKE)),
    mut_arg("dominance", |arg| arg.help(DOMINANCE_OF_TAKE)),
)]
pub struct FaceEdit {
    /// The take: Live Link Face .csv, ARKit .json or .jsonl, or .glb with the shapes of ARKit
    #[arg(value_name = "TAKE")]
    pub take: PathBuf,
    /// Write to FILE, in the format of its extension: csv, json, jsonl, glb
    #[arg(short, long, value_name = "FILE", help_heading = "Files")]
    pub output: Vec<PathBuf>,
    /// Write over files that cannot be made again
    #[arg(long, help_heading = "Files")]
    pub force: bool,
    /// Print what would be made, and write nothing
    #[arg(long, help_heading = "Files")]
    pub dry_run: bool,

    /// What it is to feel like.
    #[command(flatten)]
    pub emotion: EmotionArgs,
    /// An action unit and how strong it is, 0 to 1, whatever the emotion asks of it, such as 12=0.5 or 14L=0.8; may be
    /// given again for others
    #[arg(long = "unit", value_name = "UNIT=STRENGTH", value_parser = unit, help_heading = "Face")]
    pub units: Vec<(ActionUnit, f64)>,
    /// Regions that stay as they are: mouth, eyes, brows, cheeks, head
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = region, help_heading = "Face")]
    pub lock: Vec<Region>,
    /// The half of the face that leads where an emotion shows on one, the subject's own [default: by the seed]
    #[arg(long, value_enum, value_name = "HALF", help_heading = "Face")]
    pub leads: Option<HalfArg>,
    /// Seconds in which the emotion comes at the beginning
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0.0,
        help_heading = "Face"
    )]
    pub attack: f64,
    /// Seconds in which it goes at the end
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0.0,
        help_heading = "Face"
    )]
    pub release: f64,
    /// Frames per second, such as 60 or 30000/1001 [default: by the take]
    #[arg(long, value_name = "RATE", help_heading = "Face")]
    pub fps: Option<String>,
    /// The same seed gives the same take
    #[arg(
        short,
        long,
        value_name = "N",
        default_value_t = 0,
        help_heading = "Face"
    )]
    pub seed: u64,
    /// A control that does not do what was asked is an error, and nothing is written
    #[arg(long, help_heading = "Face")]
    pub strict: bool,
}

/// A half of the face.
#[derive(Clone, Copy, ValueEnum)]
pub enum HalfArg {
    /// The subject's left one
    Left,
    /// The subject's right one
    Right,
}

impl From<HalfArg> for Half {
    fn from(half: HalfArg) -> Self {
        match half {
            HalfArg::Left => Self::Left,
            HalfArg::Right => Self::Right,
        }
    }
}

/// `12=0.5`
fn unit(text: &str) -> Result<(ActionUnit, f64), String> {
    let (unit, strength) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not UNIT=STRENGTH, such as 12=0.5"))?;
    let unit: ActionUnit = unit.parse().map_err(|error| format!("{error}"))?;
    let strength = strength.trim().parse();
    let strength = strength.map_err(|_| format!("{text:?} has no number after ="))?;
    Ok((unit, strength))
}

fn region(word: &str) -> Result<Region, String> {
    let word = word.trim().to_lowercase();
    let found = Region::ALL.into_iter().find(|region| region.name() == word);
    found.ok_or_else(|| {
        let near = emotion::nearest(&word, Region::ALL.map(Region::name));
        match near.is_empty() {
            true => format!("regions are {}", Region::ALL.map(Region::name).join(", ")),
            false => format!("near are: {}", near.join(", ")),
        }
    })
}
