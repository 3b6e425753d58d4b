//! The flags, as they are written. What they mean is decided in `resolve.rs`.

use std::path::PathBuf;

use affetto::{
    Key, Metre,
    music::{
        arrange::Accompaniment,
        condition::{BarRange, PitchRange},
        form::Form,
        tokens::Style,
    },
};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// One emotion in; music out.
#[derive(Parser)]
#[command(name = "affetto", version, after_help = MAIN_EXAMPLE)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
}

// Lines of examples are below 80 columns, so that no terminal breaks them.
const MAIN_EXAMPLE: &str = r#"Example:
  affetto music lead-sheet --valence -0.7 --key "D minor" --meter 3/4 \
    --bars 16 --seed 7 -o sad-waltz.mid"#;

/// Flags of every command.
#[derive(Args)]
pub struct Global {
    /// Events, one JSON object a line, and a closing envelope on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Folder of models that come before the built-in ones [env: AFFETTO_MODELS]
    #[arg(long, global = true, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Compose
    #[command(subcommand, arg_required_else_help = true)]
    Music(Music),
    /// Show what an emotion asks of music, and measure music
    #[command(after_help = ATTRIBUTES_EXAMPLE)]
    Attributes(Attributes),
    /// Train a model
    #[command(subcommand, arg_required_else_help = true)]
    Train(Train),
    /// Show the models at hand
    #[command(subcommand, arg_required_else_help = true)]
    Models(ModelsCommand),
    /// Make a file again from its provenance
    #[command(after_help = RERUN_EXAMPLE)]
    Rerun(Rerun),
    /// Print a JSON Schema
    #[command(after_help = "Example:\n  affetto schema lead-sheet")]
    Schema(Schema),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  affetto completions bash")]
    Completions(Completions),
    /// Write man pages
    #[command(after_help = "Example:\n  affetto man man")]
    Man(Man),
}

const ATTRIBUTES_EXAMPLE: &str = "\
Examples, the last of a file that `affetto music lead-sheet` wrote:
  affetto attributes nostalgia
  affetto attributes \"joy:0.5,sadness:0.5\" --plot bittersweet.png
  affetto attributes --compare joy serenity
  affetto attributes --measure . -o attributes.csv
  affetto attributes --measure sad-waltz.mid --as piece --plot waltz.png

A file of a folder that cannot be measured is named, the others are measured
all the same, and the exit code is 3.";

const RERUN_EXAMPLE: &str = "\
Example, of a file that `affetto music lead-sheet` wrote:
  affetto rerun sad-waltz.mid";

/// Compose.
#[derive(Subcommand)]
pub enum Music {
    /// Write a lead sheet: melody, chord symbols, and an accompaniment
    #[command(after_help = LEAD_SHEET_EXAMPLE)]
    LeadSheet(Box<LeadSheet>),
}

const LEAD_SHEET_EXAMPLE: &str = r#"Examples:
  affetto music lead-sheet --valence -0.7 --key "D minor" --meter 3/4 \
    --bars 16 --seed 7 -o sad-waltz.mid
  affetto music lead-sheet --emotion "joy:0.7,awe:0.3" --form AABA \
    --bars 32 -o song --formats mid,musicxml,png
  affetto music lead-sheet --valence "0:-0.8, 8:0.2, 16:0.9" \
    --tension "0:0.2, 12:0.9, 16:0.1" -o arc.musicxml
  affetto music lead-sheet --arousal "0:-0.7, 16:0.9" -o crescendo.mid
  affetto music lead-sheet --keep arc.musicxml --valence 0.8 -o brighter.mid

A FILE that stands already is written over only if it is an output of this
program that was not changed since, or with --force."#;

