//! What a label of one taxonomy is in another.
//!
//! A label's image is, in this order: the label of the same word there; for a quadrant of Russell
//! the share of the label's Gaussian that lies in it; the images of the labels it consists of
//! (below), each with its weight. A label has no image when any part of it has none. So
//! anticipation, sarcasm and nostalgia have no Ekman image, awe none among LEIA's five, neutral no
//! quadrant, and a quadrant, which holds many emotions, no image anywhere.

use crate::{Label, Taxonomy, anchors, anchors::PadTerm, parrott, plutchik};

/// The image of `label`, weights summing to 1, or nothing where it has none.
pub(crate) fn image(label: Label, target: Taxonomy) -> Option<Vec<(Label, f64)>> {
    if label.taxonomy() == target {
        return Some(vec![(label, 1.0)]);
    }
    if target == Taxonomy::Russell {
        return quadrants(label);
    }
    if label.taxonomy() == Taxonomy::Russell {
        return None;
    }
    let same_word = target.find(label.name());
    same_word.map_or_else(
        || image_of_parts(label, target),
        |same| Some(vec![(same, 1.0)]),
    )
}

fn image_of_parts(label: Label, target: Taxonomy) -> Option<Vec<(Label, f64)>> {
    let parts = parts(label);
    let share = 1.0 / parts.len() as f64;
    let images: Option<Vec<_>> = parts.into_iter().map(|part| image(part, target)).collect();
    let images = images.filter(|images| !images.is_empty())?;
    let weighted = images.into_iter().flatten();
    Some(
        weighted
            .map(|(label, weight)| (label, weight * share))
            .collect(),
    )
}

/// The more general labels that `label` consists of, in equal shares; none for a basic one.
fn parts(label: Label) -> Vec<Label> {
    let name = label.name();
    match label.taxonomy() {
        Taxonomy::Parrott => parrott_parts(label),
        Taxonomy::Plutchik => match plutchik::parts(name).as_slice() {
            [] => ekman(WHEEL_TO_EKMAN, name),
            parts => parts
                .iter()
                .filter_map(|part| Taxonomy::Plutchik.exact(part))
                .collect(),
        },
        Taxonomy::GoEmotions => ekman(GO_EMOTIONS_TO_EKMAN, name),
        Taxonomy::SemEval | Taxonomy::Xed => ekman(WHEEL_TO_EKMAN, name),
        Taxonomy::Mikels
        | Taxonomy::Mead
        | Taxonomy::Leia
        | Taxonomy::Common
        | Taxonomy::Audio2Face => ekman(OTHERS_TO_EKMAN, name),
        Taxonomy::Ekman
        | Taxonomy::Brighter
        | Taxonomy::Cmet
        | Taxonomy::Pad151
        | Taxonomy::Russell => Vec::new(),
    }
}

/// The word above; love is Ekman's joy, and disgust, which Parrott has below anger, is Ekman's.
fn parrott_parts(label: Label) -> Vec<Label> {
    let above = parrott::NODES[label.index()].parent;
    match (label.name(), above) {
        ("love", None) => ekman(WHEEL_TO_EKMAN, "love"),
        ("disgust", _) => Taxonomy::Ekman.exact("disgust").into_iter().collect(),
        (_, Some(above)) => vec![Label::at(Taxonomy::Parrott, above)],
        (name, None) => Taxonomy::Ekman.exact(name).into_iter().collect(),
    }
}

type ToEkman = &'static [(&'static str, &'static [&'static str])];

fn ekman(table: ToEkman, name: &str) -> Vec<Label> {
    let row = table.iter().find(|(word, _)| *word == name);
    let basics = row.map_or(&[][..], |(_, basics)| *basics);
    let label = |word: &&str| Taxonomy::Ekman.exact(word);
    basics.iter().filter_map(label).collect()
}

/// Plutchik's eight and SemEval's eleven. Anticipation is none of Ekman's.
#[rustfmt::skip]
const WHEEL_TO_EKMAN: ToEkman = &[
    ("joy", &["joy"]), ("trust", &["joy"]), ("love", &["joy"]), ("optimism", &["joy"]),
    ("fear", &["fear"]), ("surprise", &["surprise"]), ("disgust", &["disgust"]),
    ("anger", &["anger"]), ("sadness", &["sadness"]), ("pessimism", &["sadness"]),
];

