//! Game files: one score as layers that add up by arousal, with an introduction, an ending and stingers.
//!
//! A lead sheet is written as ever; its chords are then played in several ways and its melody is doubled
//! (`palette.rs` has the voices and their instruments), so that all layers have one key, one tempo and one phase. The
//! introduction is the end of the loop, as players take the last bars of a tune before it: what sounds before the loop
//! is then what sounds at its end, and the loop follows both alike.

mod condition;
mod ending;
mod excerpt;
mod palette;
mod percussion;
mod scale;
mod stinger;

use affetto_attributes::tonality::is_in_scale;
use affetto_media::{Note, Part, Quarters, Role, Score, midi::PERCUSSION_CHANNEL};

pub use condition::{EDGE_BARS, LAYERS, LOOP_BARS, LOOP_SECS, SetRequest, Stinger};
pub use palette::Voice;

use crate::{
    Error,
    arrange::{Accompaniment, arrange_along},
    compose::{Asked, Composition},
};
use excerpt::{excerpt, in_a_row, notes_between};
use palette::Palette;
use percussion::Groove;

/// The scores of a set.
#[derive(Clone, Debug)]
pub struct GameScore {
    /// The lead sheet that everything is made of: the bars of the loop.
    pub sheet: Score,
    /// The layers, the calmest first.
    pub layers: Vec<Layer>,
    /// The stingers that were asked for.
    pub stingers: Vec<(Stinger, Score)>,
}

/// One layer. Its scores have its own parts alone, the same in each.
#[derive(Clone, Debug)]
pub struct Layer {
    /// From this arousal on it sounds, -1..=1.
    pub from_arousal: f64,
    /// What it plays.
    pub voices: Vec<Voice>,
    /// Before the loop.
    pub intro: Option<Score>,
    /// The loop.
    pub looped: Score,
    /// After the loop.
    pub outro: Option<Score>,
}

impl Layer {
    /// The introduction and the loop, one after the other, as sections.
    pub fn score(&self) -> Score {
        let intro = self.intro.as_ref().map(|intro| ("Intro", intro));
        let scores: Vec<(&str, &Score)> =
            intro.into_iter().chain([("Loop", &self.looped)]).collect();
        in_a_row(&scores).unwrap_or_else(|| self.looped.clone())
    }

    /// Everything, the ending too.
    fn whole(&self) -> Score {
        let score = self.score();
        let Some(outro) = &self.outro else {
            return score;
        };
        let row = in_a_row(&[("", &score), ("Outro", outro)]);
        row.map_or(score.clone(), |row| Score {
            sections: [&score.sections[..], &row.sections[1..]].concat(),
            ..row
        })
    }
}

/// What each of `layers` layers plays.
fn voices(layers: usize) -> Vec<Vec<Voice>> {
    use Voice::{Bass, Chords, Doubling, Melody, Ostinato, Pad, Percussion};
    match layers {
        0 | 1 => vec![vec![Melody, Chords, Bass, Pad]],
        2 => vec![vec![Bass, Pad], vec![Melody, Chords]],
        3 => vec![vec![Bass, Pad], vec![Chords], vec![Melody, Doubling]],
        4 => vec![
            vec![Bass, Pad],
            vec![Chords],
            vec![Melody],
            vec![Doubling, Percussion],
        ],
        5 => vec![
            vec![Bass, Pad],
            vec![Chords],
            vec![Melody],
            vec![Percussion],
            vec![Doubling],
        ],
        _ => vec![
            vec![Bass, Pad],
            vec![Chords],
            vec![Melody],
            vec![Percussion],
            vec![Doubling],
            vec![Ostinato],
        ],
    }
}