/// The flags of `music lead-sheet`.
#[derive(Args)]
pub struct LeadSheet {
    /// Write to FILE, in the format of its extension: mid, musicxml, mxl, abc, ly, wav, png
    #[arg(short, long, value_name = "FILE", help_heading = "Files")]
    pub output: Vec<PathBuf>,
    /// Write these formats too, beside each FILE
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        help_heading = "Files"
    )]
    pub formats: Vec<FileFormat>,
    /// Write N variations: FILE-01, FILE-02 and so on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9999), help_heading = "Files")]
    pub variations: Option<u16>,
    /// Instruments (.sf2) for wav files, instead of the built-in ones
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub soundfont: Option<PathBuf>,
    /// Title written into the files
    #[arg(long, value_name = "TEXT", help_heading = "Files")]
    pub title: Option<String>,
    /// Write over files that cannot be made again
    #[arg(long, help_heading = "Files")]
    pub force: bool,
    /// Print what would be made, and write nothing
    #[arg(long, help_heading = "Files")]
    pub dry_run: bool,

    /// Emotion in words with weights, such as "joy:0.7,awe:0.3"
    #[arg(short, long, value_name = "WORDS", help_heading = "Emotion")]
    pub emotion: Option<String>,
    /// Pleasant or not: -1 to 1; a curve over the bars, "0:-0.8, 8:0.2"; or levels from very-low to very-high,
    /// one for all bars or one a bar, which are enforced
    #[arg(
        long,
        value_name = "VALENCE",
        allow_hyphen_values = true,
        help_heading = "Emotion"
    )]
    pub valence: Option<String>,
    /// Awake or calm: -1 to 1, which sets tempo, range, density and loudness; or a curve over the bars,
    /// "0:-0.5, 8:0.9", which also moves the density and the loudness of each bar
    #[arg(
        long,
        value_name = "AROUSAL",
        allow_hyphen_values = true,
        help_heading = "Emotion"
    )]
    pub arousal: Option<String>,
    /// In control or not: -1 to 1; part of the emotion, though nothing in a lead sheet goes by it yet
    #[arg(
        long,
        value_name = "NUMBER",
        allow_hyphen_values = true,
        help_heading = "Emotion"
    )]
    pub dominance: Option<f64>,
    /// How strong: 0 (neutral) to 1
    #[arg(long, value_name = "NUMBER", help_heading = "Emotion")]
    pub intensity: Option<f64>,
    /// A curve from a file: emotion-track/1 (JSON) or Audio2Face-3D (YAML)
    #[arg(long, value_name = "FILE", help_heading = "Emotion")]
    pub curve: Option<PathBuf>,
    /// Enforce the class of valence in every bar, instead of steering the mean
    #[arg(long, help_heading = "Emotion")]
    pub pin: bool,

    /// Key, such as "D minor" [default: by valence]
    #[arg(short, long, help_heading = "Music")]
    pub key: Option<Key>,
    /// Time signature [default: 4/4]
    #[arg(short, long, value_name = "METER", help_heading = "Music")]
    pub meter: Option<Metre>,
    /// Number of bars, 1 to 256 [default: 24]
    #[arg(short, long, value_name = "N", help_heading = "Music")]
    pub bars: Option<usize>,
    /// Length of a pick-up in quarter notes, such as 1 or 1/2
    #[arg(long, value_name = "LENGTH", help_heading = "Music")]
    pub pickup: Option<String>,
    /// Quarter notes per minute [default: by arousal]
    #[arg(short, long, value_name = "BPM", help_heading = "Music")]
    pub tempo: Option<f64>,
    /// Range of the melody, such as C4-G5 or 60-79 [default: by arousal]
    #[arg(long, help_heading = "Music")]
    pub range: Option<PitchRange>,
    /// How much happens in a bar: 0 (one event) to 1 (eighths), or a curve over the bars; enforced
    #[arg(long, value_name = "DENSITY", help_heading = "Music")]
    pub density: Option<String>,
    /// How tense the harmony is: 0 to 1, or a curve over the bars
    #[arg(long, value_name = "TENSION", help_heading = "Music")]
    pub tension: Option<String>,
    /// Kind of song: song, hymn, lied
    #[arg(long, value_parser = style, help_heading = "Music")]
    pub style: Option<Style>,
    /// Form, such as AABA: equal letters are the same music, varied
    #[arg(long, help_heading = "Music")]
    pub form: Option<Form>,
    /// How the chords are played: block, arpeggio, waltz, pulse, none [default: by meter and arousal]
    #[arg(long, value_name = "WAY", help_heading = "Music")]
    pub accompaniment: Option<Accompaniment>,
    /// Small deviations of timing and loudness: 0 to 1
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0.0,
        help_heading = "Music"
    )]
    pub humanize: f64,

    /// Keep the melody of FILE and harmonise it
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Given music",
        group = "given"
    )]
    pub keep: Option<PathBuf>,
    /// Write a melody over chords, such as "Dm7 G7 | Cmaj7"
    #[arg(
        long,
        value_name = "CHORDS",
        help_heading = "Given music",
        group = "given"
    )]
    pub chords: Option<String>,
    /// Go on from FILE
    #[arg(
        long = "continue",
        value_name = "FILE",
        help_heading = "Given music",
        group = "given"
    )]
    pub continue_from: Option<PathBuf>,
    /// Write these bars of --in anew, such as 5-8
    #[arg(
        long,
        value_name = "BARS",
        requires = "fill_in",
        help_heading = "Given music"
    )]
    pub fill: Option<BarRange>,
    /// The file whose bars are filled
    #[arg(
        long = "in",
        value_name = "FILE",
        requires = "fill",
        help_heading = "Given music",
        group = "given"
    )]
    pub fill_in: Option<PathBuf>,

    /// The same seed gives the same music
    #[arg(
        short,
        long,
        value_name = "N",
        default_value_t = 0,
        help_heading = "Model"
    )]
    pub seed: u64,
    /// Model, by its id or the last word of it: transformer, lstm
    #[arg(long, value_name = "ID", help_heading = "Model")]
    pub model: Option<String>,
    /// Write N pieces, 1 to 64, and keep one that the model's critic finds like a song [default: 24]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub candidates: Option<usize>,
    /// How freely tokens are drawn: above 0, at most 2
    #[arg(long, value_name = "NUMBER", help_heading = "Model")]
    pub temperature: Option<f64>,
    /// The share of probability that is drawn from: above 0, at most 1
    #[arg(long, value_name = "NUMBER", help_heading = "Model")]
    pub top_p: Option<f64>,
    /// A control that does not do what was asked is an error, and nothing is written
    #[arg(long, help_heading = "Model")]
    pub strict: bool,
}

