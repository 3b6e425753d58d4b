//! The flags of `affetto video`.

use std::path::PathBuf;

use affetto::nn::device::DeviceChoice;
use clap::{Args, Subcommand, ValueEnum};

use super::EmotionArgs;

/// Video.
#[derive(Subcommand)]
pub enum Video {
    /// Make a video from a text and an emotion, with the weights of Wan 2.1 that you have
    #[command(after_help = GENERATE_NOTES)]
    Generate(Box<VideoGenerate>),
    /// Check your own character for stickers: what of it is used, what is missing
    #[command(after_help = CHARACTER_NOTES)]
    Character(VideoCharacter),
}

const GENERATE_NOTES: &str = r#"Without text, or with the name of a character, it makes a sticker, with nothing
to install:

  affetto video generate --emotion joy -o joy.webp
  affetto video generate cat --emotion "amusement:0.8" --seed 3 -o cat.json

Many on one picture, characters, emotions and seeds in rows and columns; with
--moments a row is a strip of frames:

  affetto video generate bear --sheet --seeds 6 -o bear.png
  affetto video generate --sheet --characters all --size 96x96 -o all.png
  affetto video generate cat --sheet --emotions "joy;joy:0.5,awe:0.5" \
    --moments 8 -o strips.png

With the published weights in a folder as diffusers has it (transformer, vae,
text_encoder, tokenizer):

  affetto video generate "a fox waiting in the rain" --emotion sadness:0.8 \
    --wan Wan2.1-T2V-1.3B-Diffusers -o fox.mp4

With the weights of a picture-to-video model the film begins with --picture.
An emotion that moves (--curve) is read anew wherever its words change.

What was sampled is kept beside FILE until the film is written; the same
command with --resume goes on from there.

With what clips have taught, and a step-distilled LoRA that needs few steps:

  affetto video generate "a fox" --emotion awe --wan DIR --lora awe.safetensors \
    --lora distilled.safetensors:0.8 --steps 4 --guidance 1 -o fox.mp4"#;

/// What `train video-lora` says after its flags.
pub const TRAIN_NOTES: &str = r#"Example, with clips under clips/ and labels.csv beside it:
  file,caption,emotion
  first.mp4,"a fox waiting in the rain",sadness
  second.mp4,"a fox on a swing","amusement:0.7,awe:0.3"

  affetto train video-lora --data clips --labels labels.csv \
    --wan Wan2.1-T2V-1.3B-Diffusers --out emotions.safetensors
  affetto video generate "a fox" --emotion awe --wan DIR \
    --lora emotions.safetensors -o fox.mp4

Clips are MP4 or MOV with H.264; their first frames at 16 a second are used, their
middle is cut out, and every emotion is seen equally often. Latents and the states
of captions are made once and kept. Ctrl-C stops at the next step; --resume goes on
from the last checkpoint. As EmoVid (2025): rank 32, rate 0.0001, 3 epochs."#;

