//! Writes a lead sheet token by token, within what a [`Plan`] permits.

use affetto_core::{Progress, Rng, Seed, Stage};
use affetto_media::{Mode, Quality};

use crate::{
    grammar::{BarGrammar, BarRule, Impossible, chord_valence, median},
    next_token::{Input, NextToken, Sampling, log_probabilities},
    tokens::{BarContext, Cursor, Degree, Sequence, Slot, Token},
};

/// All that is decided before the first token.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The bars.
    pub bars: Vec<BarPlan>,
    /// The lowest and highest pitch, in the models' key.
    pub lowest: u8,
    /// The highest pitch, in the models' key.
    pub highest: u8,
    /// How freely tokens are drawn.
    pub sampling: Sampling,
}

/// What is decided of one bar.
#[derive(Clone, Debug)]
pub struct BarPlan {
    /// What the model is told.
    pub context: BarContext,
    /// What is enforced.
    pub rule: BarRule,
    /// What is steered towards.
    pub aim: Aim,
    /// What is given.
    pub given: Given,
}

/// What chords are steered towards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Aim {
    /// The chord valence, -0.81..=0.87.
    pub valence: Option<f64>,
    /// The tension, 0..=1.
    pub tension: Option<f64>,
    /// Whether the piece closes with this bar: under a given melody it comes to rest.
    pub closes: bool,
}

/// An event as tokens have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GivenEvent {
    /// The chord.
    pub chord: Option<Degree>,
    /// [`Token::Pitch`], [`Token::Rest`] or [`Token::Hold`].
    pub sound: Token,
    /// The length in ticks.
    pub ticks: i64,
}

/// What of a bar is given rather than written.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Given {
    /// Nothing.
    #[default]
    Nothing,
    /// All of it.
    Events(Vec<GivenEvent>),
    /// The melody: sounds and lengths; chords are written.
    Melody(Vec<(Token, i64)>),
    /// The chords: each from a tick of the bar on; the melody is written.
    Chords(Vec<(i64, Option<Degree>)>),
    /// All of an earlier bar.
    Repeat(usize),
    /// The chords of an earlier bar.
    RepeatChords(usize),
}

/// Scores how tense a chord would be, 0..=1.
pub type Tension<'a> = &'a (dyn Fn(Option<Degree>) -> f64 + Sync);

/// Weight of the squared distance between a chord's valence and the one aimed at, in nats.
const VALENCE_WEIGHT: f64 = 0.5;
/// Weight of the squared distance between a chord's tension and the one aimed at, in nats.
const TENSION_WEIGHT: f64 = 60.0;
/// What the tonic is favoured by where a given melody comes to rest, in nats.
const TONIC_WEIGHT: f64 = 3.0;
/// How many chords are tried under a given melody note.
const CANDIDATES: usize = 12;

/// Writes the music of `plan`. `progress` counts bars.
pub fn generate<M: NextToken>(
    model: &M,
    plan: &Plan,
    tension: Tension<'_>,
    seed: Seed,
    progress: &dyn Progress,
) -> Result<Sequence, Impossible> {
    let mut writer = Writer::new(model, plan, tension, seed)?;
    for bar in 0..plan.bars.len() {
        writer.bar(bar)?;
        progress.step(Stage::Generate, bar + 1, plan.bars.len());
    }
    writer.tokens.push(Token::Eos);
    Ok(Sequence {
        bars: plan.bars.iter().map(|bar| bar.context).collect(),
        tokens: writer.tokens,
    })
}