impl GameScore {
    /// Plays `composition`, which is what [`SetRequest::lead_sheet`] asks for, as a set.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] where the loop with its introduction lasts too long or too short.
    pub fn new(request: &SetRequest, composition: &Composition) -> Result<Self, Error> {
        let Composition {
            score: sheet,
            asked,
        } = composition;
        request.check_seconds(asked.meter, sheet.tempo())?;
        let players = Players::new(request, sheet, asked);
        let all = voices(request.layers);
        let count = all.len() as f64;
        let layers = all.into_iter().enumerate().map(|(at, mut voices)| {
            voices.sort();
            players.layer(at as f64 / count, 1.0 / count, voices)
        });
        let tempo = sheet.tempo();
        let stingers = request.stingers.iter().map(|stinger| {
            let score = stinger::score(*stinger, asked.key, asked.meter, tempo, request.seed);
            (*stinger, score)
        });
        Ok(Self {
            layers: layers.collect(),
            stingers: stingers.collect(),
            sheet: sheet.clone(),
        })
    }

    /// All layers in one score: introduction, loop, ending.
    pub fn whole(&self) -> Score {
        let mut layers = self.layers.iter().map(Layer::whole);
        let Some(mut whole) = layers.next() else {
            return self.sheet.clone();
        };
        whole.parts.extend(layers.flat_map(|layer| layer.parts));
        whole.parts.sort_by_key(|part| {
            let place = |voice: &Voice| voice.name() == part.name;
            Voice::ALL.iter().position(place)
        });
        whole
    }

    /// The share of all notes but drums that lie in the scale of the key, stingers too.
    pub fn in_scale(&self) -> f64 {
        let scores = self.layers.iter().flat_map(|layer| {
            let edges = layer.intro.iter().chain(&layer.outro);
            edges.chain([&layer.looped])
        });
        let scores = scores.chain(self.stingers.iter().map(|(_, score)| score));
        let (mut inside, mut all) = (0_usize, 0_usize);
        for score in scores {
            let Some(bar) = score.bars.first() else {
                continue;
            };
            let pitched = score
                .parts
                .iter()
                .filter(|part| part.channel != PERCUSSION_CHANNEL);
            for note in pitched.flat_map(|part| &part.notes) {
                all += 1;
                inside += usize::from(is_in_scale(note.pitch, bar.key));
            }
        }
        inside as f64 / all.max(1) as f64
    }

    /// Notes of the loop in a second with the first `layers` layers.
    pub fn notes_per_second(&self, layers: usize) -> f64 {
        let notes = self.layers[..layers]
            .iter()
            .flat_map(|layer| &layer.looped.parts);
        let count: usize = notes.map(|part| part.notes.len()).sum();
        count as f64 / self.sheet.seconds_at(self.sheet.length())
    }
}

/// What the voices play from.
struct Players<'a> {
    request: &'a SetRequest,
    sheet: &'a Score,
    /// The loop, its first bar once more after it, so that the last bar leads on instead of ending.
    round: Score,
    /// The last bar of the loop, then the ending.
    ending: Option<Score>,
    palette: Palette,
    asked: &'a Asked,
}

/// Of a mid layer's own arousal and that of the music half each.
const OWN_AROUSAL: f64 = 0.5;
/// How far above its voicing an ostinato plays, in semitones.
const OSTINATO_UP: u8 = 24;
/// How much softer the melody is doubled.
const DOUBLING_SOFTER: u8 = 14;
/// The highest pitch of a doubling above the melody.
const HIGHEST_DOUBLING: u8 = 96;

impl<'a> Players<'a> {
    fn new(request: &'a SetRequest, sheet: &'a Score, asked: &'a Asked) -> Self {
        let ending = (request.outro > 0).then(|| {
            let outro = ending::lead_sheet(sheet, asked, request.outro);
            let last = excerpt(sheet, sheet.bars.len() - 1..sheet.bars.len());
            in_a_row(&[("", &last), ("", &outro)]).unwrap_or(outro)
        });
        Self {
            palette: Palette::of(asked.valence, asked.arousal),
            round: once_round(sheet),
            request,
            sheet,
            ending,
            asked,
        }
    }