/// The flags of `train video-lora`.
#[derive(Args)]
pub struct TrainVideoLora {
    /// Folder of the clips
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// What is said of them: CSV with the columns file, caption, emotion
    #[arg(long, value_name = "FILE")]
    pub labels: PathBuf,
    /// The folder of the weights that are taught [env: AFFETTO_WAN]
    #[arg(long, value_name = "DIR")]
    pub wan: Option<PathBuf>,
    /// Write the LoRA to FILE: .safetensors
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write over a file that stands already
    #[arg(long)]
    pub force: bool,
    /// Folder in which the state of the training is kept [default: FILE.training]
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// Folder in which latents and states are kept [default: CHECKPOINT/cache]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Go on from the checkpoint
    #[arg(long)]
    pub resume: bool,
    /// Width and height that clips are brought to, in pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "832x480", value_parser = size)]
    pub size: (usize, usize),
    /// Frames of a clip at most, 16 a second: one more than a multiple of 4
    #[arg(long, value_name = "COUNT", default_value_t = 81)]
    pub frames: usize,
    /// The rank of what is added to each layer
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub rank: usize,
    /// Its scale times the rank [default: the rank]
    #[arg(long, value_name = "NUMBER")]
    pub alpha: Option<f64>,
    /// The layers it is added to: q, k, v, o of every attention, ffn.0 and ffn.2
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "q,k,v,o,ffn.0,ffn.2"
    )]
    pub targets: Vec<String>,
    /// The learning rate
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-4)]
    pub rate: f64,
    /// How often each clip is seen
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub epochs: usize,
    /// End after so many steps in all instead; --resume may go on to more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub steps: Option<u64>,
    /// How long steps stay near noise: the --shift of the videos that will be made
    #[arg(long, value_name = "NUMBER", default_value_t = 3.0)]
    pub shift: f64,
    /// What of the emotion stands after a caption
    #[arg(long, value_enum, default_value_t = SaidArg::Sentence)]
    pub say: SaidArg,
    /// The share of clips that are not trained on, and that the loss is measured on
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub held_out: f64,
    /// How the names in the file are spelled
    #[arg(long, value_enum, default_value_t = SpellingArg::Diffusers)]
    pub spelling: SpellingArg,
    /// Stop after so many minutes, with the best of what was learned so far
    #[arg(long, value_name = "N")]
    pub max_minutes: Option<f64>,
    /// The same seed gives the same training
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// What of an emotion stands after a caption.
#[derive(Clone, Copy, ValueEnum)]
pub enum SaidArg {
    /// EmoVid's sentence: The video is in the "awe" emotion.
    Sentence,
    /// All that `video generate` says: also words for mood, movement, light and colour
    All,
}

/// How the names in a LoRA file are spelled.
#[derive(Clone, Copy, ValueEnum)]
pub enum SpellingArg {
    /// transformer.blocks.0.attn1.to_q.lora_A.weight: diffusers and PEFT
    Diffusers,
    /// diffusion_model.blocks.0.self_attn.q.lora_A.weight: ComfyUI, DiffSynth-Studio
    Original,
    /// lora_unet_blocks_0_self_attn_q.lora_down.weight: kohya's trainers
    Kohya,
}

const CHARACTER_NOTES: &str = "Examples:
  affetto video character mascot.svg
  affetto video character --template cat > mascot.svg";

/// The flags of `video character`.
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub struct VideoCharacter {
    /// An SVG with named groups
    #[arg(value_name = "FILE", required_unless_present = "template")]
    pub file: Option<PathBuf>,
    /// Print the SVG of one of the program's own, as a beginning
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    pub template: Option<String>,
}

/// The flags of `video generate`.
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    mut_arg("valence", |arg| arg.help("Pleasant or not: -1 to 1")),
    mut_arg("arousal", |arg| arg.help("Awake or calm: -1 to 1")),
    mut_arg("dominance", |arg| arg.help("In control or not: -1 to 1")),
)]
pub struct VideoGenerate {
    /// The character of a sticker (peach, cat, robot ...), or what a film by Wan 2.1 is to show
    #[arg(value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Write to FILE. A sticker: webp, png, gif, json (Lottie), lottie, svg, mp4, webm, take.json, csv; a film: mp4
    #[arg(short, long, value_name = "FILE", help_heading = "Files")]
    pub output: Vec<PathBuf>,
    /// Write N variations: FILE-01, FILE-02 and so on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9999), help_heading = "Files")]
    pub variations: Option<u16>,
    /// Fail, and write nothing, where an effect is not reached
    #[arg(long, help_heading = "Files")]
    pub strict: bool,
    /// The folder of the weights, or the name of some that were added [env: AFFETTO_WAN]
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    pub wan: Option<PathBuf>,
    /// Add a LoRA to the transformer, so strongly: 1 is as trained; may be given several times
    #[arg(long, value_name = "FILE[:STRENGTH]", help_heading = "Files")]
    pub lora: Vec<String>,
    /// Decode with this tiny decoder, TAEW2.1: a fraction of the work, and less fine
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub taew: Option<PathBuf>,
    /// Go on from what was sampled before an interruption
    #[arg(long, help_heading = "Files")]
    pub resume: bool,
    /// Write over a file that stands already
    #[arg(long, help_heading = "Files")]
    pub force: bool,
    /// Print what would be made, and make nothing
    #[arg(long, help_heading = "Files")]
    pub dry_run: bool,

