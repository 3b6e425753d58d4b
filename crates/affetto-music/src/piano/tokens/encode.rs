use super::{Signature, Token, vocabulary::bar_positions};
use crate::piano::grid::{GridBar, GridNote, GridPiece};

/// Why music and tokens could not be turned into each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// A word that the vocabulary lacks.
    #[error("{text:?} is no token")]
    Unknown {
        /// The word.
        text: String,
    },
    /// A bar whose metre the vocabulary lacks.
    #[error("the vocabulary has no metre {metre} (bar {bar})")]
    Metre {
        /// Its metre.
        metre: affetto_media::Metre,
        /// Its number, from 1.
        bar: usize,
    },
    /// A pitch that the vocabulary lacks.
    #[error("the vocabulary has no pitch {pitch} (bar {bar})")]
    Pitch {
        /// The MIDI number.
        pitch: u8,
        /// The number of its bar, from 1.
        bar: usize,
    },
    /// A note past the end of its bar, or notes out of order.
    #[error("notes out of order, or past the end (bar {bar})")]
    Order {
        /// The number of the bar, from 1.
        bar: usize,
    },
    /// A token where it may not stand.
    #[error("{token} may not stand at place {place}")]
    Grammar {
        /// Its name.
        token: String,
        /// How many tokens stand before it.
        place: usize,
    },
}

/// The tokens of a piece, without beginning and end.
///
/// # Errors
/// Where a bar has a metre or a pitch that the vocabulary lacks, or breaks the rules of [`GridBar`].
pub fn encode(piece: &GridPiece) -> Result<Vec<Token>, TokenError> {
    let mut tokens = Vec::new();
    for (index, bar) in piece.bars.iter().enumerate() {
        encode_bar(bar, index + 1, &mut tokens)?;
    }
    Ok(tokens)
}

fn encode_bar(bar: &GridBar, number: usize, tokens: &mut Vec<Token>) -> Result<(), TokenError> {
    let signature = Signature::of(bar.metre).ok_or(TokenError::Metre {
        metre: bar.metre,
        bar: number,
    })?;
    tokens.extend([Token::Signature(signature), Token::Tempo(bar.tempo)]);
    if !bar.is_in_order() {
        return Err(TokenError::Order { bar: number });
    }
    let mut position = None;
    for note in &bar.notes {
        if position != Some(note.position) {
            position = Some(note.position);
            tokens.extend([Token::Position(note.position), Token::Program(0)]);
        }
        let pitch = Token::Pitch(note.pitch);
        if pitch.id().is_none() {
            return Err(TokenError::Pitch {
                pitch: note.pitch,
                bar: number,
            });
        }
        tokens.extend([
            pitch,
            Token::Duration(note.length),
            Token::Velocity(note.velocity),
        ]);
    }
    tokens.push(Token::BarEnd);
    Ok(())
}

/// The piece that whole bars of tokens stand for; beginning and end are passed over. Notes of both programs, and
/// of pitches in any order, are taken for one piano's: of two on one key at one position the longer stays.
///
/// # Errors
/// The first token that may not stand where it does.
pub fn decode(tokens: &[Token]) -> Result<GridPiece, TokenError> {
    let mut reader = Reader::default();
    for (place, token) in tokens.iter().enumerate() {
        if matches!(token, Token::Bos | Token::Eos | Token::Pad) {
            continue;
        }
        reader.take(*token).ok_or_else(|| TokenError::Grammar {
            token: token.to_string(),
            place,
        })?;
    }
    if matches!(reader.expected, Expected::Signature) {
        return Ok(GridPiece { bars: reader.bars });
    }
    Err(TokenError::Grammar {
        token: Token::Eos.to_string(),
        place: tokens.len(),
    })
}

/// What was read last decides what may come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Expected {
    #[default]
    Signature,
    Tempo(Signature),
    /// A position after this one, or the end of the bar.
    Position(Option<u8>),
    Program(u8),
    Pitch(u8),
    Length(u8, u8),
    Velocity(u8, u8, super::Length),
    /// A pitch, a program, a later position or the end of the bar.
    Any(u8),
}

#[derive(Default)]
struct Reader {
    bars: Vec<GridBar>,
    expected: Expected,
}