fn style(word: &str) -> Result<Style, String> {
    let found = Style::ALL.into_iter().find(|style| style.name() == word);
    found.ok_or_else(|| format!("the styles are {}", Style::ALL.map(Style::name).join(", ")))
}

/// A format to write.
#[derive(Clone, Copy, ValueEnum)]
pub enum FileFormat {
    /// Standard MIDI file
    Mid,
    /// MusicXML
    Musicxml,
    /// MusicXML, compressed
    Mxl,
    /// ABC notation
    Abc,
    /// LilyPond
    Ly,
    /// Sound
    Wav,
    /// Piano roll
    Png,
}

impl FileFormat {
    /// The extension of its files.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Mid => "mid",
            Self::Musicxml => "musicxml",
            Self::Mxl => "mxl",
            Self::Abc => "abc",
            Self::Ly => "ly",
            Self::Wav => "wav",
            Self::Png => "png",
        }
    }
}

/// The flags of `attributes`.
#[derive(Args)]
#[command(arg_required_else_help = true)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true)
    .args(["emotion", "valence", "arousal", "compare", "measure"]))]
pub struct Attributes {
    /// Show what this emotion asks of music: words with weights, such as "joy:0.7,awe:0.3"
    #[arg(value_name = "EMOTION", conflicts_with_all = ["compare", "measure"])]
    pub emotion: Option<String>,
    /// Pleasant or not, -1 to 1, instead of words or before theirs
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, conflicts_with_all = ["compare", "measure"])]
    pub valence: Option<f64>,
    /// Awake or calm, -1 to 1
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, conflicts_with_all = ["compare", "measure"])]
    pub arousal: Option<f64>,
    /// How strong: 0 (neutral) to 1
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["compare", "measure"])]
    pub intensity: Option<f64>,
    /// Show what two emotions ask differently
    #[arg(long, num_args = 2, value_names = ["EMOTION", "EMOTION"], conflicts_with = "measure")]
    pub compare: Vec<String>,
    /// Every attribute, not only those that tell most
    #[arg(long, conflicts_with = "measure")]
    pub all: bool,

    /// Measure a file (.mid, .musicxml, .mxl, .abc), or all such files in a folder and below
    #[arg(long, value_name = "FILE|DIR", help_heading = "Measuring")]
    pub measure: Option<PathBuf>,
    /// What to take the music for [default: a lead sheet where it has chord symbols, else a piece]
    #[arg(
        long = "as",
        value_enum,
        value_name = "KIND",
        requires = "measure",
        help_heading = "Measuring"
    )]
    pub kind: Option<MeasuredKind>,
    /// Whose quarters the attributes of a piece are counted in [default: written]
    #[arg(long, value_enum, requires = "measure", help_heading = "Measuring")]
    pub reading: Option<ReadingArg>,
    /// Write the attributes of every piece to FILE: .csv or .json
    #[arg(
        short,
        long,
        value_name = "FILE",
        requires = "measure",
        help_heading = "Measuring"
    )]
    pub output: Option<PathBuf>,

    /// Draw what is shown to FILE.png: the emotion and its attributes, or a piece among those of the map
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    pub plot: Option<PathBuf>,
    /// The map to go by
    #[arg(long, value_enum, default_value = "default")]
    pub preset: PresetArg,
    /// A map that `affetto train attribute-map` made
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub map: Option<PathBuf>,
}