    /// What it is to feel like.
    #[command(flatten)]
    pub emotion: EmotionArgs,
    /// Your own character: an SVG with named groups
    #[arg(long, value_name = "FILE", help_heading = "Sticker")]
    pub character: Option<PathBuf>,
    /// Seconds: 2
    #[arg(long, value_name = "SECONDS", help_heading = "Sticker")]
    pub length: Option<f64>,
    /// Frames a second: 24
    #[arg(long, value_name = "NUMBER", help_heading = "Sticker")]
    pub fps: Option<u32>,
    /// Once, instead of a loop that closes
    #[arg(long, help_heading = "Sticker")]
    pub once: bool,
    /// How much it moves, in deviations from the usual: -3 to 3; as the arousal asks where nothing is said
    #[arg(
        long,
        value_name = "NUMBER",
        allow_hyphen_values = true,
        help_heading = "Sticker"
    )]
    pub energy: Option<f64>,
    /// Whether there are tears, sweat, blush, hearts, sparkles: true or false; as it comes where nothing is said
    #[arg(long, value_name = "BOOL", help_heading = "Sticker")]
    pub extras: Option<bool>,
    /// Draw up to N until one is read as what is asked: 4
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=32), help_heading = "Sticker")]
    pub candidates: Option<u8>,
    /// A take (.take.json, .csv) that is varied, instead of making one from nothing
    #[arg(long, value_name = "TAKE", help_heading = "Sticker")]
    pub variation_of: Option<PathBuf>,
    /// How much of that take is let go: 0.6; above 0 to 1
    #[arg(long, value_name = "SHARE", help_heading = "Sticker")]
    pub variation: Option<f64>,
    /// How far the emotion colours the character: 0.6; 0 to 1
    #[arg(long, value_name = "SHARE", help_heading = "Sticker")]
    pub tint: Option<f64>,
    /// The width of a white edge, in 1/512 of the picture: 0 to 40
    #[arg(long, value_name = "NUMBER", help_heading = "Sticker")]
    pub outline: Option<f64>,
    /// Behind the character in mp4 and on a sheet: #ffffff
    #[arg(long, value_name = "COLOUR", value_parser = colour, help_heading = "Sticker")]
    pub background: Option<[u8; 3]>,

    /// One .png of many stickers instead; of characters, emotions, seeds and moments the last of which there are several
    /// are its columns
    #[arg(long, help_heading = "Sheet")]
    pub sheet: bool,
    /// The emotions on it, with semicolons between, or with commas where none is a mixture [default: what is asked, else
    /// Mikels' eight]
    #[arg(
        long,
        value_name = "LIST",
        requires = "sheet",
        help_heading = "Sheet",
        conflicts_with_all = ["emotion", "valence", "arousal", "dominance", "curve"]
    )]
    pub emotions: Option<String>,
    /// The characters on it, names and SVG files with commas between, or all [default: the one that is named]
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        requires = "sheet",
        help_heading = "Sheet",
        conflicts_with_all = ["prompt", "character"]
    )]
    pub characters: Vec<String>,
    /// How many seeds, from --seed on [default: 1]
    #[arg(long, value_name = "N", requires = "sheet", help_heading = "Sheet")]
    pub seeds: Option<usize>,
    /// How many moments of each sticker, from its first frame on at equal distances [default: the one that is most like all]
    #[arg(long, value_name = "N", requires = "sheet", help_heading = "Sheet")]
    pub moments: Option<usize>,

    /// The picture that the film begins with: .png, .jpg, .webp
    #[arg(long, value_name = "FILE", help_heading = "Video")]
    pub picture: Option<PathBuf>,
    /// Settings that belong together; single ones go before them
    #[arg(long, value_enum, help_heading = "Video")]
    pub preset: Option<VideoPreset>,
    /// What is kept away from, instead of the usual list
    #[arg(long, value_name = "TEXT", help_heading = "Video")]
    pub negative: Option<String>,
    /// Width and height in pixels; 832x480, or what fits the picture; of a sticker 512x512, of one on a sheet 128x128
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size, help_heading = "Video")]
    pub size: Option<(usize, usize)>,
    /// Frames, 16 a second: one more than a multiple of 4
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 81,
        help_heading = "Video"
    )]
    pub frames: usize,
    /// Steps from noise: 50, with a picture 40; of a sticker 8
    #[arg(long, value_name = "COUNT", help_heading = "Video")]
    pub steps: Option<usize>,
    /// How far the network is guided towards what is asked: 6, with a picture 5; 1 is as learned and half the work
    #[arg(long, value_name = "NUMBER", help_heading = "Video")]
    pub guidance: Option<f64>,
    /// A scale of its own for the emotion, beside --guidance for the text; half as much work again
    #[arg(long, value_name = "NUMBER", help_heading = "Video")]
    pub emotion_guidance: Option<f64>,
    /// How long the steps stay near noise: 3; 2 to 5 for small pictures, 7 to 12 for large ones
    #[arg(long, value_name = "NUMBER", help_heading = "Video")]
    pub shift: Option<f64>,
    /// How the steps are taken: unipc
    #[arg(long, value_enum, help_heading = "Video")]
    pub solver: Option<SolverArg>,
    /// Where the work is done: auto, cpu, cuda, cuda:1, metal
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto, help_heading = "Video")]
    pub device: DeviceChoice,
    /// The most memory to take, such as 6GB; tiles, 8-bit layers and reading layers anew keep to it
    #[arg(long, value_name = "BYTES", value_parser = bytes, help_heading = "Video")]
    pub max_memory: Option<u64>,
    /// Leave the transformer's blocks out of steps until the time has changed so much; others use 0.05 to 0.08 with the
    /// network of 1.3 billion parameters [default: never]
    #[arg(long, value_name = "THRESHOLD", help_heading = "Video")]
    pub reuse: Option<f64>,
    /// What chance is drawn from
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        help_heading = "Video"
    )]
    pub seed: u64,
}

