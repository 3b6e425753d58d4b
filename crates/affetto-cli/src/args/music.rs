//! The flags of `affetto music`.

use std::path::PathBuf;

use affetto::{
    Attribute, AttributeWish, Key, Metre, emotion,
    music::{
        arrange::Accompaniment,
        condition::{BarRange, PitchRange},
        form::Form,
        piano::tokens::Style as PianoStyle,
        tokens::Style,
    },
};
use clap::{Args, Subcommand, ValueEnum};

/// Compose.
#[derive(Subcommand)]
pub enum Music {
    /// Write a lead sheet: melody, chord symbols, and an accompaniment
    #[command(after_help = LEAD_SHEET_EXAMPLE)]
    LeadSheet(Box<LeadSheet>),
    /// Write piano music for two hands
    #[command(after_help = PIANO_EXAMPLE)]
    Piano(Box<Piano>),
    /// Write game files: layers that add up, a loop, an ending, stingers
    #[command(after_help = SET_EXAMPLE)]
    Set(Box<MusicSet>),
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

const PIANO_EXAMPLE: &str = r#"Examples:
  affetto music piano --emotion serenity --bars 32 -o calm.mid
  affetto music piano --valence "0:-0.5, 8:0.9" --arousal "0:-0.5, 8:0.9" \
    --bars 16 -o dawn.musicxml
  affetto music piano --emotion joy --key "D major" --meter 3/4 \
    --attribute "Note Density per Quarter Note=highest" -o dance.mid
  affetto music piano --fill 5-8 --in dance.mid --seed 2 -o other.mid
  affetto music lead-sheet --emotion hope --bars 8 -o tune.mid
  affetto music piano --arrange tune.mid -o arranged.mid --formats musicxml

A FILE that stands already is written over only if it is an output of this
program that was not changed since, or with --force."#;

const SET_EXAMPLE: &str = r#"Examples:
  affetto music set --emotion hope --key "D major" --tempo 96 --bars 16 \
    --layers 3 --seed 7 -o music/town_day
  affetto music set --emotion fear --meter 6/8 --bars 8 --layers 6 \
    --intro 1 --stingers success,failure,danger -o music/chase

DIR gets each layer as .mid, .wav and .ogg, all equally long, with the loop in
the chunks smpl and cue of the .wav and in LOOPSTART and LOOPLENGTH of the
.ogg; the ending of each layer; the stingers; and DIR.cues.json, which says
all of it in samples, seconds and bars (`affetto schema music-set`).

What others put into DIR stays. Files that stand there already are written
over only if they are outputs of this program that were not changed since, or
with --force."#;

/// Music to go on from, or to fill.
#[derive(Args)]
pub struct GivenArgs {
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
}

/// Where and how music is written.
#[derive(Args)]
#[command(next_help_heading = "Files")]
pub struct FileArgs {
    /// Write to FILE, in the format of its extension: mid, musicxml, mxl, abc, ly, wav, ogg, png
    #[arg(short, long, value_name = "FILE")]
    pub output: Vec<PathBuf>,
    /// Write these formats too, beside each FILE
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub formats: Vec<FileFormat>,
    /// Write N variations: FILE-01, FILE-02 and so on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9999))]
    pub variations: Option<u16>,
    /// Instruments (.sf2) for wav and ogg files, instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub soundfont: Option<PathBuf>,
    /// Title written into the files
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Write over files that cannot be made again
    #[arg(long)]
    pub force: bool,
    /// Print what would be made, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Where and how game files are written.
#[derive(Args)]
#[command(next_help_heading = "Files")]
pub struct SetFileArgs {
    /// Write to the folder DIR, which is made where it is missing; all files are called after it
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Write N variations: DIR-01, DIR-02 and so on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9999))]
    pub variations: Option<u16>,
    /// Instruments (.sf2), instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub soundfont: Option<PathBuf>,
    /// Title written into the files
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Write over files that cannot be made again
    #[arg(long)]
    pub force: bool,
    /// Print what would be made, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The flags of `music set`.
#[derive(Args)]
#[command(mut_arg("candidates", |arg| arg.help(CANDIDATES_OF_SHEET)))]
pub struct MusicSet {
    /// Where and how it is written.
    #[command(flatten)]
    pub files: SetFileArgs,

    /// What it is to feel like.
    #[command(flatten)]
    pub emotion: EmotionArgs,

    /// Key, such as "D minor" [default: by valence]
    #[arg(short, long, help_heading = "Music")]
    pub key: Option<Key>,
    /// Time signature [default: 4/4]
    #[arg(short, long, value_name = "METER", help_heading = "Music")]
    pub meter: Option<Metre>,
    /// Quarter notes per minute [default: by arousal]
    #[arg(short, long, value_name = "BPM", help_heading = "Music")]
    pub tempo: Option<f64>,
    /// Bars of the loop, 2 to 128 [default: 16]
    #[arg(short, long, value_name = "N", help_heading = "Music")]
    pub bars: Option<usize>,

