//! Plutchik, *Emotion: A Psychoevolutionary Synthesis* (1980): the wheel.

use std::sync::LazyLock;

/// The eight petals, each as mild, basic and intense emotion, clockwise from joy.
const PETALS: [[&str; 3]; 8] = [
    ["serenity", "joy", "ecstasy"],
    ["acceptance", "trust", "admiration"],
    ["apprehension", "fear", "terror"],
    ["distraction", "surprise", "amazement"],
    ["pensiveness", "sadness", "grief"],
    ["boredom", "disgust", "loathing"],
    ["annoyance", "anger", "rage"],
    ["interest", "anticipation", "vigilance"],
];

/// What two basic emotions make together: eight neighbours, eight one apart, eight two apart.
#[rustfmt::skip]
const DYADS: [(&str, [&str; 2]); 24] = [
    ("love", ["joy", "trust"]),
    ("submission", ["trust", "fear"]),
    ("awe", ["fear", "surprise"]),
    ("disapproval", ["surprise", "sadness"]),
    ("remorse", ["sadness", "disgust"]),
    ("contempt", ["disgust", "anger"]),
    ("aggressiveness", ["anger", "anticipation"]),
    ("optimism", ["anticipation", "joy"]),

    ("guilt", ["joy", "fear"]),
    ("curiosity", ["trust", "surprise"]),
    ("despair", ["fear", "sadness"]),
    ("unbelief", ["surprise", "disgust"]),
    ("envy", ["sadness", "anger"]),
    ("cynicism", ["disgust", "anticipation"]),
    ("pride", ["anger", "joy"]),
    ("hope", ["anticipation", "trust"]),

    ("delight", ["joy", "surprise"]),
    ("sentimentality", ["trust", "sadness"]),
    ("shame", ["fear", "disgust"]),
    ("outrage", ["surprise", "anger"]),
    ("pessimism", ["sadness", "anticipation"]),
    ("morbidness", ["disgust", "joy"]),
    ("dominance", ["anger", "trust"]),
    ("anxiety", ["anticipation", "fear"]),
];

/// The basic emotions, then the mild, then the intense ones, then the dyads.
pub(crate) static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let level = |level: usize| PETALS.iter().map(move |petal| petal[level]);
    let dyads = DYADS.iter().map(|(name, _)| *name);
    level(1)
        .chain(level(0))
        .chain(level(2))
        .chain(dyads)
        .collect()
});

/// The basic emotions that a word of the wheel consists of; none for a basic emotion.
pub(crate) fn parts(name: &str) -> Vec<&'static str> {
    let petal = PETALS
        .iter()
        .find(|petal| petal[0] == name || petal[2] == name);
    let dyad = DYADS.iter().find(|(dyad, _)| *dyad == name);
    match (petal, dyad) {
        (Some(petal), _) => vec![petal[1]],
        (None, Some((_, parts))) => parts.to_vec(),
        (None, None) => Vec::new(),
    }
}

/// The emotion across the wheel from a basic one.
pub(crate) fn opposite(name: &str) -> Option<&'static str> {
    let index = PETALS.iter().position(|petal| petal[1] == name)?;
    Some(PETALS[(index + 4) % PETALS.len()][1])
}

/// 0 mild, 1 basic, 2 intense; none for a dyad.
pub(crate) fn intensity(name: &str) -> Option<usize> {
    let level = |petal: &[&str; 3]| petal.iter().position(|word| *word == name);
    PETALS.iter().find_map(level)
}

/// The dyad of two basic emotions, in either order.
pub(crate) fn dyad(first: &str, second: &str) -> Option<&'static str> {
    let made_of =
        |(_, parts): &&(&str, [&str; 2])| *parts == [first, second] || *parts == [second, first];
    DYADS.iter().find(made_of).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposites_are_across_the_wheel() {
        for (a, b) in [
            ("joy", "sadness"),
            ("trust", "disgust"),
            ("fear", "anger"),
            ("surprise", "anticipation"),
        ] {
            assert_eq!(opposite(a), Some(b));
            assert_eq!(opposite(b), Some(a));
        }
    }

    /// Every pair of basic emotions that are not opposites makes exactly one dyad.
    #[test]
    fn dyads_cover_every_pair_but_opposites() {
        for a in PETALS {
            for b in PETALS {
                let opposite_or_same = a == b || opposite(a[1]) == Some(b[1]);
                assert_eq!(dyad(a[1], b[1]).is_none(), opposite_or_same);
            }
        }
    }
}