    /// The layer that covers the share `from..from + width` of all arousal.
    fn layer(&self, from: f64, width: f64, voices: Vec<Voice>) -> Layer {
        let bars = self.sheet.bars.len();
        let own = 2.0 * (from + width / 2.0) - 1.0;
        let looped = self.played(&voices, |voice| self.in_loop(voice, own));
        let intro = (self.request.intro > 0).then(|| {
            let mut intro = excerpt(&looped, bars - self.request.intro..bars);
            for (part, voice) in intro.parts.iter_mut().zip(&voices) {
                let enters = self.sheet.bars[0].length * self.enters(*voice) as i64;
                part.notes = notes_between(
                    &part.notes,
                    enters,
                    Quarters::from_integer(i64::from(u16::MAX)),
                )
                .into_iter()
                .map(|note| Note {
                    onset: note.onset + enters,
                    ..note
                })
                .collect();
            }
            intro
        });
        let outro = self.ending.as_ref().map(|ending| {
            let parts = voices
                .iter()
                .map(|voice| self.in_ending(ending, *voice, own));
            let whole = Score {
                parts: parts.collect(),
                ..ending.clone()
            };
            excerpt(&whole, 1..whole.bars.len())
        });
        Layer {
            from_arousal: 2.0 * from - 1.0,
            voices,
            intro,
            looped,
            outro,
        }
    }

    fn played(&self, voices: &[Voice], play: impl Fn(Voice) -> Part) -> Score {
        Score {
            parts: voices.iter().map(|voice| play(*voice)).collect(),
            ..self.sheet.clone()
        }
    }

    /// In which bar of the introduction a voice enters: pad and bass first, then the chords, the others with the last bar.
    const fn enters(&self, voice: Voice) -> usize {
        match voice {
            Voice::Pad | Voice::Bass => 0,
            Voice::Chords => self.request.intro / 2,
            _ => self.request.intro.saturating_sub(1),
        }
    }

    /// What a voice plays in the loop.
    fn in_loop(&self, voice: Voice, own: f64) -> Part {
        let notes = match voice {
            Voice::Percussion => self.groove(own).bars(self.sheet.bars.len()),
            voice => {
                let played = self.notes(&self.round, 0, voice, own);
                notes_between(&played, Quarters::from_integer(0), self.sheet.length())
            }
        };
        Part {
            notes,
            ..self.palette.part(voice)
        }
    }

    /// What a voice plays in the last bar of the loop and the ending.
    fn in_ending(&self, ending: &Score, voice: Voice, own: f64) -> Part {
        let notes = match voice {
            Voice::Percussion => {
                let groove = self.groove(own);
                let bars = ending.bars.len() - 2; // the last bar of the loop, and the last of all
                let end = self.asked.meter.length() * (1 + bars as i64);
                let moved = |by: Quarters| {
                    move |note: Note| Note {
                        onset: note.onset + by,
                        ..note
                    }
                };
                let before = groove
                    .bars(bars)
                    .into_iter()
                    .map(moved(self.asked.meter.length()));
                before
                    .chain(groove.ending().into_iter().map(moved(end)))
                    .collect()
            }
            voice => self.notes(ending, self.sheet.bars.len() - 1, voice, own),
        };
        Part {
            notes,
            ..self.palette.part(voice)
        }
    }

    fn groove(&self, own: f64) -> Groove {
        Groove {
            metre: self.asked.meter,
            arousal: self.blended(own, self.asked.arousal),
            secs_per_quarter: self.sheet.seconds_at(Quarters::from_integer(1)),
        }
    }

    fn blended(&self, own: f64, arousal: f64) -> f64 {
        (OWN_AROUSAL * own + (1.0 - OWN_AROUSAL) * arousal).clamp(-1.0, 1.0)
    }