impl Reader {
    /// Nothing where `token` may not come.
    fn take(&mut self, token: Token) -> Option<()> {
        use Expected as E;
        self.expected = match (self.expected, token) {
            (E::Signature, Token::Signature(signature)) => E::Tempo(signature),
            (E::Tempo(signature), Token::Tempo(tempo)) => {
                self.bars.push(GridBar {
                    metre: signature.metre(),
                    tempo,
                    notes: Vec::new(),
                });
                E::Position(None)
            }
            (E::Position(last), Token::Position(position)) => self.begin(last, position)?,
            (E::Any(last), Token::Position(position)) => self.begin(Some(last), position)?,
            (E::Position(_) | E::Any(_), Token::BarEnd) => self.end()?,
            (E::Program(position) | E::Any(position), Token::Program(_)) => E::Pitch(position),
            (E::Pitch(position) | E::Any(position), Token::Pitch(pitch)) => {
                E::Length(position, pitch)
            }
            (E::Length(position, pitch), Token::Duration(length)) => {
                E::Velocity(position, pitch, length)
            }
            (E::Velocity(position, pitch, length), Token::Velocity(velocity)) => {
                self.bars.last_mut()?.notes.push(GridNote {
                    position,
                    pitch,
                    length,
                    velocity,
                });
                E::Any(position)
            }
            _ => return None,
        };
        Some(())
    }

    fn begin(&self, last: Option<u8>, position: u8) -> Option<Expected> {
        let length = bar_positions(self.bars.last()?.metre)?;
        let fits = i64::from(position) < length && last.is_none_or(|last| last < position);
        fits.then_some(Expected::Program(position))
    }

    fn end(&mut self) -> Option<Expected> {
        self.bars.last_mut()?.put_in_order();
        Some(Expected::Signature)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_media::Metre;
    use proptest::prelude::*;

    use super::*;
    use crate::piano::{
        grid::testing::any_piece,
        tokens::{Length, TempoStep, VelocityStep},
    };

    fn words(tokens: &[Token]) -> String {
        let words: Vec<String> = tokens.iter().map(Token::to_string).collect();
        words.join(" ")
    }

    fn tokens(words: &str) -> Vec<Token> {
        words
            .split_whitespace()
            .map(|word| word.parse().unwrap())
            .collect()
    }

    /// A bar of 3/4 at 120 (step 35): C4 and E4 for a quarter at the beginning, G4 for half a quarter on the third
    /// beat, all at velocity 80; then an empty bar.
    #[test]
    fn two_bars_by_hand() {
        let note = |position, pitch, positions| GridNote {
            position,
            pitch,
            length: Length::within(positions),
            velocity: VelocityStep::of(80),
        };
        let bar = |notes| GridBar {
            metre: Metre::new(3, 4).unwrap(),
            tempo: TempoStep::of_bpm(120.0),
            notes,
        };
        let piece = GridPiece {
            bars: vec![
                bar(vec![note(0, 64, 12), note(0, 60, 12), note(24, 67, 6)]),
                bar(vec![]),
            ],
        };
        let expected = "s-8 t-35 o-0 i-0 p-64 d-12 v-20 p-60 d-12 v-20 o-24 i-0 p-67 d-6 v-20 b-1 s-8 t-35 b-1";
        assert_eq!(words(&encode(&piece).unwrap()), expected);
        assert_eq!(decode(&tokens(expected)).unwrap(), piece);
    }

    #[test]
    fn what_the_grammar_forbids_is_named() {
        for (sequence, place) in [
            ("t-35", 0),
            ("s-9 o-0", 1),
            ("s-9 t-35 p-60", 2),
            ("s-9 t-35 o-0 p-60", 3),
            ("s-9 t-35 o-48", 2), // 4/4 has positions 0 to 47
            ("s-9 t-35 o-12 i-0 p-60 d-1 v-9 o-12", 7),
            ("s-9 t-35 o-12 i-0 b-1", 4),
            ("s-9 t-35 b-1 b-1", 3),
            ("s-9 t-35", 2),
        ] {
            let error = decode(&tokens(sequence)).unwrap_err();
            assert!(
                matches!(error, TokenError::Grammar { place: found, .. } if found == place),
                "{sequence}: {error}"
            );
        }
    }

    #[test]
    fn two_programs_are_one_piano() {
        let both = "s-9 t-35 o-0 i-0 p-60 d-3 v-9 i-1 p-72 d-3 v-9 p-60 d-12 v-9 b-1";
        let one = "s-9 t-35 o-0 i-0 p-72 d-3 v-9 p-60 d-12 v-9 b-1";
        assert_eq!(
            words(&encode(&decode(&tokens(both)).unwrap()).unwrap()),
            one
        );
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(piece in any_piece()) {
            let tokens = encode(&piece).unwrap();
            prop_assert_eq!(decode(&tokens).unwrap(), piece);
        }
    }
}