/// A map that is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PresetArg {
    /// Learned from the clips of EMOPIA, with cues after the literature
    Default,
    /// EmoGen's published thresholds and vectors
    Emogen,
}

/// What music is measured as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MeasuredKind {
    /// Chord symbols and melody: valence, tension, harmony, key
    LeadSheet,
    /// The notes as played: the 112 attributes
    Piece,
}

/// How a file is read before it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReadingArg {
    /// Those of the file, as jSymbolic counts
    Written,
    /// Half a second each, whatever the tempo, so that pieces can be compared
    Performed,
}

impl ReadingArg {
    /// What it stands for.
    pub const fn reading(self) -> affetto::attributes::piece::Reading {
        use affetto::attributes::piece::Reading;
        match self {
            Self::Written => Reading::Written,
            Self::Performed => Reading::Performed,
        }
    }
}

/// Train a model.
#[derive(Subcommand)]
pub enum Train {
    /// Train a lead-sheet model
    #[command(after_help = TRAIN_EXAMPLE)]
    LeadSheet(TrainLeadSheet),
    /// Learn what emotions ask of music from labelled pieces
    #[command(after_help = ATTRIBUTE_MAP_EXAMPLE)]
    AttributeMap(TrainAttributeMap),
    /// Train a piano model
    #[command(after_help = TRAIN_PIANO_EXAMPLE)]
    Piano(TrainPiano),
}

const TRAIN_EXAMPLE: &str = "\
Example, with the corpora that the model's card names under corpora/:
  affetto train lead-sheet --data corpora --model lstm --out my-lstm

Ctrl-C stops at the next step; --resume goes on from the last checkpoint.";

const ATTRIBUTE_MAP_EXAMPLE: &str = "\
Example, with pieces under pieces/ and labels.csv beside it:
  path,emotion,song
  first.mid,joy,Song A
  second.mid,\"sadness:0.7,awe:0.3\",Song B

  affetto train attribute-map --data pieces --labels labels.csv --out my-map
  affetto attributes nostalgia --map my-map/map.json

Instead of emotion there may be columns valence and arousal, from -1 to 1.
Pieces of one song are never on both sides of the validation.";