    /// What a voice plays of a lead sheet that begins at the bar `first` of the loop.
    fn notes(&self, sheet: &Score, first: usize, voice: Voice, own: f64) -> Vec<Note> {
        match voice {
            Voice::Melody => melody(sheet),
            Voice::Doubling => doubled(&melody(sheet)),
            Voice::Chords => {
                let arousal = self.blended(own, self.asked.arousal);
                let way = match Accompaniment::choose(self.asked.meter, arousal) {
                    Accompaniment::Block => Accompaniment::Arpeggio,
                    way => way,
                };
                let per_bar = self.arousal_per_bar(sheet, first, own);
                notes_of(&arrange_along(sheet, way, &per_bar), Role::Chords)
            }
            Voice::Pad | Voice::Bass => {
                let calm = vec![-0.6; sheet.bars.len()];
                let held = arrange_along(sheet, Accompaniment::Block, &calm);
                match voice {
                    Voice::Pad => joined(&notes_of(&held, Role::Chords)),
                    _ => notes_of(&held, Role::Bass),
                }
            }
            Voice::Ostinato => {
                let without_melody = Score {
                    parts: Vec::new(),
                    ..sheet.clone()
                };
                let lively = vec![0.9; sheet.bars.len()];
                let broken = arrange_along(&without_melody, Accompaniment::Arpeggio, &lively);
                let up = |note: Note| Note {
                    pitch: note.pitch + OSTINATO_UP,
                    ..note
                };
                notes_of(&broken, Role::Chords)
                    .into_iter()
                    .map(up)
                    .collect()
            }
            Voice::Percussion => Vec::new(),
        }
    }

    /// Half the layer's own, half that of the bar of the music, where it moves; after the loop, that of its last bar.
    /// `sheet` begins at the bar `first` of the loop.
    fn arousal_per_bar(&self, sheet: &Score, first: usize, own: f64) -> Vec<f64> {
        let moving = self.asked.arousal_per_bar.as_deref().unwrap_or(&[]);
        let of_bar = |bar: usize| moving.get(bar).or(moving.last()).copied();
        (first..first + sheet.bars.len())
            .map(|bar| self.blended(own, of_bar(bar).unwrap_or(self.asked.arousal)))
            .collect()
    }
}

/// A loop with its first bar once more after its last.
fn once_round(sheet: &Score) -> Score {
    let first = excerpt(sheet, 0..1);
    in_a_row(&[("", sheet), ("", &first)])
        .map(|row| Score {
            sections: Vec::new(),
            ..row
        })
        .unwrap_or_else(|| sheet.clone())
}

fn notes_of(score: &Score, role: Role) -> Vec<Note> {
    let part = score.parts.iter().find(|part| part.role == role);
    part.map_or(Vec::new(), |part| part.notes.clone())
}

fn melody(sheet: &Score) -> Vec<Note> {
    notes_of(sheet, Role::Melody)
}

/// Notes of one pitch that follow each other without a gap as one: common tones stay.
fn joined(notes: &[Note]) -> Vec<Note> {
    let mut joined: Vec<Note> = Vec::with_capacity(notes.len());
    for note in notes {
        let before = joined
            .iter_mut()
            .rev()
            .find(|other| other.pitch == note.pitch);
        match before {
            Some(before) if before.end() == note.onset => before.duration += note.duration,
            _ => joined.push(*note),
        }
    }
    joined
}

/// An octave above the melody where there is room, else below.
fn doubled(melody: &[Note]) -> Vec<Note> {
    let highest = melody.iter().map(|note| note.pitch).max().unwrap_or(0);
    let above = highest + 12 <= HIGHEST_DOUBLING;
    let double = |note: &Note| Note {
        pitch: if above {
            note.pitch + 12
        } else {
            note.pitch - 12
        },
        velocity: note.velocity.saturating_sub(DOUBLING_SOFTER).max(1),
        ..*note
    };
    melody.iter().map(double).collect()
}

#[cfg(test)]
mod tests;
