//! How much memory each stage of a video takes, and what is done where that is too much.
//!
//! The networks are in memory one after the other. The figures are of what the program holds itself; the files of the weights
//! are mapped, and the system keeps as much of them beside as it likes.

use std::{iter, thread::available_parallelism};

use candle_core::quantized::GgmlDType;
use serde::Serialize;

use crate::{
    Error, Result,
    model::{
        ClipConfig, Conditioning, DitConfig, Tiles, TinyConfig, Umt5Config, VaeConfig,
        feed_forward_tokens,
    },
    weights::{Keep, VaeBlock, Weights},
};

/// Bytes of a number.
const FLOAT: u64 = 4;
/// The program without networks: code, pictures, buffers.
const PROGRAM: u64 = 80 << 20;
/// What passes through the autoencoder takes so much more, as a fraction: what was let go is not at once given back. Measured
/// by `tests/python/check_memory.py`.
const LET_GO: (u64, u64) = (5, 4);
/// The most queries that a thread attends by at a time.
const QUERIES: u64 = 256;
/// Channels of the tiny decoder where frames are largest.
const TINY_CHANNELS: u64 = 64;
/// Sides of tiles that are tried, the largest first, in the latent. Smaller ones leave seams.
const TILES: [usize; 5] = [64, 48, 32, 24, 16];

/// What is done to take less memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Economy {
    /// The layers of the transformer are read anew in every pass, and one of them is held at a time. The video is the same.
    pub streamed: bool,
    /// Linear layers are kept in blocks of 8 bits. The video is another, nearly the same.
    pub quantized: bool,
    /// Frames are decoded in tiles. They differ a little at the seams.
    pub tiles: Option<Tiles>,
}

impl Economy {
    /// How linear layers are kept.
    pub(crate) fn keep(self) -> Keep {
        match self.quantized {
            true => Keep::Quantized(GgmlDType::Q8_0),
            false => Keep::AsStored,
        }
    }
}

/// The most memory that each stage takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryPlan {
    /// Reading the texts.
    pub text: u64,
    /// Reading the picture; 0 without one.
    pub picture: u64,
    /// Removing the noise.
    pub transformer: u64,
    /// Decoding.
    pub decoding: u64,
}

impl MemoryPlan {
    /// The most of all.
    pub fn peak(&self) -> u64 {
        self.text
            .max(self.picture)
            .max(self.transformer)
            .max(self.decoding)
    }
}

/// The networks of a video, and its extents.
pub(crate) struct Job<'a> {
    pub dit: &'a DitConfig,
    pub vae: &'a VaeConfig,
    pub text: &'a Umt5Config,
    pub clip: Option<&'a ClipConfig>,
    pub dit_weights: &'a Weights,
    pub text_weights: &'a Weights,
    /// `(1, C, F, h, w)`.
    pub latent: [usize; 5],
    /// Texts that are read.
    pub texts: usize,
    /// Tokens of a text.
    pub rows: usize,
    /// Whether the tiny decoder decodes.
    pub tiny: bool,
}

