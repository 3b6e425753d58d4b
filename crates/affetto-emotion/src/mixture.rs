use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Error, Label, Taxonomy, Vad, maps, vad::in_range, words};

/// Emotion labels with weights above 0 that sum to 1, sorted by label.
///
/// The labels may belong to several taxonomies: `joy:0.7,mikels/awe:0.3` weighs two words, and a
/// word that two taxonomies share is two labels here. [`Mixture::image`] brings all of them into
/// one taxonomy. In JSON a mixture is an object of words and weights, or the text form.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    parts: Vec<(Label, f64)>,
}

/// What a mixture is in one taxonomy.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// The part that has an image, normalised.
    pub mixture: Mixture,
    /// The weight of that part in the original, in (0, 1]; below 1 something was lost.
    pub mapped: f64,
}

impl Mixture {
    /// Weights of any positive sum, normalised; equal labels are added, weights of 0 dropped.
    ///
    /// A negative or infinite weight is an error, and so is a mixture with nothing in it.
    pub fn new(parts: impl IntoIterator<Item = (Label, f64)>) -> Result<Self, Error> {
        let mut sums = BTreeMap::new();
        for (label, weight) in parts {
            let what = || format!("the weight of {label}");
            let weight = in_range(&what(), weight, 0.0, LARGEST_WEIGHT)?;
            *sums.entry(label).or_insert(0.0) += weight;
        }
        sums.retain(|_, weight| *weight > 0.0);
        let total: f64 = sums.values().sum();
        if total <= 0.0 {
            return Err(Error::EmptyMixture);
        }
        Ok(Self::normalised(sums, total))
    }

    /// Weights that already sum to 1 within rounding stay as they are, so that a mixture that was
    /// written and read is the same to the last digit.
    fn normalised(sums: BTreeMap<Label, f64>, total: f64) -> Self {
        let scale = if (total - 1.0).abs() < 1e-9 {
            1.0
        } else {
            total
        };
        let parts = sums
            .into_iter()
            .map(|(label, weight)| (label, weight / scale));
        Self {
            parts: parts.filter(|(_, weight)| *weight > 0.0).collect(),
        }
    }

    /// One label and nothing else.
    pub fn pure(label: Label) -> Self {
        Self {
            parts: vec![(label, 1.0)],
        }
    }

    /// Reads `joy:0.7,awe:0.3`; a label without a weight weighs 1. The weights are normalised
    /// (see [`crate::Emotion::parse`], where a sum below 1 is an intensity).
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::new(parse_parts(text)?)
    }

    /// A mixture from the fields of a JSON object, where a label stands once.
    pub(crate) fn from_words(
        words: impl IntoIterator<Item = (String, f64)>,
    ) -> Result<Self, Error> {
        let mut parts = BTreeMap::new();
        for (word, weight) in words {
            let label = Label::parse(&word)?;
            if parts.insert(label, weight).is_some() {
                return Err(Error::NamedTwice { label: label.id() });
            }
        }
        Self::new(parts)
    }

    /// Labels and weights, sorted by label.
    pub fn parts(&self) -> &[(Label, f64)] {
        &self.parts
    }

    /// The weight of one label, 0 when it is absent.
    pub fn weight(&self, label: Label) -> f64 {
        let found = self.parts.iter().find(|(other, _)| *other == label);
        found.map_or(0.0, |(_, weight)| *weight)
    }

    /// The label with the largest weight, the first of equal ones.
    pub fn strongest(&self) -> Label {
        let mut best = self.parts[0];
        for part in &self.parts[1..] {
            if part.1 > best.1 {
                best = *part;
            }
        }
        best.0
    }

    /// The expected point: the weighted mean of the labels' anchors.
    pub fn vad(&self) -> Vad {
        let points = self.parts.iter();
        Vad::weighted_mean(points.map(|(label, weight)| (label.vad(), *weight)))
    }

    /// The weights in the order of the taxonomy's labels, summing to 1: a soft label.
    ///
    /// Labels of other taxonomies must have an image there.
    pub fn soft_label(&self, taxonomy: Taxonomy) -> Option<Vec<f64>> {
        let image = self
            .image(taxonomy)
            .filter(|image| image.mapped > 1.0 - 1e-9)?;
        let mut weights = vec![0.0; taxonomy.labels().len()];
        for (label, weight) in image.mixture.parts {
            weights[label.index()] += weight;
        }
        Some(weights)
    }

    /// The same emotion in another taxonomy, nothing when no part of it exists there.
    ///
    /// ```
    /// use affetto_emotion::{Mixture, Taxonomy};
    ///
    /// let mixture = Mixture::parse("gratitude:0.6, anticipation:0.4").unwrap();
    /// let image = mixture.image(Taxonomy::Ekman).unwrap();
    /// assert_eq!(image.mixture, Mixture::parse("joy").unwrap());
    /// assert_eq!(image.mapped, 0.6); // anticipation is none of Ekman's
    /// ```
    pub fn image(&self, taxonomy: Taxonomy) -> Option<Image> {
        let mut mapped = 0.0;
        let mut parts = Vec::new();
        for &(label, weight) in &self.parts {
            if let Some(image) = maps::image(label, taxonomy) {
                mapped += weight;
                parts.extend(
                    image
                        .into_iter()
                        .map(|(label, share)| (label, share * weight)),
                );
            }
        }
        let mixture = Self::new(parts).ok()?;
        Some(Image { mixture, mapped })
    }

    /// From this mixture (`share` 0) to the other (`share` 1), label by label.
    pub fn blend(&self, other: &Self, share: f64) -> Self {
        let share = if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        };
        let here = self
            .parts
            .iter()
            .map(|(label, weight)| (*label, weight * (1.0 - share)));
        let there = other
            .parts
            .iter()
            .map(|(label, weight)| (*label, weight * share));
        // Two mixtures of positive weights never make an empty one.
        Self::new(here.chain(there)).unwrap_or_else(|_| self.clone())
    }
}