    /// Layers that add up by arousal, 1 to 6 [default: 3]
    #[arg(short, long, value_name = "N", help_heading = "Game")]
    pub layers: Option<usize>,
    /// Bars before the loop, 0 to 8 [default: 2]
    #[arg(long, value_name = "N", help_heading = "Game")]
    pub intro: Option<usize>,
    /// Bars of the ending, 0 to 8 [default: 2]
    #[arg(long, value_name = "N", help_heading = "Game")]
    pub outro: Option<usize>,
    /// Short phrases for any bar: success, failure, notice, discovery, danger; or all, or none [default:
    /// success,failure,notice]
    #[arg(long, value_name = "LIST", help_heading = "Game")]
    pub stingers: Option<String>,

    /// Which model writes it, and how.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// What music is to feel like.
#[derive(Args, Default)]
#[command(next_help_heading = "Emotion")]
pub struct EmotionArgs {
    /// Emotion in words with weights, such as "joy:0.7,awe:0.3"
    #[arg(short, long, value_name = "WORDS")]
    pub emotion: Option<String>,
    /// Pleasant or not: -1 to 1, or a curve over the bars, "0:-0.8, 8:0.2"
    #[arg(long, value_name = "VALENCE", allow_hyphen_values = true)]
    pub valence: Option<String>,
    /// Awake or calm: -1 to 1, or a curve over the bars, "0:-0.5, 8:0.9"
    #[arg(long, value_name = "AROUSAL", allow_hyphen_values = true)]
    pub arousal: Option<String>,
    /// In control or not: -1 to 1; part of the emotion, though nothing in the music goes by it yet
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub dominance: Option<f64>,
    /// How strong: 0 (neutral) to 1
    #[arg(long, value_name = "NUMBER")]
    pub intensity: Option<f64>,
    /// A curve from a file: emotion-track/1 (JSON) or Audio2Face-3D (YAML)
    #[arg(long, value_name = "FILE")]
    pub curve: Option<PathBuf>,
}

/// Which model writes, and how.
#[derive(Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// The same seed gives the same music
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Model, by its id or the last word of it; `affetto models list` shows them
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Write N pieces, 1 to 64, and keep the best
    #[arg(long, value_name = "N")]
    pub candidates: Option<usize>,
    /// How freely tokens are drawn: above 0, at most 2
    #[arg(long, value_name = "NUMBER")]
    pub temperature: Option<f64>,
    /// The share of probability that is drawn from: above 0, at most 1
    #[arg(long, value_name = "NUMBER")]
    pub top_p: Option<f64>,
    /// A control that does not do what was asked is an error, and nothing is written
    #[arg(long)]
    pub strict: bool,
}

const VALENCE_OF_SHEET: &str = "Pleasant or not: -1 to 1; a curve over the bars, \"0:-0.8, 8:0.2\"; or levels from \
    very-low to very-high, one for all bars or one a bar, which are enforced";
const AROUSAL_OF_SHEET: &str = "Awake or calm: -1 to 1, which sets tempo, range, density and loudness; or a curve over \
    the bars, \"0:-0.5, 8:0.9\", which also moves the density and the loudness of each bar";
const CANDIDATES_OF_SHEET: &str =
    "Write N pieces, 1 to 64, and keep one that the model's critic finds like a song [default: 24]";

/// The flags of `music lead-sheet`.
#[derive(Args)]
#[command(
    mut_arg("valence", |arg| arg.help(VALENCE_OF_SHEET)),
    mut_arg("arousal", |arg| arg.help(AROUSAL_OF_SHEET)),
    mut_arg("candidates", |arg| arg.help(CANDIDATES_OF_SHEET)),
)]
pub struct LeadSheet {
    /// Where and how it is written.
    #[command(flatten)]
    pub files: FileArgs,

    /// What it is to feel like.
    #[command(flatten)]
    pub emotion: EmotionArgs,
    /// Enforce the class of valence in every bar, instead of steering the mean
    #[arg(long, help_heading = "Emotion")]
    pub pin: bool,

    /// Key, such as "D minor" [default: by valence]
    #[arg(short, long, help_heading = "Music")]
    pub key: Option<Key>,
    /// Time signature [default: 4/4]
    #[arg(short, long, value_name = "METER", help_heading = "Music")]
    pub meter: Option<Metre>,
    /// Number of bars, 1 to 256 [default: 16]
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
    /// What it starts from.
    #[command(flatten)]
    pub given: GivenArgs,

    /// Which model writes it, and how.
    #[command(flatten)]
    pub model: ModelArgs,
}