/// The mean natural-log probability of the tokens of `bars` (a range) in `sequence`, the others being read only.
pub fn log_likelihood<M: NextToken>(
    model: &M,
    sequence: &Sequence,
    bars: std::ops::Range<usize>,
) -> f64 {
    let conditions: Vec<_> = sequence
        .bars
        .iter()
        .map(BarContext::condition_ids)
        .collect();
    let (mut state, mut cursor) = (model.start(&conditions), Cursor::default());
    let (mut sum, mut count) = (0.0, 0);
    for pair in sequence.tokens.windows(2) {
        let logits = step(model, &mut state, &mut cursor, pair[0], &sequence.bars);
        let inside = cursor.bar().is_some_and(|bar| bars.contains(&bar));
        if let (true, Some(next)) = (inside && cursor.slot() != Slot::Bar, pair[1].id()) {
            sum += log_probabilities(&logits)[next as usize];
            count += 1;
        }
    }
    sum / f64::from(count.max(1))
}

fn step<M: NextToken>(
    model: &M,
    state: &mut M::State,
    cursor: &mut Cursor,
    token: Token,
    bars: &[BarContext],
) -> Vec<f32> {
    let (features, positions) = cursor.feed(token, bars);
    let input = Input {
        token: token.id().unwrap_or(0),
        features,
        positions,
    };
    model.step(state, input)
}

struct Writer<'a, M: NextToken> {
    model: &'a M,
    plan: &'a Plan,
    tension: Tension<'a>,
    contexts: Vec<BarContext>,
    grammars: Vec<BarGrammar>,
    rng: Rng,
    state: M::State,
    cursor: Cursor,
    logits: Vec<f32>,
    tokens: Vec<Token>,
    /// Finished bars, for repeats.
    written: Vec<Vec<GivenEvent>>,
    /// Sum over finished bars of the valence aimed at less the one reached.
    valence_owed: f64,
}

impl<'a, M: NextToken> Writer<'a, M> {
    fn new(
        model: &'a M,
        plan: &'a Plan,
        tension: Tension<'a>,
        seed: Seed,
    ) -> Result<Self, Impossible> {
        let contexts: Vec<BarContext> = plan.bars.iter().map(|bar| bar.context).collect();
        let conditions: Vec<_> = contexts.iter().map(BarContext::condition_ids).collect();
        let grammars = plan
            .bars
            .iter()
            .map(|bar| BarGrammar::new(&bar.context, bar.rule.clone()))
            .collect::<Result<_, _>>()?;
        let mut writer = Self {
            state: model.start(&conditions),
            model,
            plan,
            tension,
            contexts,
            grammars,
            rng: seed.derive("tokens").rng(),
            cursor: Cursor::default(),
            logits: Vec::new(),
            tokens: Vec::new(),
            written: Vec::new(),
            valence_owed: 0.0,
        };
        writer.push(Token::Bos);
        Ok(writer)
    }

    fn push(&mut self, token: Token) {
        self.logits = step(
            self.model,
            &mut self.state,
            &mut self.cursor,
            token,
            &self.contexts,
        );
        self.tokens.push(token);
    }

    fn bar(&mut self, bar: usize) -> Result<(), Impossible> {
        self.push(Token::Bar);
        let given = self.given(bar);
        let events = match given {
            Given::Events(events) => self.copy(events),
            Given::Melody(melody) => self.under_melody(bar, &melody)?,
            Given::Chords(chords) => self.over_chords(bar, &chords)?,
            _ => self.free(bar)?,
        };
        self.settle(bar, &events);
        self.written.push(events);
        Ok(())
    }

    /// What is given of `bar`, repeats of earlier bars resolved. A repeat that does not fit is not given.
    fn given(&self, bar: usize) -> Given {
        let earlier = |from: usize| {
            let same = self.contexts.get(from)?.length == self.contexts[bar].length;
            same.then(|| self.written.get(from).cloned())?
        };
        match &self.plan.bars[bar].given {
            Given::Repeat(from) => earlier(*from).map_or(Given::Nothing, |mut events| {
                untie_first(&mut events, self.cursor.sounding());
                Given::Events(events)
            }),
            Given::RepeatChords(from) => earlier(*from).map_or(Given::Nothing, |events| {
                Given::Chords(chord_changes(&events))
            }),
            given => given.clone(),
        }
    }

