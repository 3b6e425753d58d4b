//! One request in, one piano piece out.

use std::ops::Range;

use affetto_attributes::{
    map::{AttributeMap, Preset, quadrant_weights},
    piece::Attribute,
};
use affetto_core::Progress;
use affetto_media::{Key, Metre, Score};
use affetto_nn::{sample::Sampling, weights::TensorFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    condition::{AttributeWish, PianoRequest},
    critic::heard,
    dynamics::as_loud_as_asked,
    generate::{STRETCH, Search, Task, Written, log_likelihood_after, write},
    grid::{GridBar, GridPiece},
    levels::measured,
    measure::{measure, values_at},
    merit::as_ended,
    model::{Config, Decoder},
    profile::{Ranks, Statistics},
    rules::{Given, Rules},
    source::Source,
    tokens::{KEYBOARD, Plan, Style, Token, decode},
    wish::{Frame, Wish, divergence, mean_move, mean_of},
};
use crate::{
    Error,
    arrange::humanize,
    title::{PIANO_PIECE, title},
};

/// The files that a request names, read.
#[derive(Clone, Debug, Default)]
pub struct PianoSources {
    /// Of `continue_from`.
    pub continue_from: Option<Score>,
    /// Of `fill_in`.
    pub fill_in: Option<Score>,
    /// Of `arrange`.
    pub arrange: Option<Score>,
}

/// A piano piece for two hands, and what was asked of it beside what was measured.
#[derive(Clone, Debug)]
pub struct PianoComposition {
    /// The music: a part for the right hand, then one for the left.
    pub score: Score,
    /// The bars that were written, counted from 0; others lie around them.
    pub written: Range<usize>,
    /// What was asked, words resolved.
    pub asked: PianoAsked,
    /// What was measured of the written bars.
    pub measured: PianoMeasured,
}

/// What was asked, words resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PianoAsked {
    /// Valence, -1..=1; the mean of its curve where it has one.
    pub valence: f64,
    /// Arousal, -1..=1; the mean of its curve where it has one.
    pub arousal: f64,
    /// Valence and arousal of each bar, where the emotion moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points_per_bar: Option<Vec<(f64, f64)>>,
    /// What is asked of each attribute that is not left open.
    pub attributes: Vec<AskedAttribute>,
    /// The key.
    pub key: Key,
    /// The time signature of the bars written.
    pub meter: Metre,
    /// Bars in all.
    pub bars: usize,
    /// Quarter notes per minute.
    pub tempo_bpm: f64,
    /// The lowest and the highest key of the piano, MIDI numbers.
    pub range: (u8, u8),
    /// The widest span of a hand, in semitones.
    pub hand_span: u8,
    /// The kind of music.
    pub style: Style,
    /// Whether it is to come to rest in the last bar.
    #[serde(default)]
    pub ends: bool,
}

/// What is asked of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskedAttribute {
    /// The attribute.
    pub attribute: Attribute,
    /// How high, beside the music that the model learned from.
    pub wish: AttributeWish,
    /// Above which value it counts as high, where it is to be.
    pub from: Option<f64>,
    /// Up to which value it counts as low, where it is to be.
    pub to: Option<f64>,
}

/// What was measured of the written bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PianoMeasured {
    /// Every attribute, in the order of [`Attribute::ALL`]; nothing where the piece has none.
    pub attributes: Vec<MeasuredAttribute>,
    /// The share of the asked attributes that lie on the asked side of the middle; 1 where none is asked.
    pub bits_hit: f64,
    /// The lowest and the highest key struck, MIDI numbers; nothing where no note is.
    pub range: Option<(u8, u8)>,
    /// The widest span of one hand at any onset, in semitones.
    pub hand_span: u8,
    /// The share of notes within the scale of the key, a minor one with both sixths and sevenths.
    pub in_scale_ratio: f64,
    /// How likely each quadrant of valence and arousal is, Q1 to Q4, by the class statistics of the attribute map.
    pub quadrants: [f64; 4],
    /// How much its end is one, 0 to 1: a third each for the tonic as the lowest note, for no note outside its triad, and for
    /// a last onset that is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_rest: Option<f64>,
}