fn style(word: &str) -> Result<Style, String> {
    named(word, "styles", &Style::ALL, Style::name)
}

const CANDIDATES_OF_PIANO: &str = "Write N continuations of every few bars, 1 to 64, and go on from the one nearest to what was asked [default: 10]";

/// The flags of `music piano`.
#[derive(Args)]
#[command(mut_arg("candidates", |arg| arg.help(CANDIDATES_OF_PIANO)))]
pub struct Piano {
    /// Where and how it is written.
    #[command(flatten)]
    pub files: FileArgs,

    /// What it is to feel like.
    #[command(flatten)]
    pub emotion: EmotionArgs,
    /// An attribute of the music by its name, as `affetto attributes EMOTION --all` lists them, and how high it is to
    /// be beside the music that the model learned from: lowest, low, high, highest, or open for whatever comes;
    /// may be given again for others
    #[arg(long = "attribute", value_name = "NAME=HEIGHT", value_parser = attribute_wish, help_heading = "Emotion")]
    pub attributes: Vec<(Attribute, AttributeWish)>,

    /// Key, such as "D minor" [default: by valence]
    #[arg(short, long, help_heading = "Music")]
    pub key: Option<Key>,
    /// Time signature [default: 4/4]
    #[arg(short, long, value_name = "METER", help_heading = "Music")]
    pub meter: Option<Metre>,
    /// Number of bars, 1 to 256 [default: 16]
    #[arg(short, long, value_name = "N", help_heading = "Music")]
    pub bars: Option<usize>,
    /// Quarter notes per minute, 16 to 256 [default: by the emotion]
    #[arg(short, long, value_name = "BPM", help_heading = "Music")]
    pub tempo: Option<f64>,
    /// Keys of the piano that may be struck, such as A1-C7 or 33-96 [default: A0-C8]
    #[arg(long, help_heading = "Music")]
    pub range: Option<PitchRange>,
    /// How far the outer notes of one hand lie apart at most, in semitones, 9 to 24 [default: 14]
    #[arg(long, value_name = "SEMITONES", help_heading = "Music")]
    pub hand_span: Option<u8>,
    /// Let the last bar end in the course of the music, to be looped or gone on from, instead of coming to rest;
    /// with --candidates 1 it always may
    #[arg(long, help_heading = "Music")]
    pub open_end: bool,
    /// Kind of music: pop, song, classical, transcription
    #[arg(long, value_parser = piano_style, help_heading = "Music")]
    pub style: Option<PianoStyle>,
    /// Small deviations of timing and loudness: 0 to 1
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0.0,
        help_heading = "Music"
    )]
    pub humanize: f64,

    /// What it starts from.
    #[command(flatten)]
    pub given: GivenArgs,
    /// Arrange the lead sheet of FILE for piano: its melody and its chords are kept
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Given music",
        group = "given"
    )]
    pub arrange: Option<PathBuf>,

    /// Which model writes it, and how.
    #[command(flatten)]
    pub model: ModelArgs,
    /// How strongly the attributes pull at each note: 0 to 4; 1 as learned, more is beyond it [default: 1]
    #[arg(long, value_name = "NUMBER", help_heading = "Model")]
    pub guidance: Option<f64>,
}

fn piano_style(word: &str) -> Result<PianoStyle, String> {
    named(word, "styles", &PianoStyle::ALL, PianoStyle::name)
}

/// `Note Density per Quarter Note=high`
fn attribute_wish(text: &str) -> Result<(Attribute, AttributeWish), String> {
    let (name, height) = text
        .rsplit_once('=')
        .ok_or("write it as NAME=HEIGHT, such as \"Mean Pitch=low\"")?;
    let attribute = Attribute::named(name).ok_or_else(|| {
        let all = Attribute::ALL.iter().map(|attribute| attribute.name());
        match emotion::nearest(name.trim(), all).as_slice() {
            [] => format!(
                "no attribute is called {name:?}; `affetto attributes EMOTION --all` lists them"
            ),
            near => format!(
                "no attribute is called {name:?}; near are: {}",
                near.join(", ")
            ),
        }
    })?;
    let height = named(
        height.trim(),
        "heights",
        &AttributeWish::ALL,
        AttributeWish::name,
    )?;
    Ok((attribute, height))
}

/// The value of a name, in any case.
fn named<T: Copy>(
    word: &str,
    kinds: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, String> {
    let is_it = |value: &&T| name(**value).eq_ignore_ascii_case(word);
    let names = || all.iter().map(|value| name(*value)).collect::<Vec<_>>();
    let found = all.iter().find(is_it).copied();
    found.ok_or_else(|| format!("the {kinds} are {}", names().join(", ")))
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
    /// Sound, compressed: Ogg Vorbis
    Ogg,
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
            Self::Ogg => "ogg",
            Self::Png => "png",
        }
    }
}