    fn copy(&mut self, events: Vec<GivenEvent>) -> Vec<GivenEvent> {
        for event in &events {
            self.push(Token::Chord(event.chord));
            self.push(event.sound);
            self.push(Token::Duration(event.ticks));
        }
        events
    }

    fn free(&mut self, bar: usize) -> Result<Vec<GivenEvent>, Impossible> {
        self.write(bar, |_, _| None)
    }

    fn over_chords(
        &mut self,
        bar: usize,
        chords: &[(i64, Option<Degree>)],
    ) -> Result<Vec<GivenEvent>, Impossible> {
        let rule = BarRule {
            cuts: chords.iter().map(|(tick, _)| *tick).collect(),
            valence: None,
            ..self.plan.bars[bar].rule.clone()
        };
        self.grammars[bar] = BarGrammar::new(&self.contexts[bar], rule)?;
        let chord_at = |position: i64| {
            let before = chords.iter().take_while(|(tick, _)| *tick <= position);
            before.last().map(|(_, chord)| *chord)
        };
        self.write(bar, |position, _| chord_at(position))
    }

    /// Writes events until the bar is full; `chord` may give the chord at a position.
    fn write(
        &mut self,
        bar: usize,
        chord: impl Fn(i64, usize) -> Option<Option<Degree>>,
    ) -> Result<Vec<GivenEvent>, Impossible> {
        let mut events: Vec<GivenEvent> = Vec::new();
        let mut values = Vec::new();
        while self.cursor.slot() != Slot::Bar {
            let position = self.cursor.position();
            let chord = match chord(position, events.len()) {
                Some(chord) => chord,
                None => self.draw_chord(bar, &values, None, false),
            };
            values.push(chord_valence(chord.map(|degree| degree.quality)));
            self.push(Token::Chord(chord));
            let sound = self.draw_sound(chord, events.last());
            self.push(sound);
            let ticks = self.draw_duration(bar, &values);
            self.push(Token::Duration(ticks));
            events.push(GivenEvent {
                chord,
                sound,
                ticks,
            });
        }
        Ok(events)
    }

    fn under_melody(
        &mut self,
        bar: usize,
        melody: &[(Token, i64)],
    ) -> Result<Vec<GivenEvent>, Impossible> {
        let rule = BarRule {
            rhythm: Some(melody.iter().map(|(_, ticks)| *ticks).collect()),
            events: 1..=36,
            ..self.plan.bars[bar].rule.clone()
        };
        self.grammars[bar] = BarGrammar::new(&self.contexts[bar], rule)?;
        let mode = self.contexts[bar].mode;
        let closing_from = self.plan.bars[bar].aim.closes.then(|| last_note(melody));
        let (mut events, mut values): (Vec<GivenEvent>, Vec<f64>) = (Vec::new(), Vec::new());
        for (at, (sound, ticks)) in melody.iter().enumerate() {
            let closing = closing_from.is_some_and(|from| from <= at);
            // After the last note nothing changes but to come to rest, and under silence nothing at all.
            let last = events.last().map(|event| event.chord);
            let last = last.filter(|last| {
                let quality = last.map(|degree| degree.quality);
                let stays = *sound == Token::Rest
                    || *sound == Token::Hold && last.is_some_and(|chord| repose(chord, mode) > 0.0);
                closing && stays && self.permits(bar, &values, quality)
            });
            let chord =
                last.unwrap_or_else(|| self.draw_chord(bar, &values, Some(*sound), closing));
            values.push(chord_valence(chord.map(|degree| degree.quality)));
            self.push(Token::Chord(chord));
            self.push(*sound);
            self.push(Token::Duration(*ticks));
            events.push(GivenEvent {
                chord,
                sound: *sound,
                ticks: *ticks,
            });
        }
        Ok(events)
    }

    /// Whether a chord of `quality` may be taken now, in `bar` after events with the chord valences `values`.
    fn permits(&self, bar: usize, values: &[f64], quality: Option<Quality>) -> bool {
        let position = self.cursor.position();
        self.grammars[bar].permitted_chords(position, values)(quality)
    }