/// The flags of `train attribute-map`.
#[derive(Args)]
pub struct TrainAttributeMap {
    /// Folder of the pieces
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Their emotions: CSV with the columns path, emotion (or valence and arousal), song
    #[arg(long, value_name = "FILE")]
    pub labels: PathBuf,
    /// Folder for the map, its card and what was measured
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Whose quarters are counted in
    #[arg(long, value_enum, default_value = "performed")]
    pub reading: ReadingArg,
    /// What the card says of where the pieces come from
    #[arg(long, value_name = "TEXT", default_value = "own pieces")]
    pub source: String,
    /// What the card says of their licence
    #[arg(long, value_name = "TEXT", default_value = "not stated")]
    pub licence: String,
    /// The same seed gives the same validation
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

const TRAIN_PIANO_EXAMPLE: &str = "\
Example, with the corpora that the model's card names under corpora/:
  affetto train piano --data corpora --size small --out my-piano

Reading the corpora takes minutes the first time; what is made of them is kept in
the folder of the checkpoint. Ctrl-C stops at the next step; --resume goes on from
the last checkpoint.";

/// An architecture.
#[derive(Clone, Copy, ValueEnum)]
pub enum Architecture {
    /// Transformer
    Transformer,
    /// Bidirectional LSTM encoder, LSTM decoder with attention
    Lstm,
}

/// How large a network.
#[derive(Clone, Copy, ValueEnum)]
pub enum Size {
    /// As shipped
    Base,
    /// A few thousand parameters, to try a training out in seconds; it hardly learns
    Tiny,
}

/// The flags of `train lead-sheet`.
#[derive(Args)]
pub struct TrainLeadSheet {
    /// Folder of the corpora
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Architecture
    #[arg(long, value_enum, default_value = "transformer")]
    pub model: Architecture,
    /// How large it is
    #[arg(long, value_enum, default_value = "base")]
    pub size: Size,
    /// Begin from these weights: a .safetensors file, or the folder of a model
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Folder for the weights, their config and their card
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Folder in which the state of the training is kept [default: OUT/checkpoint]
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// Stop after so many minutes, with the best weights so far
    #[arg(long, value_name = "N")]
    pub max_minutes: Option<f64>,
    /// End after so many steps in all; --resume may go on to more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub steps: Option<u64>,
    /// Go on from the checkpoint
    #[arg(long)]
    pub resume: bool,
    /// Write N pieces at the end, train a critic on six times as many, and measure them beside songs never trained on;
    /// 0 leaves both out
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub pieces: usize,
    /// The same seed gives the same training
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// How large a piano network.
#[derive(Clone, Copy, ValueEnum)]
pub enum PianoSize {
    /// A few thousand parameters, to try a training out in seconds; it hardly learns
    Tiny,
    /// 4.6 million parameters
    Small,
    /// 13 million parameters
    Medium,
    /// The 20.2 million of the paper, and nothing that it does not have
    Published,
}

/// The flags of `train piano`.
#[derive(Args)]
pub struct TrainPiano {
    /// Folder of the corpora, or of own MIDI, MusicXML and ABC files
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Leave POP909 out, whose songs are under copyright
    #[arg(long)]
    pub without_pop909: bool,
    /// How large it is
    #[arg(long, value_enum, default_value = "small")]
    pub size: PianoSize,
    /// Begin from these weights: a .safetensors file, or the folder of a model
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Folder for the weights, their config and their card
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Folder in which the state of the training is kept [default: OUT/checkpoint]
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// Stop after so many minutes, with the best weights so far
    #[arg(long, value_name = "N")]
    pub max_minutes: Option<f64>,
    /// End after so many steps in all; --resume may go on to more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub steps: Option<u64>,
    /// Write N pieces at the end, and measure them beside music never trained on; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub pieces: usize,
    /// Go on from the checkpoint
    #[arg(long)]
    pub resume: bool,
    /// The same seed gives the same training
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// Show the models at hand.
#[derive(Subcommand)]
pub enum ModelsCommand {
    /// List them
    #[command(after_help = "Example:\n  affetto models list")]
    List,
    /// Show the card of one
    #[command(after_help = "Example:\n  affetto models show transformer")]
    Show {
        /// Its id, or the last word of it
        id: String,
    },
}

/// The flags of `rerun`.
#[derive(Args)]
pub struct Rerun {
    /// An output, or its provenance file
    pub file: PathBuf,
    /// Write to this folder, instead of putting back what is missing
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Write over files that differ
    #[arg(long)]
    pub force: bool,
}

/// The flags of `schema`.
#[derive(Args)]
pub struct Schema {
    /// What it describes: lead-sheet, request, provenance, curve
    #[arg(value_parser = schema_name)]
    pub name: affetto::SchemaName,
}

fn schema_name(word: &str) -> Result<affetto::SchemaName, String> {
    let names = affetto::SchemaName::ALL;
    let found = names.into_iter().find(|name| name.name() == word);
    found.ok_or_else(|| {
        format!(
            "the schemas are {}",
            names.map(affetto::SchemaName::name).join(", ")
        )
    })
}

/// The flags of `completions`.
#[derive(Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// The flags of `man`.
#[derive(Args)]
pub struct Man {
    /// Folder to write to; it is made where it is missing
    pub folder: PathBuf,
}
