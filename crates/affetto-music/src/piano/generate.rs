//! Tokens drawn one after the other, several pieces at once, each within the rules.

use affetto_core::{Progress, Rng, Seed, Stage};
use affetto_nn::sample::Sampling;
use rayon::prelude::*;

use super::{
    levels::Levels,
    model::{Decoder, Fed, State},
    rules::Rules,
    tokens::{Cursor, FEATURE_COLUMNS, Plan, Token, is_forced},
};
use crate::Error;

/// Tokens after which threads share anew the pieces that are still written: some end their bars before others.
const ROUND: usize = 16;
/// Bars after which continuations are chosen from, at least, or one less before a last bar that is chosen for itself.
pub const STRETCH: usize = 4;
/// How many times as many continuations a last bar is chosen from in which the piece ends: it is short, and few come to
/// rest.
const ENDINGS: usize = 3;

/// What is written.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    /// The bars, given ones first.
    pub plan: &'a Plan,
    /// The tokens of the bars that are given.
    pub given: &'a [Token],
    /// What holds for the bars that are written.
    pub rules: &'a Rules,
    /// What is asked of each bar; the last holds for all that follow.
    pub levels: &'a [Levels],
    /// How strongly that pulls: 1 as learned, above that beyond it (Ho & Salimans, "Classifier-Free Diffusion Guidance",
    /// 2022, equation 6, with their w + 1).
    pub guidance: f64,
    /// How freely tokens are drawn.
    pub sampling: Sampling,
}

/// A piece that was written, or its beginning.
#[derive(Clone, Debug)]
pub struct Written {
    /// The tokens of all bars, given ones too, with those that follow from others.
    pub tokens: Vec<Token>,
    /// The sum of the log-likelihoods of the tokens drawn, and how many they are.
    sum: f64,
    drawn: usize,
    reader: Reader,
}

impl Written {
    /// How many bars are complete.
    pub const fn bars(&self) -> usize {
        self.reader.cursor.bar()
    }

    /// The mean log-likelihood, in nats, of the tokens drawn.
    pub fn log_likelihood(&self) -> f64 {
        self.sum / self.drawn.max(1) as f64
    }
}

/// How a piece is searched for.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// How many continuations of each stretch are written, of which one is gone on from.
    pub candidates: usize,
    /// Whether the last bar is chosen for itself, as the one in which the piece ends.
    pub ends: bool,
    /// What they are drawn from.
    pub seed: Seed,
}

/// How well what is written so far does what is asked; where the bars of the plan are complete, how well the piece does.
pub type Merit<'a> = dyn Fn(&Written) -> Result<f64, Error> + Sync + 'a;

/// Writes one piece, a stretch of a few bars at a time: of several continuations the one of most `merit` is gone on from.
/// A piece that is chosen so is nearer to what is asked than the best of as many whole ones, which differ less the longer
/// they are. The state of the network is all that it knows of the past, so that going on anew costs nothing.
///
/// # Errors
/// [`Error::Cancelled`] soon after `progress` says so, and those of `merit`.
pub fn write(
    network: &Decoder,
    task: &Task<'_>,
    search: Search,
    merit: &Merit<'_>,
    progress: &dyn Progress,
) -> Result<Written, Error> {
    let mut reader = Reader::new(network, task)?;
    for token in task.given {
        reader.read(network, *token, task)?;
    }
    let bars = task.plan.bars.len();
    let mut best = Written {
        tokens: task.given.to_vec(),
        sum: 0.0,
        drawn: 0,
        reader,
    };
    for until in search.stretches(best.bars(), bars) {
        let candidates = match search.ends && until == bars {
            true if search.candidates > 1 => ENDINGS * search.candidates,
            _ => search.candidates.max(1),
        };
        let begin = |at: usize| Writer {
            rng: search.seed.derive(&format!("to bar {until}, {at}")).rng(),
            written: best.clone(),
        };
        let mut writers: Vec<Writer> = (0..candidates).map(begin).collect();
        write_until(network, task, &mut writers, until, progress)?;
        if writers.len() > 1 {
            let merits: Vec<f64> = writers
                .par_iter()
                .map(|writer| merit(&writer.written))
                .collect::<Result<_, _>>()?;
            let first_best = (0..merits.len())
                .rev()
                .max_by(|one, other| merits[*one].total_cmp(&merits[*other]));
            writers.swap(0, first_best.unwrap_or(0));
        }
        best = writers.swap_remove(0).written;
    }
    Ok(best)
}