/// `ekman_mapping.json` of GoEmotions (Demszky et al., 2020), whole.
#[rustfmt::skip]
const GO_EMOTIONS_TO_EKMAN: ToEkman = &[
    ("anger", &["anger"]), ("annoyance", &["anger"]), ("disapproval", &["anger"]),
    ("disgust", &["disgust"]),
    ("fear", &["fear"]), ("nervousness", &["fear"]),
    ("joy", &["joy"]), ("amusement", &["joy"]), ("approval", &["joy"]), ("excitement", &["joy"]),
    ("gratitude", &["joy"]), ("love", &["joy"]), ("optimism", &["joy"]), ("relief", &["joy"]),
    ("pride", &["joy"]), ("admiration", &["joy"]), ("desire", &["joy"]), ("caring", &["joy"]),
    ("sadness", &["sadness"]), ("disappointment", &["sadness"]), ("embarrassment", &["sadness"]),
    ("grief", &["sadness"]), ("remorse", &["sadness"]),
    ("surprise", &["surprise"]), ("realization", &["surprise"]), ("confusion", &["surprise"]),
    ("curiosity", &["surprise"]),
];

/// EmoSet and Mikels, MEAD, LEIA, the smaller sets and Audio2Face-3D. Out of breath, pain,
/// cheekiness, sarcasm, nostalgia, calm, tension and the words of briefs are none of Ekman's.
#[rustfmt::skip]
const OTHERS_TO_EKMAN: ToEkman = &[
    ("amusement", &["joy"]), ("awe", &["surprise", "fear"]), ("contentment", &["joy"]),
    ("excitement", &["joy"]), ("contempt", &["disgust"]), ("affection", &["joy"]),
    ("respect", &["joy"]), ("hatred", &["disgust", "anger"]), ("wonder", &["surprise"]),
    ("worried", &["fear"]), ("bittersweet", &["joy", "sadness"]),
    ("amazement", &["surprise"]), ("grief", &["sadness"]),
];

/// The share of the Gaussian of the label's anchor in each quadrant, dropped below a hundredth.
///
/// A sign alone would decide for disapproval (arousal 0.03) and grief (-0.04), which lie on an
/// edge, and would call surprise pleasant outright.
fn quadrants(label: Label) -> Option<Vec<(Label, f64)>> {
    let terms = anchors::terms(label.name());
    let spread = |axis: usize| {
        let sum: f64 = terms.iter().map(|term| term.sd[axis]).sum();
        sum / terms.len() as f64
    };
    if terms.is_empty() {
        return None;
    }
    let [valence, arousal, _] = label.vad().to_array();
    let (pleasant, awake) = (
        above_zero(valence, spread(0)),
        above_zero(arousal, spread(1)),
    );
    let shares = [
        pleasant * awake,
        (1.0 - pleasant) * awake,
        (1.0 - pleasant) * (1.0 - awake),
        pleasant * (1.0 - awake),
    ];
    let kept: f64 = shares.into_iter().filter(|share| *share >= 0.01).sum();
    let labelled = Taxonomy::Russell.iter().zip(shares);
    let kept_only = labelled.filter(|(_, share)| *share >= 0.01);
    Some(
        kept_only
            .map(|(label, share)| (label, share / kept))
            .collect(),
    )
}

/// The probability that a normal variable is above 0.
///
/// Phi by Abramowitz & Stegun 26.2.17, absolute error below 7.5e-8.
fn above_zero(mean: f64, sd: f64) -> f64 {
    let x = (mean / sd).abs();
    let t = 1.0 / (1.0 + 0.231_641_9 * x);
    let coefficients = [
        1.330274429,
        -1.821255978,
        1.781477937,
        -0.356563782,
        0.319381530,
    ];
    let polynomial = coefficients.iter().fold(0.0, |sum, c| (sum + c) * t);
    let tail = libm::exp(-x * x / 2.0) / std::f64::consts::TAU.sqrt() * polynomial;
    if mean >= 0.0 { 1.0 - tail } else { tail }
}

