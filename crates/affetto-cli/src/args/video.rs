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
command with --resume goes on from there."#;

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