impl Job<'_> {
    /// What is done to stay within `limit` bytes, the least that is enough, and how much memory is taken then.
    ///
    /// # Errors
    /// [`Error::Memory`] where nothing is enough.
    pub fn fitted(&self, limit: Option<u64>) -> Result<(Economy, MemoryPlan)> {
        let [.., rows, columns] = self.latent;
        let smaller = TILES
            .into_iter()
            .filter(|size| !self.tiny && *size < rows.max(columns));
        let tiles: Vec<_> = iter::once(None)
            .chain(smaller.map(|size| Some(Tiles::of(size))))
            .collect();
        self.within(
            limit,
            &[(false, false), (true, false), (true, true)],
            &tiles,
        )
    }

    /// The same where the layers must be kept in 8 bits or not, and frames decoded in these tiles or whole, since a video that
    /// was made so is made again.
    ///
    /// # Errors
    /// [`Error::Memory`] where that is more than `limit` bytes.
    pub fn as_made(
        &self,
        limit: Option<u64>,
        quantized: bool,
        tiles: Option<Tiles>,
    ) -> Result<(Economy, MemoryPlan)> {
        self.within(limit, &[(false, quantized), (true, quantized)], &[tiles])
    }

    /// The first of `layers`, streamed and quantized or not, and the first of `tiles` that stay within `limit` bytes.
    fn within(
        &self,
        limit: Option<u64>,
        layers: &[(bool, bool)],
        tiles: &[Option<Tiles>],
    ) -> Result<(Economy, MemoryPlan)> {
        let fits = |bytes: u64| limit.is_none_or(|limit| bytes <= limit);
        let too_much = |stage, needed| Error::Memory {
            stage,
            needed,
            limit: limit.unwrap_or_default(),
        };
        let text = self.text();
        if !fits(text) {
            return Err(too_much("reading the texts", text));
        }
        let picture = self.picture();
        if !fits(picture) {
            return Err(too_much("reading the picture", picture));
        }
        let economies = layers.iter().map(|(streamed, quantized)| Economy {
            streamed: *streamed,
            quantized: *quantized,
            tiles: None,
        });
        let (economy, transformer) =
            first_that_fits(economies, |economy| self.transformer(*economy), fits)
                .map_err(|least| too_much("removing the noise", least))?;
        let (tiles, decoding) =
            first_that_fits(tiles.iter().copied(), |tiles| self.decoding(*tiles), fits)
                .map_err(|least| too_much("decoding", least))?;
        let memory = MemoryPlan {
            text,
            picture,
            transformer,
            decoding,
        };
        Ok((Economy { tiles, ..economy }, memory))
    }

    /// One block of the text encoder, and the states of all texts.
    fn text(&self) -> u64 {
        let config = Umt5Config {
            num_layers: 1,
            ..self.text.clone()
        };
        let block: Vec<_> = config
            .tensors()
            .into_iter()
            .filter(|(name, _)| name.starts_with("encoder.block."))
            .collect();
        let (rows, width) = (self.rows as u64, self.text.d_model as u64);
        let inner = (self.text.num_heads * self.text.d_kv) as u64;
        let states = self.texts as u64 * rows * width * 2;
        let scores = self.text.num_heads as u64 * rows * rows * 3;
        let between = rows * (4 * inner + 3 * self.text.d_ff as u64);
        let held = self.text_weights.held_bytes(&block);
        // A layer is read in the file's numbers before it is `f32`.
        PROGRAM + held + largest(&block) + FLOAT * (states + scores + between)
    }

    /// The picture encoder, or the first half of the autoencoder.
    fn picture(&self) -> u64 {
        let Some(clip) = self.clip else {
            return if self.dit.in_channels > self.dit.out_channels {
                self.encoding()
            } else {
                0
            };
        };
        let tensors = clip.tensors();
        let states = (clip.tokens() * (6 * clip.hidden_size + 2 * clip.intermediate_size)) as u64;
        let seeing = PROGRAM + FLOAT * (count(&tensors) + states) + largest(&tensors);
        seeing.max(self.encoding())
    }

    fn transformer(&self, economy: Economy) -> u64 {
        let weights = self.dit_weights.with_kept(economy.keep());
        let tensors = self.dit.tensors();
        let held: Vec<_> = tensors
            .iter()
            .filter(|(name, _)| {
                !economy.streamed || !name.starts_with("blocks.") || name.starts_with("blocks.0.")
            })
            .cloned()
            .collect();
        let tokens = self.latent[2..].iter().product::<usize>() / self.dit.patch_len();
        let (tokens, width) = (tokens as u64, self.dit.width() as u64);
        let rows = match self.dit.conditioning {
            Conditioning::Text { rows } => rows,
            Conditioning::Tokens => self.rows,
        } as u64;
        // The tokens twice, and queries, keys, values and what is attended to, or what comes of the wide layer; beside these that
        // layer and its activation.
        let states = 6 * tokens * width;
        let feeding = feed_forward_tokens(tokens as usize) * 2 * self.dit.ffn_width;
        let threads = available_parallelism().map_or(1, usize::from) as u64;
        let scores = threads * QUERIES * tokens;
        let contexts = self.texts as u64 * rows * (self.dit.text_width as u64 + 4 * width);
        let latents = 12 * self.latent.iter().product::<usize>() as u64;
        let active = states + feeding as u64 + scores + contexts + latents;
        PROGRAM + weights.held_bytes(&held) + largest(&held) + FLOAT * active
    }

    fn decoding(&self, tiles: Option<Tiles>) -> u64 {
        let [.., rows, columns] = self.latent;
        if self.tiny {
            let tiny = TinyConfig::taew_2_1();
            let factor = tiny.space_factor();
            // Frames of the last level with the one before each, and what comes of them.
            let wide = 4 * TINY_CHANNELS * (4 * rows * columns * factor * factor) as u64;
            return PROGRAM + FLOAT * (count(&tiny.tensors()) + wide);
        }
        let side = |extent: usize| tiles.map_or(extent, |tiles| tiles.size.min(extent));
        let (down, across) = (side(rows), side(columns));
        let decoder = Pass::decoder(self.vae, (down * across) as u64);
        let factor = self.vae.space_factor();
        let frame = (rows * columns * factor * factor * self.vae.out_channels) as u64;
        // Of tiles the video so far; what a pass gives, and what is shown of it.
        let is_tiled = (down, across) != (rows, columns);
        let video = match is_tiled {
            true => self.vae.frames(self.latent[2]) as u64 * frame,
            false => 0,
        };
        let given = self.vae.time_factor() as u64 * frame * if is_tiled { 4 } else { 2 };
        let weights = count(&self.vae.tensors());
        let passing = decoder.live + decoder.kept + given;
        PROGRAM + FLOAT * (weights + video + passing * LET_GO.0 / LET_GO.1)
    }

    fn encoding(&self) -> u64 {
        let [.., rows, columns] = self.latent;
        let encoder = Pass::encoder(self.vae, (rows * columns) as u64);
        let weights = count(&self.vae.tensors());
        let all = self.latent.iter().product::<usize>() as u64 * 3;
        let passing = encoder.live + encoder.kept + all;
        PROGRAM + FLOAT * (weights + passing * LET_GO.0 / LET_GO.1)
    }
}

