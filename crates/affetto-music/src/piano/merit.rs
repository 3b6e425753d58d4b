//! What a continuation is chosen by.

use affetto_attributes::Critic;

use super::{
    critic::heard,
    generate::Written,
    grid::GridPiece,
    profile::{Quantiles, Ranks},
};

fn w(name: &str, or: f64) -> f64 {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(or)
}

/// What is known of the music that the network learned from.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What lies between low and high.
    pub quantiles: &'a Quantiles,
    /// Tells music from what the network writes.
    pub critic: Option<&'a Critic>,
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
        w("AFF_HIT", 12.0) * hit + w("AFF_NEAR", 0.0) * asked.nearness(&found)
    }

    /// How well what is written might be music, in nats: `piece` is that in the key that the network writes in.
    pub fn like_music(&self, piece: &GridPiece, written: &Written) -> f64 {
        let odds = self
            .critic
            .map_or(1.0, |critic| critic.odds_of(&heard(piece)));
        w("AFF_CRIT", 1.0) * libm::log(odds) + w("AFF_LL", 1.0) * written.log_likelihood()
    }
}
