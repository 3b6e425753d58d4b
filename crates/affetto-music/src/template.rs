//! What the bars of the training songs are like, without a note: plans are drawn from them, so that a piece has
//! phrases, and valence and density come back, as they do in songs.

use affetto_attributes::{DensityClass, ValenceClass};
use affetto_core::Rng;
use affetto_media::{Metre, Mode};
use serde::{Deserialize, Serialize};

use crate::{
    statistics::{CLASS_MIDDLES, valence_place},
    tokens::{Group, Sequence, Style},
};

/// The bars of one song: the paper conditions on such templates too (section A.9 of the research notes).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The mode.
    pub mode: Mode,
    /// The metre.
    pub metre: Metre,
    /// The style, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// The full bars; a pick-up is left out.
    #[serde(with = "text")]
    pub bars: Vec<TemplateBar>,
}

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateBar {
    /// Its place in the phrase.
    pub group: Group,
    /// Its valence class.
    pub valence: ValenceClass,
    /// Its density class.
    pub density: DensityClass,
}

/// What a template is looked for by.
#[derive(Clone, Copy, Debug)]
pub struct TemplateWish {
    /// Full bars.
    pub bars: usize,
    /// The mode; no other is taken.
    pub mode: Mode,
    /// The metre.
    pub metre: Metre,
    /// The style.
    pub style: Option<Style>,
    /// The mean valence, as chords have it; any without.
    pub valence: Option<f64>,
    /// The mean of the density classes, 0..=2; any without.
    pub density: Option<f64>,
}

/// Longer songs are no templates.
const LONGEST: usize = 64;
/// How much a wish that is not met weighs, beside a density class too much or too little: valence per unit, another
/// metre, another style, a song that is cut or begun again.
const VALENCE: f64 = 2.5;
const OTHER_METRE: f64 = 0.4;
const OTHER_STYLE: f64 = 0.3;
const CUT: f64 = 0.15;
/// Drawn of each template's fitness: the larger, the more different pieces there are of one request.
const CHANCE: f64 = 0.3;

impl Template {
    /// The template of a song whose bars have their measured classes.
    pub fn of(sequence: &Sequence) -> Option<Self> {
        let full = sequence
            .bars
            .iter()
            .filter(|bar| bar.group != Group::Pickup);
        let bars: Vec<TemplateBar> = full
            .clone()
            .map(|bar| {
                Some(TemplateBar {
                    group: bar.group,
                    valence: bar.valence?,
                    density: bar.density?,
                })
            })
            .collect::<Option<_>>()?;
        let first = full.clone().next()?;
        let usable = bars.len() <= LONGEST && full.clone().all(|bar| bar.metre == first.metre);
        usable.then_some(Self {
            mode: first.mode,
            metre: first.metre,
            style: first.style,
            bars,
        })
    }

    /// `bars` of its bars: from its beginning, or the end where it is longer, and from its beginning again where it
    /// is shorter. The last phrase ends.
    fn fitted(&self, bars: usize) -> Vec<TemplateBar> {
        let skipped = self.bars.len().saturating_sub(bars);
        // A beginning of a phrase is better to begin with than the middle of one.
        let start = (0..=skipped)
            .rev()
            .find(|at| self.bars[*at].group == Group::Start1)
            .unwrap_or(0);
        let mut fitted: Vec<TemplateBar> = self.bars[start..]
            .iter()
            .chain(self.bars.iter().cycle())
            .copied()
            .take(bars)
            .collect();
        for (bar, group) in fitted.iter_mut().rev().zip([Group::End2, Group::End1]) {
            if bar.group != Group::Start1 {
                bar.group = group;
            }
        }
        fitted
    }

    fn misfit(&self, wish: &TemplateWish, fitted: &[TemplateBar]) -> f64 {
        let off = |asked: Option<f64>, mean: f64| asked.map_or(0.0, |asked| (asked - mean).abs());
        let mean = |value: fn(&TemplateBar) -> f64| {
            fitted.iter().map(value).sum::<f64>() / fitted.len().max(1) as f64
        };
        let penalty = |wrong: bool, cost: f64| if wrong { cost } else { 0.0 };
        VALENCE
            * off(
                wish.valence,
                mean(|bar| CLASS_MIDDLES[valence_place(bar.valence)]),
            )
            + off(wish.density, mean(|bar| f64::from(bar.density.number())))
            + penalty(self.metre != wish.metre, OTHER_METRE)
            + penalty(
                wish.style.is_some() && wish.style != self.style,
                OTHER_STYLE,
            )
            + penalty(self.bars.len() != wish.bars, CUT)
    }
}