/// An attribute, measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasuredAttribute {
    /// The attribute.
    pub attribute: Attribute,
    /// Its value.
    pub value: Option<f64>,
    /// Whether it lies where it was asked to; nothing where nothing was asked of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hit: Option<bool>,
}

/// The widest span of a hand where nothing else is asked: a ninth.
const NINTH: u8 = 14;
/// How much it counts, in nats, when one of the candidates is chosen, that the judged emotion diverges from the asked one
/// by a nat.
const JUDGED_WEIGHT: f64 = 4.0;
/// Bars after a filling that it is chosen by.
const BARS_AFTER: usize = 4;

/// A trained network with what is kept of its training music, ready to compose.
pub struct PianoModel {
    network: Decoder,
    statistics: Statistics,
}

impl PianoModel {
    /// From the contents of `config.json`, `model.safetensors` and `statistics.json`.
    ///
    /// # Errors
    /// [`Error::Json`] for what is no configuration or statistics, [`Error::Vocabulary`] for a network of other tokens,
    /// [`Error::Weights`] for missing or misshapen tensors.
    pub fn from_bytes(config: &[u8], weights: &[u8], statistics: &[u8]) -> Result<Self, Error> {
        let json = |what| move |source| Error::Json { what, source };
        let config = Config::from_json(config)?;
        let statistics: Statistics =
            serde_json::from_slice(statistics).map_err(json("statistics.json"))?;
        if !config.is_current() || !statistics.is_whole() {
            return Err(Error::Vocabulary);
        }
        Ok(Self {
            network: Decoder::new(&config, TensorFile::from_bytes(weights)?)?,
            statistics,
        })
    }

    /// The network.
    pub const fn network(&self) -> &Decoder {
        &self.network
    }

    /// What is kept of its training music.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Writes the piano piece that `request` asks for.
    ///
    /// # Errors
    /// What cannot be done as asked, and [`Error::Cancelled`] soon after `progress` says so.
    pub fn compose_with(
        &self,
        request: &PianoRequest,
        sources: &PianoSources,
        progress: &dyn Progress,
    ) -> Result<PianoComposition, Error> {
        self.compose(request, sources, None, progress)
    }

    /// The same with the network told `ranks` of the attributes, or nothing, whatever the emotion asks: to measure what
    /// telling does.
    ///
    /// # Errors
    /// As [`PianoModel::compose_with`].
    pub fn compose_told(
        &self,
        request: &PianoRequest,
        ranks: &Ranks,
        progress: &dyn Progress,
    ) -> Result<PianoComposition, Error> {
        self.compose(request, &PianoSources::default(), Some(ranks), progress)
    }

    /// The same music behind another network.
    pub(super) fn with_network(&self, network: Decoder) -> Self {
        Self {
            network,
            statistics: self.statistics.clone(),
        }
    }

    fn compose(
        &self,
        request: &PianoRequest,
        sources: &PianoSources,
        told: Option<&Ranks>,
        progress: &dyn Progress,
    ) -> Result<PianoComposition, Error> {
        request.check()?;
        let source = Source::new(request, sources)?;
        let frame = source.frame(request, &self.statistics);
        let mut wish = Wish::new(request, &frame, &self.statistics, request.seed);
        if let Some(ranks) = told {
            wish.ranks = *ranks;
            wish.moves.clear();
        }
        let work = Work {
            model: self,
            given: source.given(frame.key.semitones_from_c()),
            plan: source.plan(&frame, &wish),
            ends: source.ends() && !request.open_end && request.candidates > 1,
            source,
            frame,
            wish,
            range: request
                .range
                .map_or(KEYBOARD.into_inner(), |range| (range.lowest, range.highest)),
            hand_span: request.hand_span.unwrap_or(NINTH),
        };
        let (piece, measured) = work.best(request, progress)?;
        Ok(work.composition(request, &piece, measured))
    }
}