/// The terms of Russell & Mehrabian strictly inside a quadrant (0 for Q1).
pub(crate) fn terms_of_quadrant(quadrant: usize) -> Vec<&'static PadTerm> {
    let inside = |term: &&PadTerm| {
        let [valence, arousal, _] = term.mean.to_array();
        match quadrant {
            0 => valence > 0.0 && arousal > 0.0,
            1 => valence < 0.0 && arousal > 0.0,
            2 => valence < 0.0 && arousal < 0.0,
            _ => valence > 0.0 && arousal < 0.0,
        }
    };
    anchors::PAD_TERMS.iter().filter(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image_of(id: &str, target: Taxonomy) -> Option<Vec<(&'static str, f64)>> {
        let image = image(Label::parse(id).unwrap(), target)?;
        Some(
            image
                .into_iter()
                .map(|(label, weight)| (label.name(), weight))
                .collect(),
        )
    }

    #[test]
    fn what_has_no_ekman_image() {
        for id in [
            "plutchik/anticipation",
            "plutchik/vigilance",
            "plutchik/aggressiveness",
            "xed/anticipation",
            "semeval/anticipation",
            "cmet/sarcastic",
            "common/sarcasm",
            "common/nostalgia",
            "audio2face/outofbreath",
            "goemotions/neutral",
            "russell/q1",
        ] {
            assert_eq!(image_of(id, Taxonomy::Ekman), None, "{id}");
        }
    }

    #[test]
    fn ekman_images_by_hand() {
        for (id, wanted) in [
            ("goemotions/curiosity", vec![("surprise", 1.0)]),
            ("plutchik/love", vec![("joy", 0.5), ("joy", 0.5)]),
            ("plutchik/despair", vec![("fear", 0.5), ("sadness", 0.5)]),
            ("mikels/awe", vec![("surprise", 0.5), ("fear", 0.5)]),
            ("mead/contempt", vec![("disgust", 1.0)]),
            ("common/hatred", vec![("disgust", 0.5), ("anger", 0.5)]),
            ("parrott/anger.disgust.contempt", vec![("disgust", 1.0)]),
            ("parrott/love.longing.longing", vec![("joy", 1.0)]),
            ("pad151/joyful", vec![("joy", 1.0)]),
        ] {
            assert_eq!(image_of(id, Taxonomy::Ekman), Some(wanted), "{id}");
        }
    }

    #[test]
    fn a_part_without_image_leaves_none() {
        assert_eq!(image_of("mikels/awe", Taxonomy::Leia), None);
        assert_eq!(image_of("parrott/anger.disgust", Taxonomy::Leia), None);
    }

    #[test]
    fn a_mild_emotion_finds_its_basic_one() {
        let wanted = Some(vec![("anticipation", 1.0)]);
        assert_eq!(image_of("plutchik/vigilance", Taxonomy::Xed), wanted);
    }

    #[test]
    fn edges_and_ambiguity_keep_both_quadrants() {
        let share = |id: &str, quadrant: &str| {
            let image = image_of(id, Taxonomy::Russell).unwrap();
            image
                .iter()
                .find(|(name, _)| *name == quadrant)
                .map_or(0.0, |(_, share)| *share)
        };
        assert!(share("surprise", "q1") > 0.8 && share("surprise", "q2") > 0.05);
        assert!(share("disapproval", "q2") > 0.4 && share("disapproval", "q3") > 0.4);
        assert!(share("goemotions/grief", "q2") > 0.4 && share("goemotions/grief", "q3") > 0.4);
        assert!(share("joy", "q1") > 0.9);
        assert_eq!(image_of("neutral", Taxonomy::Russell), None);
    }

    /// Phi(1) = 0.841345.
    #[test]
    fn normal_probability() {
        assert!((above_zero(1.0, 1.0) - 0.841_345).abs() < 1e-6);
        assert!((above_zero(-2.0, 2.0) - 0.158_655).abs() < 1e-6);
        assert!((above_zero(0.0, 1.0) - 0.5).abs() < 1e-7);
    }

    #[test]
    fn weights_of_every_image_sum_to_one() {
        for label in Label::all() {
            for target in Taxonomy::ALL {
                if let Some(image) = image(label, target) {
                    let sum: f64 = image.iter().map(|(_, weight)| weight).sum();
                    assert!((sum - 1.0).abs() < 1e-9, "{} in {target}", label.id());
                    assert!(image.iter().all(|(label, _)| label.taxonomy() == target));
                }
            }
        }
    }

    /// Every GoEmotions label but neutral has the one image that the official file gives it.
    #[test]
    fn go_emotions_all_but_neutral_have_an_image() {
        for label in Taxonomy::GoEmotions.iter() {
            let image = image(label, Taxonomy::Ekman);
            assert_eq!(image.is_none(), label.name() == "neutral", "{label}");
        }
    }
}