/// The bars of the template that fits best, by chance among those that fit nearly as well.
pub fn draw(
    templates: &[Template],
    wish: &TemplateWish,
    rng: &mut Rng,
) -> Option<Vec<TemplateBar>> {
    let of_mode = templates
        .iter()
        .filter(|template| template.mode == wish.mode);
    of_mode
        .map(|template| {
            let fitted = template.fitted(wish.bars);
            (
                template.misfit(wish, &fitted) + CHANCE * rng.uniform(),
                fitted,
            )
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, fitted)| fitted)
}

/// Three letters a bar: place in the phrase, valence (0 to 4), density (0 to 2).
mod text {
    use serde::{Deserializer, Serializer, de::Error as _};

    use super::*;

    const GROUPS: [char; 5] = ['-', 's', 't', 'd', 'e'];

    pub(super) fn serialize<S: Serializer>(
        bars: &[TemplateBar],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text: String = bars
            .iter()
            .flat_map(|bar| {
                let group = Group::ALL.iter().position(|group| *group == bar.group);
                let digit = |value: u8| char::from(b'0' + value);
                [
                    group.and_then(|at| GROUPS.get(at)).copied().unwrap_or('-'),
                    digit((bar.valence.number() + 2) as u8),
                    digit(bar.density.number()),
                ]
            })
            .collect();
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<TemplateBar>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let letters: Vec<char> = text.chars().collect();
        letters
            .chunks(3)
            .map(|letters| {
                bar(letters).ok_or_else(|| D::Error::custom(format!("no bar: {letters:?}")))
            })
            .collect()
    }

    fn bar(letters: &[char]) -> Option<TemplateBar> {
        let [group, valence, density] = letters else {
            return None;
        };
        let place = |letter: &char| letter.to_digit(10).map(|digit| digit as usize);
        Some(TemplateBar {
            group: Group::ALL[GROUPS.iter().position(|known| known == group)?],
            valence: *ValenceClass::ALL.get(place(valence)?)?,
            density: *DensityClass::ALL.get(place(density)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_core::Seed;

    use super::*;

    fn template(text: &str) -> Template {
        let json = format!(r#"{{"mode":"major","metre":"4/4","bars":"{text}"}}"#);
        serde_json::from_str(&json).unwrap()
    }

    fn wish(bars: usize) -> TemplateWish {
        TemplateWish {
            bars,
            mode: Mode::Major,
            metre: Metre::COMMON,
            style: None,
            valence: None,
            density: None,
        }
    }

    #[test]
    fn text_gives_the_same_template_back() {
        let template = template("s40t21d22e00");
        let json = serde_json::to_string(&template).unwrap();
        assert!(json.contains("s40t21d22e00"), "{json}");
        assert_eq!(serde_json::from_str::<Template>(&json).unwrap(), template);
        let broken = json.replace("s40", "s50");
        assert!(serde_json::from_str::<Template>(&broken).is_err());
    }

    #[test]
    fn a_longer_song_is_taken_from_a_phrase_on_and_a_shorter_one_begins_again() {
        let template = template("s40t40d40e40s31t31d31e31");
        let valences = |bars: usize| -> Vec<i8> {
            template
                .fitted(bars)
                .iter()
                .map(|bar| bar.valence.number())
                .collect()
        };
        assert_eq!(valences(4), [1; 4]);
        assert_eq!(valences(5)[..4], [2; 4]);
        assert_eq!(valences(10)[8..], [2, 2]);
        let last = template.fitted(7)[5..]
            .iter()
            .map(|bar| bar.group)
            .collect::<Vec<_>>();
        assert_eq!(last, [Group::End1, Group::End2]);
    }

    #[test]
    fn what_fits_best_is_drawn() {
        let templates = [template("s00t00d00e00"), template("s40t40d40e40")];
        let mut rng = Seed(1).rng();
        for (valence, class) in [(-0.8, -2), (0.8, 2)] {
            let wish = TemplateWish {
                valence: Some(valence),
                ..wish(4)
            };
            let bars = draw(&templates, &wish, &mut rng).unwrap();
            assert!(bars.iter().all(|bar| bar.valence.number() == class));
        }
        let minor = TemplateWish {
            mode: Mode::Minor,
            ..wish(4)
        };
        assert_eq!(draw(&templates, &minor, &mut rng), None);
    }
}