impl Label {
    /// What this label is in another taxonomy, nothing where any part of it does not exist there.
    pub fn image(self, taxonomy: Taxonomy) -> Option<Mixture> {
        Mixture::new(maps::image(self, taxonomy)?).ok()
    }
}

/// No weight is larger than this, so that no sum of weights overflows.
const LARGEST_WEIGHT: f64 = 1e6;

/// The most labels in one text, more than all taxonomies have together.
const MOST_PARTS: usize = 1000;

/// The labels and weights of `joy:0.7,awe:0.3`, as written.
pub(crate) fn parse_parts(text: &str) -> Result<Vec<(Label, f64)>, Error> {
    let parts: Vec<&str> = text.split(',').take(MOST_PARTS + 1).collect();
    if text.trim().is_empty() {
        return Err(Error::EmptyMixture);
    }
    in_range(
        "the number of labels",
        parts.len() as f64,
        1.0,
        MOST_PARTS as f64,
    )?;
    parts.into_iter().map(parse_part).collect()
}

fn parse_part(part: &str) -> Result<(Label, f64), Error> {
    let Some((word, number)) = part.split_once(':') else {
        return Ok((Label::parse(part)?, 1.0));
    };
    let label = Label::parse(word)?;
    let syntax = |_| Error::Weight {
        label: label.name(),
        text: words::excerpt(number),
    };
    let weight = number.trim().parse().map_err(syntax)?;
    let what = format!("the weight of {label}");
    Ok((label, in_range(&what, weight, 0.0, LARGEST_WEIGHT)?))
}

impl fmt::Display for Mixture {
    /// `ekman/joy:0.7,mikels/awe:0.3`, which [`Mixture::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (label, weight)) in self.parts.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}:{weight}", label.id())?;
        }
        Ok(())
    }
}

impl FromStr for Mixture {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl From<Label> for Mixture {
    fn from(label: Label) -> Self {
        Self::pure(label)
    }
}

impl Serialize for Mixture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.parts
                .iter()
                .map(|(label, weight)| (label.id(), weight)),
        )
    }
}

impl<'de> Deserialize<'de> for Mixture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MixtureVisitor)
    }
}

struct MixtureVisitor;