impl Search {
    /// The bars before which continuations are chosen from; the last is `end`.
    fn stretches(&self, begin: usize, end: usize) -> Vec<usize> {
        if self.candidates <= 1 {
            return vec![end];
        }
        let ends = self.ends && end - begin > 1;
        let until = end - usize::from(ends);
        let count = ((end - begin) / STRETCH).max(1);
        let place = |at: usize| begin + (until - begin) * at / count;
        (1..=count).map(place).chain(ends.then_some(end)).collect()
    }
}

/// The mean log-likelihood, in nats, of `tokens`, were they to follow what was written. `task` has their bars too.
///
/// # Errors
/// Where an id is outside its vocabulary.
pub fn log_likelihood_after(
    network: &Decoder,
    task: &Task<'_>,
    written: &Written,
    tokens: &[Token],
) -> Result<f64, Error> {
    let mut reader = written.reader.clone();
    let (mut sum, mut count) = (0.0, 0);
    for token in tokens {
        if !is_forced(*token) {
            let all = vec![true; reader.scores_told.len()];
            let id = token.id().unwrap_or(0) as usize;
            sum += reader.log_likelihood(id, &all);
            count += 1;
        }
        reader.read(network, *token, task)?;
    }
    Ok(sum / f64::from(count.max(1)))
}

/// Every thread writes its share of the pieces side by side, so that it reads the weights once for all of them.
fn write_until(
    network: &Decoder,
    task: &Task<'_>,
    writers: &mut [Writer],
    until: usize,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let bars = task.plan.bars.len();
    loop {
        let done = writers.iter().map(|writer| writer.written.bars()).min();
        progress.step(Stage::Generate, done.unwrap_or(until), bars);
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let mut active: Vec<&mut Writer> = writers
            .iter_mut()
            .filter(|writer| writer.written.bars() < until)
            .collect();
        if active.is_empty() {
            return Ok(());
        }
        let share = active.len().div_ceil(rayon::current_num_threads());
        active
            .par_chunks_mut(share)
            .try_for_each(|writers| write_together(network, task, writers, until))?;
    }
}

/// Writes at most [`ROUND`] tokens of each piece.
fn write_together(
    network: &Decoder,
    task: &Task<'_>,
    writers: &mut [&mut Writer],
    until: usize,
) -> Result<(), Error> {
    for _ in 0..ROUND {
        let mut readers = Vec::new();
        for writer in writers.iter_mut() {
            if writer.written.bars() < until {
                writer.draw(network, task);
                readers.push(&mut writer.written.reader);
            }
        }
        if readers.is_empty() {
            break;
        }
        step(network, &mut readers)?;
    }
    Ok(())
}

/// Reads a sequence and knows what the network expects next.
#[derive(Clone, Debug)]
struct Reader {
    cursor: Cursor,
    told: State,
    /// The same without attributes, where guidance needs it.
    open: Option<State>,
    levels: Levels,
    /// The token to be fed next with what is known beside it.
    next: (u32, [u32; FEATURE_COLUMNS]),
    scores_told: Vec<f32>,
    scores_open: Vec<f32>,
}

impl Reader {
    /// At the beginning of a sequence.
    fn new(network: &Decoder, task: &Task<'_>) -> Result<Self, Error> {
        let levels = task.levels.first().copied().unwrap_or(Levels::OPEN);
        let asked = task.levels.iter().any(|levels| *levels != Levels::OPEN);
        let guided = asked && task.guidance != 1.0;
        let mut reader = Self {
            cursor: Cursor::default(),
            told: network.start(&levels),
            open: guided.then(|| network.start(&Levels::OPEN)),
            levels,
            next: (0, [0; FEATURE_COLUMNS]),
            scores_told: Vec::new(),
            scores_open: Vec::new(),
        };
        reader.take(network, Token::Bos, task);
        step(network, &mut [&mut reader])?;
        Ok(reader)
    }

    /// Takes a token in, to be fed with the next step.
    fn take(&mut self, network: &Decoder, token: Token, task: &Task<'_>) {
        self.cursor.feed(token, task.plan);
        let levels = task.levels.get(self.cursor.bar()).or(task.levels.last());
        if let Some(levels) = levels.filter(|levels| **levels != self.levels) {
            self.levels = *levels;
            network.ask(&mut self.told, levels);
        }
        self.next = (token.id().unwrap_or(0), self.cursor.features(task.plan));
    }