    /// Draws a chord; `next` is the sound that will stand above it, where that is given; `closing` says whether
    /// the piece comes to rest on it.
    fn draw_chord(
        &mut self,
        bar: usize,
        values: &[f64],
        next: Option<Token>,
        closing: bool,
    ) -> Option<Degree> {
        let mode = self.contexts[bar].mode;
        let rest = |chord: Option<Degree>| match chord {
            Some(chord) if closing => TONIC_WEIGHT * repose(chord, mode),
            _ => 0.0,
        };
        let position = self.cursor.position();
        let permits = self.grammars[bar].permitted_chords(position, values);
        let logs = log_probabilities(&self.logits);
        let mut scores: Vec<(u32, f64)> = Token::ids(Slot::Chord)
            .filter_map(|id| {
                let Some(Token::Chord(chord)) = Token::from_id(id) else {
                    return None;
                };
                let quality: Option<Quality> = chord.map(|degree| degree.quality);
                let preference = self.preference(bar, chord) + rest(chord);
                permits(quality).then(|| (id, logs[id as usize] + preference))
            })
            .collect();
        if let Some(sound) = next {
            self.weigh_by_next(&mut scores, sound);
        }
        let drawn = self.plan.sampling.draw(&scores, &mut self.rng);
        match drawn.and_then(Token::from_id) {
            Some(Token::Chord(chord)) => chord,
            _ => None,
        }
    }

    /// Adds to the likeliest chords how likely `sound` is above them, and drops the others.
    fn weigh_by_next(&self, scores: &mut Vec<(u32, f64)>, sound: Token) {
        scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        scores.truncate(CANDIDATES);
        let Some(sound) = sound.id() else { return };
        let inputs: Vec<Input> = scores.iter().map(|(id, _)| self.input(*id)).collect();
        let logits = self.model.peek(&self.state, &inputs);
        for ((_, score), logits) in scores.iter_mut().zip(logits) {
            *score += log_probabilities(&logits)[sound as usize];
        }
    }

    /// What the model would be fed with the token `id` next.
    fn input(&self, id: u32) -> Input {
        let token = Token::from_id(id).unwrap_or(Token::Pad);
        let (features, positions) = self.cursor.clone().feed(token, &self.contexts);
        Input {
            token: id,
            features,
            positions,
        }
    }

    /// How much the aims of `bar` favour `chord`, in nats.
    fn preference(&self, bar: usize, chord: Option<Degree>) -> f64 {
        let aim = self.plan.bars[bar].aim;
        let mut preference = 0.0;
        if let Some(valence) = aim.valence {
            // What earlier bars missed is made up for.
            let wanted = (valence + self.valence_owed.clamp(-1.0, 1.0)).clamp(-0.81, 0.87);
            let distance = chord_valence(chord.map(|degree| degree.quality)) - wanted;
            preference -= VALENCE_WEIGHT * distance * distance;
        }
        if let Some(wanted) = aim.tension {
            let distance = (self.tension)(chord) - wanted;
            preference -= TENSION_WEIGHT * distance * distance;
        }
        preference
    }

    /// Draws what sounds under `chord`. Silence or a tie after `before` (the event before it in this bar) needs a
    /// change of chord: else the two would be one event.
    fn draw_sound(&mut self, chord: Option<Degree>, before: Option<&GivenEvent>) -> Token {
        let same = before
            .filter(|before| before.chord == chord)
            .map(|before| before.sound);
        let scores: Vec<(u32, f64)> = Token::ids(Slot::Pitch)
            .filter(|id| match Token::from_id(*id) {
                Some(Token::Pitch(pitch)) => {
                    (self.plan.lowest..=self.plan.highest).contains(&pitch)
                }
                Some(Token::Hold) => self.cursor.sounding().is_some() && same.is_none(),
                Some(Token::Rest) => same != Some(Token::Rest),
                _ => false,
            })
            .map(|id| (id, f64::from(self.logits[id as usize])))
            .collect();
        let drawn = self.plan.sampling.draw(&scores, &mut self.rng);
        drawn.and_then(Token::from_id).unwrap_or(Token::Rest)
    }

