//! What a continuation is chosen by.

use affetto_attributes::{Critic, RunMarks};
use affetto_media::PitchClass;

use super::{
    ending::at_rest,
    generate::Written,
    grid::GridPiece,
    profile::{Quantiles, Ranks},
};

/// How much it counts, in nats, that all asked attributes lie where they should.
const HIT_WEIGHT: f64 = 12.0;
/// The same for a nat of the critic's odds.
const CRITIC_WEIGHT: f64 = 0.3;
/// How much a mark of a passage of the training music counts against it, in nats.
const COPY_WEIGHT: f64 = 3.0;
/// The same that the end of a piece is at rest.
const REST_WEIGHT: f64 = 6.0;
/// The same for a nat of mean likelihood of the tokens, where there is no critic: what is likeliest is more even than music.
const LIKELIHOOD_WEIGHT: f64 = 1.0;

/// What is known of the music that the network learned from.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What lies between low and high.
    pub quantiles: &'a Quantiles,
    /// Tells music from what the network writes.
    pub critic: Option<&'a Critic>,
    /// Knows its passages again.
    pub marks: Option<&'a RunMarks>,
}

impl Known<'_> {
    /// How well `values`, the attributes of a piece or of its beginning, do what is asked, in nats. Of a whole piece what
    /// counts is on which side of the middle they lie; of a beginning, how surely.
    pub fn as_asked(&self, asked: &Ranks, values: &[Option<f64>], whole: bool) -> f64 {
        let found = self.quantiles.ranks(values);
        let hit = match whole {
            true => asked.levels().share_hit(&found.levels()),
            false => asked.sureness(&found),
        };
        HIT_WEIGHT * hit
    }

    /// How new the top line of `piece` is, in nats: 0 where no passage of it is known.
    pub fn as_new(&self, piece: &GridPiece) -> f64 {
        let known = self.marks.map_or(0, |marks| marks.count(&piece.top_line()));
        -COPY_WEIGHT * known as f64
    }

    /// How well what is written might be music, in nats. What the critic hears of it is made where there is one.
    pub fn like_music(&self, written: &Written, heard: impl FnOnce() -> Vec<f64>) -> f64 {
        match self.critic {
            Some(critic) => CRITIC_WEIGHT * libm::log(critic.odds_of(&heard())),
            None => LIKELIHOOD_WEIGHT * written.log_likelihood(),
        }
    }
}

/// How well the end of a whole `piece` is one, in a key on `tonic`, in nats.
pub fn as_ended(piece: &GridPiece, tonic: PitchClass) -> f64 {
    REST_WEIGHT * at_rest(piece, tonic)
}

#[cfg(test)]
mod tests {
    use affetto_attributes::CopyIndex;
    use proptest::prelude::*;

    use super::*;
    use crate::piano::{evaluate::COPIED_RUN, grid::testing::any_piece};

    proptest! {
        /// A piece that is long enough to be a passage is not new to its own marks, whatever the key.
        #[test]
        fn a_piece_is_known_again(piece in any_piece()) {
            let line = piece.top_line();
            let marks = RunMarks::new([&line]);
            let quantiles = Quantiles::between(&[]);
            let known = Known { quantiles: &quantiles, critic: None, marks: Some(&marks) };
            let is_passage = CopyIndex::new([&line]).longest_run(&line) >= COPIED_RUN;
            prop_assert_eq!(known.as_new(&piece) < 0.0, is_passage);
            let open = Known { marks: None, ..known };
            prop_assert_eq!(open.as_new(&piece), 0.0);
        }
    }
}