/// The first of `choices` whose bytes fit, with those; or the least bytes of all.
fn first_that_fits<T>(
    choices: impl Iterator<Item = T>,
    bytes_of: impl Fn(&T) -> u64,
    fits: impl Fn(u64) -> bool,
) -> std::result::Result<(T, u64), u64> {
    let mut least = u64::MAX;
    for choice in choices {
        let bytes = bytes_of(&choice);
        if fits(bytes) {
            return Ok((choice, bytes));
        }
        least = least.min(bytes);
    }
    Err(least)
}

fn count(tensors: &[(String, Vec<usize>)]) -> u64 {
    tensors
        .iter()
        .map(|(_, shape)| shape.iter().product::<usize>() as u64)
        .sum()
}

/// Bytes of the largest tensor, which is held twice while it is read.
fn largest(tensors: &[(String, Vec<usize>)]) -> u64 {
    let numbers = |(_, shape): &(String, Vec<usize>)| shape.iter().product::<usize>() as u64;
    FLOAT * tensors.iter().map(numbers).max().unwrap_or_default()
}

/// Numbers that are held while a frame of the latent, and the frames that it stands for, pass through half of the autoencoder.
struct Pass {
    /// The most at a time.
    live: u64,
    /// What all layers keep of the frames before.
    kept: u64,
    /// Pixels of a frame.
    pixels: u64,
    frames: u64,
}

impl Pass {
    fn new(pixels: u64, frames: u64) -> Self {
        Self {
            live: 0,
            kept: 0,
            pixels,
            frames,
        }
    }

    /// A convolution that sees two frames before: its input with those frames, and its output or, before that, the input
    /// by itself, beside `held` channels that are needed after it.
    fn conv(&mut self, from: u64, to: u64, held: u64) {
        let seen = (self.frames + 2) * from;
        let live = self.pixels * (self.frames * (from.max(to) + held) + seen);
        self.live = self.live.max(live);
        self.kept += 2 * self.pixels * from;
    }

    fn residual(&mut self, from: u64, to: u64) {
        self.conv(from, to, from);
        self.conv(to, to, from);
        // What comes of both ways, and their sum.
        let live = self.pixels * self.frames * (from + 3 * to);
        self.live = self.live.max(live);
    }

    fn decoder(config: &VaeConfig, pixels: u64) -> Self {
        let mut pass = Self::new(pixels, 1);
        let base = config.base_dim as u64;
        let top = base * config.dim_mult.last().copied().unwrap_or(1) as u64;
        pass.conv(config.z_dim as u64, top, 0);
        pass.residual(top, top);
        pass.residual(top, top);
        for (_, block) in config.decoder_blocks() {
            match block {
                VaeBlock::Residual { from, to } => pass.residual(from as u64, to as u64),
                VaeBlock::Up { channels, time } => {
                    let channels = channels as u64;
                    if time {
                        pass.conv(channels, 2 * channels, channels);
                        pass.frames *= 2;
                    }
                    pass.pixels *= 4;
                    // The enlarged frames, and the result or what they were.
                    let live = pass.pixels * pass.frames * (channels + channels / 2);
                    pass.live = pass.live.max(live);
                }
                VaeBlock::Down { .. } => {}
            }
        }
        pass.conv(base, config.out_channels as u64, base);
        pass
    }