    fn draw_duration(&mut self, bar: usize, values: &[f64]) -> i64 {
        let position = self.cursor.position();
        let grammar = &self.grammars[bar];
        let scores: Vec<(u32, f64)> = Token::ids(Slot::Duration)
            .filter(|id| {
                Token::from_id(*id).is_some_and(|token| grammar.permits(position, values, token))
            })
            .map(|id| (id, f64::from(self.logits[id as usize])))
            .collect();
        let drawn = self.plan.sampling.draw(&scores, &mut self.rng);
        match drawn.and_then(Token::from_id) {
            Some(Token::Duration(ticks)) => ticks,
            // The grammar has a way on from every position that it led to.
            _ => self.contexts[bar].length - position,
        }
    }

    fn settle(&mut self, bar: usize, events: &[GivenEvent]) {
        if let Some(aimed) = self.plan.bars[bar].aim.valence {
            let values: Vec<f64> = events
                .iter()
                .map(|event| chord_valence(event.chord.map(|degree| degree.quality)))
                .collect();
            self.valence_owed += aimed - median(&values);
        }
    }
}

/// Where the last note of a bar begins; the start of a bar in which none does.
fn last_note(melody: &[(Token, i64)]) -> usize {
    let mut sounds = melody.iter().map(|(sound, _)| sound);
    sounds
        .rposition(|sound| matches!(sound, Token::Pitch(_)))
        .unwrap_or(0)
}

/// How well music in `mode` comes to rest on `chord`: 1 on the tonic, major or minor, 0.5 on that of the relative key, 0 on
/// all else, and where a seventh or a fifth wants to go on.
fn repose(chord: Degree, mode: Mode) -> f64 {
    let major = matches!(
        chord.quality,
        Quality::Major | Quality::Major6 | Quality::Major7
    );
    let minor = matches!(
        chord.quality,
        Quality::Minor | Quality::Minor6 | Quality::Minor7
    );
    match (mode, chord.root) {
        (Mode::Major, 0) | (Mode::Minor, 9) if major || minor => 1.0,
        (Mode::Major, 9) if minor => 0.5,
        (Mode::Minor, 0) if major => 0.5,
        _ => 0.0,
    }
}

/// A repeated bar that began with a tie begins with silence where nothing sounds before it.
fn untie_first(events: &mut [GivenEvent], sounding: Option<u8>) {
    if let Some(first) = events.first_mut()
        && first.sound == Token::Hold
        && sounding.is_none()
    {
        first.sound = Token::Rest;
    }
}