/// How the steps are taken.
#[derive(Clone, Copy, ValueEnum)]
pub enum SolverArg {
    /// UniPC of order 2
    Unipc,
    /// One straight step after the other
    Euler,
    /// The three steps that FastWan was distilled to
    Fastwan,
}

/// Settings that belong together.
#[derive(Clone, Copy, ValueEnum)]
pub enum VideoPreset {
    /// The published models
    Full,
    /// Weights, or a LoRA, distilled to four steps without guidance
    FourSteps,
    /// The weights of FastWan: three steps without guidance
    Fastwan,
    /// A sticker that Telegram takes: tgs, webm
    Telegram,
    /// A sticker that Discord takes: png, gif
    Discord,
    /// A small emoji, as Discord and Slack take them: gif, png
    Emoji,
}

/// A colour: `#ff8800`.
fn colour(text: &str) -> Result<[u8; 3], String> {
    let digits = text.trim_start_matches('#');
    let channel = |at: usize| {
        let two = digits.get(at..at + 2)?;
        u8::from_str_radix(two, 16).ok()
    };
    match (digits.len(), channel(0), channel(2), channel(4)) {
        (6, Some(red), Some(green), Some(blue)) => Ok([red, green, blue]),
        _ => Err(format!("{text:?} is not like #ff8800")),
    }
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let wrong = || format!("{text:?} is not like 832x480");
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let side = |text: &str| text.parse().map_err(|_| wrong());
    Ok((side(width)?, side(height)?))
}

/// A number of bytes with or without a unit: `6GB`, `800 MB`, `2GiB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        _ => return Err(format!("{text:?} is not like 6GB or 800MB")),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| format!("{text:?} is not like 6GB or 800MB"))?;
    Ok((number * factor) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_six_digits() {
        assert_eq!(colour("#ff8001"), Ok([255, 128, 1]));
        for wrong in ["", "#fff", "#ff80gg", "red", "#ff80011"] {
            assert!(colour(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_have_units() {
        assert_eq!(bytes("6GB"), Ok(6_000_000_000));
        assert_eq!(bytes("1.5 GiB"), Ok(1_610_612_736));
        assert_eq!(bytes("4096"), Ok(4096));
        for wrong in ["", "GB", "6 gigabytes", "-1GB", "1.2.3MB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