    /// Reads one token of a given sequence.
    fn read(&mut self, network: &Decoder, token: Token, task: &Task<'_>) -> Result<(), Error> {
        if is_forced(token) && !network.config().forced_tokens() {
            self.cursor.feed(token, task.plan);
            return Ok(());
        }
        self.take(network, token, task);
        step(network, &mut [self])
    }

    /// An unnormalised log-probability of a next token.
    fn score(&self, id: usize, guidance: f64) -> f64 {
        let told = f64::from(self.scores_told[id]);
        match self.open {
            // What normalises either is the same for all tokens.
            Some(_) => {
                let open = f64::from(self.scores_open[id]);
                open + guidance * (told - open)
            }
            None => told,
        }
    }

    /// The log-likelihood of a token, told what is asked, among those with a `mask`.
    fn log_likelihood(&self, id: usize, mask: &[bool]) -> f64 {
        let most = self.scores_told.iter().copied().fold(f32::MIN, f32::max);
        let permitted = self.scores_told.iter().zip(mask).filter(|(_, may)| **may);
        let sum: f64 = permitted
            .map(|(score, _)| libm::exp(f64::from(*score) - f64::from(most)))
            .sum();
        f64::from(self.scores_told[id]) - f64::from(most) - libm::log(sum)
    }
}

/// Feeds the next token of each reader.
fn step(network: &Decoder, readers: &mut [&mut Reader]) -> Result<(), Error> {
    let next: Vec<(u32, [u32; FEATURE_COLUMNS])> =
        readers.iter().map(|reader| reader.next).collect();
    let columns = network.config().feature_columns();
    let (mut states, mut fed): (Vec<&mut State>, Vec<Fed>) = Default::default();
    for (reader, (token, features)) in readers.iter_mut().zip(&next) {
        let input = Fed {
            token: *token,
            features: &features[..columns],
        };
        states.push(&mut reader.told);
        fed.push(input);
        if let Some(open) = &mut reader.open {
            states.push(open);
            fed.push(input);
        }
    }
    let scores = network.step_all(&mut states, &fed)?;
    let mut rows = scores.chunks_exact(network.config().tokens);
    for reader in readers {
        reader.scores_told = rows.next().unwrap_or_default().to_vec();
        if reader.open.is_some() {
            reader.scores_open = rows.next().unwrap_or_default().to_vec();
        }
    }
    Ok(())
}

/// Writes one piece.
struct Writer {
    rng: Rng,
    written: Written,
}

impl Writer {
    /// Takes the next token that the network is to be fed: one that follows from others, or one that is drawn.
    fn draw(&mut self, network: &Decoder, task: &Task<'_>) {
        let written = &mut self.written;
        while let Some(forced) = written.reader.cursor.forced(task.plan) {
            written.tokens.push(forced);
            if network.config().forced_tokens() {
                return written.reader.take(network, forced, task);
            }
            written.reader.cursor.feed(forced, task.plan);
        }
        let mask = task.rules.mask(&written.reader.cursor, task.plan);
        let permitted = (0..mask.len()).filter(|id| mask[*id]);
        let may: Vec<(u32, f64)> = permitted
            .map(|id| (id as u32, written.reader.score(id, task.guidance)))
            .collect();
        let drawn = task.sampling.draw(&may, &mut self.rng);
        let token = drawn.and_then(Token::from_id).unwrap_or(Token::BarEnd);
        written.sum += drawn.map_or(0.0, |id| written.reader.log_likelihood(id as usize, &mask));
        written.drawn += 1;
        written.tokens.push(token);
        written.reader.take(network, token, task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_in_which_a_piece_ends_is_chosen_for_itself() {
        let search = |candidates, ends| Search {
            candidates,
            ends,
            seed: Seed(0),
        };
        let stretches = |begin, end, ends| search(2, ends).stretches(begin, end);
        assert_eq!(stretches(0, 16, true), [3, 7, 11, 15, 16]);
        assert_eq!(stretches(0, 16, false), [4, 8, 12, 16]);
        assert_eq!(stretches(5, 9, true), [8, 9]);
        assert_eq!(stretches(3, 5, true), [4, 5]);
        assert_eq!(stretches(4, 5, true), [5]);
        assert_eq!(search(1, true).stretches(0, 16), [16]);
    }
}