fn chord_changes(events: &[GivenEvent]) -> Vec<(i64, Option<Degree>)> {
    let mut tick = 0;
    let mut changes: Vec<(i64, Option<Degree>)> = Vec::new();
    for event in events {
        if changes.last().map(|(_, chord)| *chord) != Some(event.chord) {
            changes.push((tick, event.chord));
        }
        tick += event.ticks;
    }
    changes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        plan::{ValenceWish, Wish, plan},
        statistics::Statistics,
        tokens::{METRES, spell, ticks_from_quarters},
        trigram::Trigram,
    };
    use affetto_attributes::ValenceClass;
    use affetto_core::Silent;
    use affetto_media::{Key, Metre, Tempo};

    fn wish(rng: &mut Rng) -> Wish {
        let (count, unit) = METRES[rng.below(METRES.len())];
        let keys: Vec<Key> = Key::all().collect();
        let bars = 4 + rng.below(13);
        let lowest = 40 + rng.below(30) as u8;
        Wish {
            bars,
            metre: Metre::new(count, unit).unwrap(),
            pickup: [0, 24][rng.below(2)],
            key: keys[rng.below(keys.len())],
            tempo: Tempo::from_bpm(90.0),
            range: (lowest, lowest + 10 + rng.below(10) as u8),
            valence: ValenceWish::Pinned(
                (0..bars).map(|_| ValenceClass::ALL[rng.below(5)]).collect(),
            ),
            density: Some((0..bars).map(|_| 0.25 + 1.5 * rng.uniform()).collect()),
            mean_density: 1.0,
            tension: None,
            style: None,
            form: None,
            sampling: Sampling::default(),
        }
    }

    /// With a model that knows nothing, every bar still closes exactly and keeps class, count and range.
    #[test]
    fn what_is_asked_is_kept_by_any_model() {
        let mut rng = Seed(11).rng();
        let model = Trigram::train(&[], 3);
        for round in 0..40 {
            let wish = wish(&mut rng);
            let (plan, transposition) = plan(&wish, &Statistics::default(), Seed(round));
            let sequence = generate(&model, &plan, &|_| 0.0, Seed(round), &Silent).unwrap();
            let score = sequence.decode(transposition, wish.tempo);
            let skip = usize::from(wish.pickup > 0);
            assert_eq!(score.bars.len(), wish.bars + skip);
            let ticks: i64 = sequence
                .tokens
                .iter()
                .map(|token| {
                    if let Token::Duration(ticks) = token {
                        *ticks
                    } else {
                        0
                    }
                })
                .sum();
            let bar = ticks_from_quarters(wish.metre.length()).unwrap();
            assert_eq!(ticks, bar * wish.bars as i64 + wish.pickup);
            let classes = affetto_attributes::valence::valence_classes(&score);
            assert_eq!(ValenceWish::Pinned(classes[skip..].to_vec()), wish.valence);
            let sung = &score.parts[0].notes;
            assert!(
                sung.iter()
                    .all(|note| (wish.range.0..=wish.range.1).contains(&note.pitch))
            );
        }
    }

    #[test]
    fn music_comes_to_rest_on_its_tonic() {
        let at_rest = |key: &str| -> Vec<String> {
            let key: Key = key.parse().unwrap();
            let chords = Token::ids(Slot::Chord).filter_map(|id| match Token::from_id(id) {
                Some(Token::Chord(chord)) => chord,
                _ => None,
            });
            let resting = chords.filter(|chord| repose(*chord, key.mode()) == 1.0);
            resting.map(|chord| spell(chord, key).to_string()).collect()
        };
        assert_eq!(at_rest("D major").join(" "), "D Dm Dmaj7 Dm7 D6 Dm6");
        assert_eq!(at_rest("G minor").join(" "), "G Gm Gmaj7 Gm7 G6 Gm6");
    }

    #[test]
    fn the_same_seed_gives_the_same_tokens() {
        let wish = wish(&mut Seed(3).rng());
        let model = Trigram::train(&[], 3);
        let (plan, _) = plan(&wish, &Statistics::default(), Seed(1));
        let write = |seed| generate(&model, &plan, &|_| 0.0, Seed(seed), &Silent).unwrap();
        assert_eq!(write(1), write(1));
        assert_ne!(write(1), write(2));
    }

    #[test]
    fn a_repeated_bar_is_the_same_bar() {
        let mut wish = wish(&mut Seed(3).rng());
        wish.bars = 16;
        wish.valence = ValenceWish::Mean(0.2);
        wish.density = None;
        wish.pickup = 0;
        wish.form = Some("AABA".parse().unwrap());
        let (plan, _) = plan(&wish, &Statistics::default(), Seed(1));
        let sequence =
            generate(&Trigram::train(&[], 3), &plan, &|_| 0.0, Seed(1), &Silent).unwrap();
        let bar = |at: usize| sequence.bars_only(at..at + 1).tokens;
        let kept = (0..2).filter(|at| plan.bars[4 + at].given == Given::Repeat(*at));
        for at in kept {
            let (first, second) = (bar(at), bar(at + 4));
            assert_eq!(first[3..], second[3..]);
        }
    }
}
