//! The flags of `affetto video`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::EmotionArgs;

/// Video.
#[derive(Subcommand)]
pub enum Video {
    /// Make a video from a text and an emotion, with the weights of Wan 2.1 that you have
    #[command(after_help = GENERATE_NOTES)]
    Generate(Box<VideoGenerate>),
}

const GENERATE_NOTES: &str = r#"With the published weights in a folder as diffusers has it (transformer, vae,
text_encoder, tokenizer):

  affetto video generate "a fox waiting in the rain" --emotion sadness:0.8 \
    --wan Wan2.1-T2V-1.3B-Diffusers -o fox.mp4

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

/// The flags of `video generate`.
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    mut_arg("valence", |arg| arg.help("Pleasant or not: -1 to 1")),
    mut_arg("arousal", |arg| arg.help("Awake or calm: -1 to 1")),
    mut_arg("dominance", |arg| arg.help("In control or not: -1 to 1")),
    mut_arg("curve", |arg| arg.hide(true)),
)]
pub struct VideoGenerate {
    /// What is to be seen
    #[arg(value_name = "TEXT")]
    pub prompt: String,
    /// Write to FILE: .mp4
    #[arg(short, long, value_name = "FILE", help_heading = "Files")]
    pub output: Option<PathBuf>,
    /// The folder of the weights [env: AFFETTO_WAN]
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
    /// What is kept away from, instead of the usual list
    #[arg(long, value_name = "TEXT", help_heading = "Video")]
    pub negative: Option<String>,
    /// Width and height in pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "832x480", value_parser = size, help_heading = "Video")]
    pub size: (usize, usize),
    /// Frames, 16 a second: one more than a multiple of 4
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 81,
        help_heading = "Video"
    )]
    pub frames: usize,
    /// Steps from noise to video
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 50,
        help_heading = "Video"
    )]
    pub steps: usize,
    /// How far the network is guided towards what is asked; 1 is as learned and half the work
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 6.0,
        help_heading = "Video"
    )]
    pub guidance: f64,
    /// A scale of its own for the emotion, beside --guidance for the text; half as much work again
    #[arg(long, value_name = "NUMBER", help_heading = "Video")]
    pub emotion_guidance: Option<f64>,
    /// How long the steps stay near noise: 2 to 5 for small pictures, 7 to 12 for large ones
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 3.0,
        help_heading = "Video"
    )]
    pub shift: f64,
    /// How the steps are taken
    #[arg(long, value_enum, default_value_t = SolverArg::Unipc, help_heading = "Video")]
    pub solver: SolverArg,
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
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let wrong = || format!("{text:?} is not like 832x480");
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let side = |text: &str| text.parse().map_err(|_| wrong());
    Ok((side(width)?, side(height)?))
}