    fn encoder(config: &VaeConfig, pixels: u64) -> Self {
        let factor = config.space_factor() as u64;
        let mut pass = Self::new(pixels * factor * factor, config.time_factor() as u64);
        let base = config.base_dim as u64;
        pass.conv(config.in_channels as u64, base, 0);
        for block in config.encoder_blocks() {
            match block {
                VaeBlock::Residual { from, to } => pass.residual(from as u64, to as u64),
                VaeBlock::Down { channels, time } => {
                    let channels = channels as u64;
                    pass.live = pass
                        .live
                        .max(pass.pixels * pass.frames * (2 * channels + channels / 4));
                    pass.pixels /= 4;
                    if time {
                        pass.conv(channels, channels, channels);
                        pass.frames = (pass.frames / 2).max(1);
                    }
                }
                VaeBlock::Up { .. } => {}
            }
        }
        pass
    }
}

/// Floating-point operations of decoding a latent.
pub(crate) fn decoding_flops(config: &VaeConfig, latent: [usize; 5]) -> f64 {
    let [.., frames, rows, columns] = latent;
    let (mut pixels, mut frames) = ((rows * columns) as f64, frames as f64);
    let top = (config.base_dim * config.dim_mult.last().copied().unwrap_or(1)) as f64;
    let cube = |from: f64, to: f64| 2.0 * 27.0 * from * to;
    let mut sum = frames * pixels * (cube(config.z_dim as f64, top) + 4.0 * cube(top, top));
    sum += frames * pixels * (8.0 * top * top + 4.0 * pixels * top);
    for (_, block) in config.decoder_blocks() {
        match block {
            VaeBlock::Residual { from, to } => {
                let (from, to) = (from as f64, to as f64);
                sum += frames * pixels * (cube(from, to) + cube(to, to));
            }
            VaeBlock::Up { channels, time } => {
                let channels = channels as f64;
                if time {
                    sum += frames * pixels * 2.0 * 3.0 * channels * 2.0 * channels;
                    frames = 2.0 * frames - 1.0;
                }
                pixels *= 4.0;
                sum += frames * pixels * 2.0 * 9.0 * channels * channels / 2.0;
            }
            VaeBlock::Down { .. } => {}
        }
    }
    sum + frames * pixels * cube(config.base_dim as f64, config.out_channels as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parity, weights::Network};

    /// The published 480p model, 81 frames.
    fn fitted(limit: Option<u64>) -> Result<(Economy, MemoryPlan)> {
        let small = parity::weights("tiny_wan_dit", Network::Dit);
        let text = parity::weights("tiny_umt5", Network::Umt5);
        Job {
            dit: &DitConfig::t2v_1_3b(),
            vae: &VaeConfig::wan_2_1(),
            text: &Umt5Config::xxl(),
            clip: None,
            dit_weights: &small,
            text_weights: &text,
            latent: [1, 16, 21, 60, 104],
            texts: 2,
            rows: 512,
            tiny: false,
        }
        .fitted(limit)
    }

    #[test]
    fn no_more_is_saved_than_must_be() {
        let (economy, all) = fitted(None).unwrap();
        assert_eq!(economy, Economy::default());
        // 1.42 billion numbers, and the tokens.
        assert!((7..10).contains(&(all.transformer >> 30)), "{all:?}");
        assert!((2..9).contains(&(all.decoding >> 30)), "{all:?}");
        let (economy, plan) = fitted(Some(all.transformer - 1)).unwrap();
        assert!(economy.streamed && !economy.quantized);
        assert!(plan.transformer < 5 << 30, "{plan:?}");
        let (economy, plan) = fitted(Some(all.decoding - 1)).unwrap();
        assert!(
            economy.tiles.is_some() && plan.decoding < all.decoding,
            "{plan:?}"
        );
        assert!(plan.peak() < all.decoding);
        let (economy, plan) = fitted(Some(all.decoding / 2)).unwrap();
        assert!(
            economy.tiles.is_some_and(|tiles| tiles.size >= 32),
            "{economy:?} {plan:?}"
        );
        let refused = fitted(Some(100 << 20)).unwrap_err();
        assert!(
            refused.to_string().starts_with("reading the texts takes"),
            "{refused}"
        );
    }

    #[test]
    fn smaller_tiles_take_less_memory() {
        let vae = VaeConfig::wan_2_1();
        let live = |side: u64| {
            let pass = Pass::decoder(&vae, side * side);
            pass.live + pass.kept
        };
        assert!(live(16) < live(32) && live(32) < live(64));
    }

    /// 15 to 20 TFLOP for 320 x 320 and 17 frames, as was counted for the published decoder.
    #[test]
    fn decoding_is_counted_as_published() {
        let flops = decoding_flops(&VaeConfig::wan_2_1(), [1, 16, 5, 40, 40]);
        assert!((8e12..25e12).contains(&flops), "{flops:e}");
    }
}
