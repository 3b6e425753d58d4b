//! The flags, as they are written. What they mean is decided in `resolve.rs`.

mod batch;
mod face;
mod music;
mod video;

use std::path::PathBuf;

use affetto::nn::device::DeviceChoice;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use batch::{Batch, BatchCommand, BatchHere, BatchManifest, BatchSubmit};
pub use face::{Face, FaceEdit, FacePreview};
pub use music::{EmotionArgs, FileArgs, LeadSheet, ModelArgs, Music, MusicSet, Piano};
pub use video::{
    SaidArg, SolverArg, SpellingArg, TrainVideoLora, Video, VideoCharacter, VideoGenerate,
    VideoPreset,
};

/// One emotion in; music, faces and video out.
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
    /// Edit faces, and show them
    #[command(subcommand, arg_required_else_help = true)]
    Face(Face),
    /// Make video
    #[command(subcommand, arg_required_else_help = true)]
    Video(Video),
    /// Make many things by a manifest, here or on a cluster
    Batch(Box<Batch>),
    /// Show what an emotion asks of music or of a face, and measure music
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
  affetto attributes fear --medium face
  affetto attributes joy --medium sticker
  affetto attributes --measure . -o attributes.csv
  affetto attributes --measure sad-waltz.mid --as piece --plot waltz.png

A file of a folder that cannot be measured is named, the others are measured
all the same, and the exit code is 3.";

const RERUN_EXAMPLE: &str = "\
Example, of a file that `affetto music lead-sheet` wrote:
  affetto rerun sad-waltz.mid

The files of `affetto music set` are made again from their folder. A film of
`affetto video generate` wants the weights that made it: --wan, as there.";

/// The flags of `attributes`.
#[derive(Args)]
#[command(arg_required_else_help = true)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true)
    .args(["emotion", "valence", "arousal", "compare", "measure"]))]
pub struct Attributes {
    /// Show what this emotion asks: words with weights, such as "joy:0.7,awe:0.3"
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
    /// What it asks of
    #[arg(long, value_enum, default_value = "music", conflicts_with_all = ["compare", "measure"])]
    pub medium: Medium,
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

/// What an emotion asks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Medium {
    /// Tempo, mode, register, loudness, articulation and the attributes of music
    Music,
    /// Action units of a face and the shapes of ARKit that they move
    Face,
    /// Channels of a sticker's rig, and how much it moves
    Sticker,
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
    /// Train a judge on labelled clips and let it judge what a piano model writes
    #[command(after_help = PIANO_JUDGE_EXAMPLE)]
    PianoJudge(TrainPianoJudge),
    /// Make the face that takes are shown on
    #[command(after_help = TRAIN_FACE_BASIS_EXAMPLE)]
    FaceBasis(TrainFaceBasis),
    /// Teach Wan 2.1 emotions by labelled clips: a LoRA
    #[command(after_help = video::TRAIN_NOTES)]
    VideoLora(Box<TrainVideoLora>),
    /// Train the model of stickers on measured motion of faces
    #[command(after_help = TRAIN_STICKERS_EXAMPLE)]
    Stickers(TrainStickers),
    /// Judge what a model of stickers does: each half of the clips judges a generator of the other half
    #[command(after_help = STICKER_JUDGE_EXAMPLE)]
    StickerJudge(TrainStickerJudge),
}

const STICKER_JUDGE_EXAMPLE: &str = "\
Example, with the tracks under tracks/ and a model in my-stickers/:
  affetto train sticker-judge --data tracks --model my-stickers --out judgement

Two generators are trained, one on each half. Their checkpoints are kept in the
folder; called again, the command goes on from there.";

/// The flags of `train sticker-judge`.
#[derive(Args)]
pub struct TrainStickerJudge {
    /// Folder of the measured tracks
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder for the report and the checkpoints
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Also measure the model in this folder: what it is asked and what comes of it, jitter, seams, copies
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Leave the two generators out, and only measure the model
    #[arg(long, requires = "model")]
    pub only_model: bool,
    /// How large the two generators are
    #[arg(long, value_enum, default_value = "base")]
    pub size: StickerSize,
    /// Steps of each of their trainings
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub train_steps: u64,
    /// Stickers drawn of each emotion and half
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub loops: u16,
    /// Steps of each sticker
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=200))]
    pub steps: u8,
    /// How far stickers are guided towards their emotion, 0 to 10
    #[arg(long, value_name = "X", default_value_t = 3.0)]
    pub guidance: f64,
    /// The same seed gives the same report
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

const TRAIN_STICKERS_EXAMPLE: &str = "\
Example, with train48.npz and tracks.json under tracks/:
  affetto train stickers --data tracks --out my-stickers

Ctrl-C stops at the next step; --resume goes on from the last checkpoint.";

/// How large a network of stickers.
#[derive(Clone, Copy, ValueEnum)]
pub enum StickerSize {
    /// As shipped
    Base,
    /// A few thousand parameters, to try a training out in seconds; it hardly learns
    Tiny,
}