impl<'de> de::Visitor<'de> for MixtureVisitor {
    type Value = Mixture;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of labels and weights, or a text such as joy:0.7,awe:0.3")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Mixture, E> {
        Mixture::parse(text).map_err(|error| E::custom(error.with_hint()))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Mixture, A::Error> {
        let mut words: Vec<(String, f64)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            words.push(entry);
            if words.len() > MOST_PARTS {
                return Err(de::Error::invalid_length(words.len(), &self));
            }
        }
        Mixture::from_words(words).map_err(|error| de::Error::custom(error.with_hint()))
    }
}

impl JsonSchema for Mixture {
    fn schema_name() -> Cow<'static, str> {
        "Mixture".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Emotion labels and weights, normalised to sum to 1",
            "anyOf": [
                { "type": "object", "minProperties": 1,
                  "additionalProperties": { "type": "number", "minimum": 0 } },
                { "type": "string", "examples": ["joy:0.7,awe:0.3"] },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsed_by_hand() {
        let mixture = Mixture::parse(" Joy : 3, mikels/awe:1 ").unwrap();
        let parts: Vec<_> = mixture.parts().iter().map(|(l, w)| (l.id(), *w)).collect();
        assert_eq!(
            parts,
            [("ekman/joy".into(), 0.75), ("mikels/awe".into(), 0.25)]
        );
        assert_eq!(mixture.strongest().name(), "joy");
        assert_eq!(mixture.to_string(), "ekman/joy:0.75,mikels/awe:0.25");
    }

    #[test]
    fn equal_labels_are_added() {
        let mixture = Mixture::parse("joy:0.25,joyful:0.25,joy:0.5").unwrap();
        assert_eq!(mixture.weight(Label::parse("joy").unwrap()), 0.75);
        assert_eq!(mixture.weight(Label::parse("pad151/joyful").unwrap()), 0.25);
    }

    #[test]
    fn what_is_not_a_mixture() {
        for text in [
            "", " ", "joy:", "joy:x", "joy:-1", "joy:NaN", "joy:inf", "joy:0", "joy,,awe", "joyy",
            ":1",
        ] {
            assert!(Mixture::parse(text).is_err(), "{text:?}");
        }
        let many = "joy,".repeat(100_000);
        assert!(Mixture::parse(&many).is_err());
    }

    /// The mean of Joyful (0.76, 0.48, 0.35) and Sad (-0.63, -0.27, -0.33).
    #[test]
    fn expected_point_by_hand() {
        let vad = Mixture::parse("joy:0.5,sadness:0.5").unwrap().vad();
        assert!(vad.distance(Vad::new(0.065, 0.105, 0.01).unwrap()) < 1e-12);
    }

    #[test]
    fn soft_label_in_the_order_of_the_taxonomy() {
        let mixture = Mixture::parse("goemotions/gratitude:0.5,plutchik/despair:0.5").unwrap();
        let soft = mixture.soft_label(Taxonomy::Ekman).unwrap();
        assert_eq!(soft, [0.0, 0.0, 0.25, 0.5, 0.25, 0.0]);
        let lossy = Mixture::parse("joy,anticipation").unwrap();
        assert_eq!(lossy.soft_label(Taxonomy::Ekman), None);
    }

    #[test]
    fn blending_ends_at_both_ends() {
        let a = Mixture::parse("joy:0.7,awe:0.3").unwrap();
        let b = Mixture::parse("fear").unwrap();
        assert_eq!(a.blend(&b, 0.0), a);
        assert_eq!(a.blend(&b, 1.0), b);
        let halfway = a.blend(&b, 0.5);
        assert_eq!(halfway.weight(Label::parse("fear").unwrap()), 0.5);
    }

    #[test]
    fn json_round_trip() {
        let mixture = Mixture::parse("joy:0.1,awe:0.2,parrott/joy.zest.thrill:0.3").unwrap();
        let json = serde_json::to_string(&mixture).unwrap();
        assert_eq!(serde_json::from_str::<Mixture>(&json).unwrap(), mixture);
        let text = format!("{:?}", mixture.to_string());
        assert_eq!(serde_json::from_str::<Mixture>(&text).unwrap(), mixture);
        assert!(serde_json::from_str::<Mixture>(r#"{"joy": 1, "Joy": 1}"#).is_err());
        assert!(serde_json::from_str::<Mixture>("{}").is_err());
        assert!(serde_json::from_str::<Mixture>("3").is_err());
    }
}