/// All that is settled of a piece before its notes are.
struct Work<'a> {
    model: &'a PianoModel,
    source: Source<'a>,
    frame: Frame,
    wish: Wish,
    plan: Plan,
    given: Option<Given>,
    range: (u8, u8),
    hand_span: u8,
    /// Whether it is to come to rest in the last bar.
    ends: bool,
}

impl Work<'_> {
    fn semitones(&self) -> i8 {
        self.frame.key.semitones_from_c()
    }

    /// What the notes keep to, as the network writes them.
    fn rules(&self) -> Result<Rules, Error> {
        let lower =
            |pitch: u8| (i16::from(pitch) - i16::from(self.semitones())).clamp(0, 127) as u8;
        let (lowest, highest) = (lower(self.range.0), lower(self.range.1));
        let melody = self.given.iter().flat_map(|given| &given.melody);
        let outside = |pitch: &u8| !(lowest..=highest).contains(pitch);
        if let Some(pitch) = melody.map(|note| note.pitch).find(outside) {
            let pitch = i16::from(pitch) + i16::from(self.semitones());
            return Err(Error::MelodyOutside {
                pitch: pitch.clamp(0, 127) as u8,
                lowest: self.range.0,
                highest: self.range.1,
            });
        }
        Ok(Rules {
            lowest,
            highest,
            hand_span: self.hand_span,
            given: self.given.clone(),
        })
    }

    /// The candidate that does best what was asked, as it sounds, and what it is like.
    fn best(
        &self,
        request: &PianoRequest,
        progress: &dyn Progress,
    ) -> Result<(GridPiece, PianoMeasured), Error> {
        let quantiles = &self.model.statistics.quantiles;
        let levels = self
            .wish
            .levels(self.frame.bars, self.semitones(), quantiles);
        let before = vec![levels[0]; self.source.before().len()];
        let levels = [before, levels].concat();
        let task = Task {
            plan: &self.plan,
            given: &self.source.tokens(self.source.before(), self.semitones())?,
            rules: &self.rules()?,
            levels: &levels,
            guidance: request.guidance,
            sampling: Sampling {
                temperature: request.temperature,
                top_p: request.top_p,
                top_k: None,
            },
        };
        let (plan, tokens) = self.following()?;
        let following = Task {
            plan: &plan,
            ..task.clone()
        };
        let network = &self.model.network;
        let merit = |written: &Written| {
            let merit = self.merit(written)?;
            match written.bars() < self.plan.bars.len() {
                true => Ok(merit),
                false => Ok(merit + log_likelihood_after(network, &following, written, &tokens)?),
            }
        };
        let search = Search {
            candidates: request.candidates,
            ends: self.ends,
            seed: request.seed.derive("candidates"),
        };
        let piece = write(network, &task, search, &merit, progress)?;
        let piece = self.sounding(&self.written(&piece)?);
        let measured = self.measured(&piece);
        Ok((piece, measured))
    }

    /// The bars with those after a filling that it is chosen by, and their tokens: none where nothing is filled.
    fn following(&self) -> Result<(Plan, Vec<Token>), Error> {
        let all = self.source.after();
        let after = &all[..all.len().min(BARS_AFTER)];
        let mut plan = self.plan.clone();
        plan.bars.extend(after.iter().map(GridBar::plan));
        plan.after = all.len() - after.len();
        Ok((plan, self.source.tokens(after, self.semitones())?))
    }

    /// The bars that were written, in the key that the network writes in.
    fn written(&self, written: &Written) -> Result<GridPiece, Error> {
        let whole = decode(&written.tokens)?;
        let bars = whole.bars[self.source.before().len()..].to_vec();
        Ok(GridPiece { bars })
    }

    /// The same bars as they sound, as loud as asked.
    fn sounding(&self, written: &GridPiece) -> GridPiece {
        let transposed = written.transposed(self.semitones());
        let piece = transposed.unwrap_or_else(|| written.clone());
        if !self.source.is_new() {
            return piece; // as loud as what stands around it
        }
        as_loud_as_asked(&piece, &self.wish, &self.model.statistics.quantiles)
    }

    /// How well the bars that are written do what was asked, in nats; where the emotion moves, the last of them until they
    /// are all.
    fn merit(&self, written: &Written) -> Result<f64, Error> {
        let raw = self.written(written)?;
        let mut piece = self.sounding(&raw);
        let whole = written.bars() == self.plan.bars.len();
        let (mut ranks, mut quadrants) = (self.wish.ranks, self.wish.quadrants);
        let moving = !self.wish.moves.is_empty() && !whole;
        if let Some(points) = self.wish.points.as_ref().filter(|_| moving) {
            let last = piece.bars.len().saturating_sub(STRETCH)..piece.bars.len();
            ranks = ranks.moved(&mean_move(&self.wish.moves[last.clone()]));
            quadrants = quadrant_weights(&mean_of(&points[last.clone()]));
            piece.bars.drain(..last.start);
        }
        let values = values_at(&piece, self.wish.tempo_bpm);
        let judged = AttributeMap::preset(Preset::Default).quadrant_probabilities(&values);
        let known = self.model.statistics.known();
        let ended = match self.ends && whole {
            true => as_ended(&raw, self.plan.tonic()),
            false => 0.0,
        };
        Ok(ended + known.as_asked(&ranks, &values, whole)
            - JUDGED_WEIGHT * divergence(&quadrants, &judged)
            + known.as_new(&raw)
            + known.like_music(written, || heard(&raw, &measured(&raw))))
    }

    fn measured(&self, piece: &GridPiece) -> PianoMeasured {
        let quantiles = &self.model.statistics.quantiles;
        measure(piece, &self.wish, self.frame.key, self.hand_span, quantiles)
    }

    fn composition(
        &self,
        request: &PianoRequest,
        piece: &GridPiece,
        measured: PianoMeasured,
    ) -> PianoComposition {
        let title = request.title.clone().unwrap_or_else(|| {
            title(
                &request.emotion,
                self.frame.key,
                self.source.titled(&request.emotion),
                PIANO_PIECE,
            )
        });
        let score = self
            .source
            .score(piece, &self.wish, &self.frame, self.hand_span, title);
        let seed = request.seed.derive("humanize");
        PianoComposition {
            asked: self.asked(score.bars.len()),
            measured,
            score: humanize(&score, request.humanize, seed),
            written: self.source.written.clone(),
        }
    }

    fn asked(&self, bars: usize) -> PianoAsked {
        let points = self.wish.points.as_ref();
        let pairs = points.map(|points| {
            let pair = |point: &affetto_emotion::Vad| (point.valence(), point.arousal());
            points.iter().map(pair).collect::<Vec<(f64, f64)>>()
        });
        PianoAsked {
            valence: self.wish.point.valence(),
            arousal: self.wish.point.arousal(),
            points_per_bar: pairs,
            attributes: self.asked_attributes(),
            key: self.frame.key,
            meter: self.frame.metre,
            bars,
            tempo_bpm: self.wish.tempo_bpm,
            range: self.range,
            hand_span: self.hand_span,
            style: self.wish.style,
            ends: self.ends,
        }
    }

    fn asked_attributes(&self) -> Vec<AskedAttribute> {
        let quantiles = &self.model.statistics.quantiles;
        let levels = self.wish.ranks.levels();
        let asked = |attribute: &Attribute| {
            let wish = AttributeWish::ALL[usize::from(levels.0[attribute.index()])];
            let high = matches!(wish, AttributeWish::High | AttributeWish::Highest);
            let middle = quantiles.edge(*attribute, 0.5);
            (wish != AttributeWish::Open).then_some(AskedAttribute {
                attribute: *attribute,
                wish,
                from: middle.filter(|_| high),
                to: middle.filter(|_| !high),
            })
        };
        Attribute::ALL.iter().filter_map(asked).collect()
    }
}

#[cfg(test)]
mod tests;