/// The flags of `train stickers`.
#[derive(Args)]
pub struct TrainStickers {
    /// Folder of the measured tracks
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// How large it is
    #[arg(long, value_enum, default_value = "base")]
    pub size: StickerSize,
    /// Folder for the weights, their config and their card
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Folder in which the state of the training is kept [default: OUT/checkpoint]
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// Stop after so many minutes, with the best weights so far
    #[arg(long, value_name = "N")]
    pub max_minutes: Option<f64>,
    /// End after so many steps in all; the learning rate falls until then
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub steps: Option<u64>,
    /// At the end draw N stickers for each thing that is measured; 0 leaves the measuring out
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub stickers: usize,
    /// Go on from the checkpoint
    #[arg(long)]
    pub resume: bool,
    /// The same seed gives the same training
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

const TRAIN_FACE_BASIS_EXAMPLE: &str = "\
Example, with ict_full_q16.npz and its licence under ict/:
  affetto train face-basis --data ict --out my-face";

/// The flags of `train face-basis`.
#[derive(Args)]
pub struct TrainFaceBasis {
    /// Folder with the meshes of ICT-FaceKit and their licence
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder for the basis, its card and what was measured
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
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

const PIANO_JUDGE_EXAMPLE: &str = "\
Example, with the labelled clips of EMOPIA under corpora/:
  affetto train piano-judge --data corpora --out judgement

Nothing of the judge is kept but what it says: the clips may not be given away.
The folder may also hold own pieces and labels.csv, as of train attribute-map.";

/// The flags of `train piano-judge`.
#[derive(Args)]
pub struct TrainPianoJudge {
    /// Folder of the labelled clips
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder for the report
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// The model that writes, by its id or the last word of it [default: the better one]
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Pieces to write for each quadrant
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub pieces: u16,
    /// Write N continuations of every few bars and go on from the one nearest to what was asked [default: as in music piano]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub candidates: Option<u8>,
    /// How strongly attributes pull, 0 to 4; above 1 beyond what the network learned [default: as in music piano]
    #[arg(long, value_name = "X")]
    pub guidance: Option<f64>,
    /// Also judge the same network as others ask it, with N pieces for each quadrant: told EmoGen's published bits, and
    /// with --label-from told a label
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub baselines: u16,
    /// Weights from which a network is trained on the clips whose only condition is a quadrant
    #[arg(long, value_name = "FILE", requires = "baselines")]
    pub label_from: Option<PathBuf>,
    /// Steps of that training
    #[arg(long, value_name = "N", default_value_t = 800)]
    pub label_steps: u32,
    /// The same seed gives the same report
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
    /// 4.9 million parameters
    Small,
    /// 14 million parameters
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
    /// Add published weights: a file, or a folder as diffusers or the cache of Hugging Face has it
    #[command(after_help = ADD_NOTES)]
    Add {
        /// A .safetensors, .gguf or .pth file, a tokenizer.json, or a folder
        path: PathBuf,
        /// Its name, instead of one by the file
        #[arg(long)]
        name: Option<String>,
    },
}

const ADD_NOTES: &str = "Example:
  affetto models add Wan2.1-T2V-1.3B-Diffusers

It says what it found, its licence and its checksum, and links to the files
where they are; .pth files are converted once. `video generate` finds them
then without --wan. AFFETTO_STORE names another folder for them.";

/// The flags of `rerun`.
#[derive(Args)]
pub struct Rerun {
    /// An output, its provenance file, or the folder of a set
    pub file: PathBuf,
    /// Write to this folder, instead of putting back what is missing
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Write over files that differ
    #[arg(long)]
    pub force: bool,
    /// Of a film: the folder of the weights, or the name of some that were added [env: AFFETTO_WAN]
    #[arg(long, value_name = "DIR")]
    pub wan: Option<PathBuf>,
    /// Of a film: where the work is done [default: where it was done the first time]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<DeviceChoice>,
    /// Of a film: the most memory to take, such as 6GB
    #[arg(long, value_name = "BYTES", value_parser = video::bytes)]
    pub max_memory: Option<u64>,
}

/// The flags of `schema`.
#[derive(Args)]
pub struct Schema {
    /// What it describes: lead-sheet, piano, set, music-set, face-rig, sticker, request, provenance, sticker-sheet, curve, batch
    #[arg(value_parser = schema_name)]
    pub name: SchemaArg,
}

/// What can be described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaArg {
    /// What the library reads and writes.
    Library(affetto::SchemaName),
    /// A manifest.
    Batch,
}

fn schema_name(word: &str) -> Result<SchemaArg, String> {
    if word == "batch" {
        return Ok(SchemaArg::Batch);
    }
    let names = affetto::SchemaName::ALL;
    let found = names.into_iter().find(|name| name.name() == word);
    found.map(SchemaArg::Library).ok_or_else(|| {
        format!(
            "the schemas are {}, batch",
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
