//! Numbers of JSON to the last digit. serde_json's own reading may differ in the last place from what was written.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// Identity modes or landmarks are at most so many.
const LONGEST_LIST: usize = 1000;

struct Exact(f64);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let number: f64 = text.get().parse().map_err(|_| {
            let text: String = text.get().chars().take(40).collect();
            de::Error::custom(format!("{text} is not a number"))
        })?;
        match number.is_finite() {
            true => Ok(Self(number)),
            false => Err(de::Error::custom("a number is not finite")),
        }
    }
}

struct Pair([f64; 2]);

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        array(deserializer).map(Self)
    }
}

pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Exact::deserialize(deserializer).map(|Exact(number)| number)
}

pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    number(deserializer).map(Some)
}

pub(super) fn array<'de, D, const N: usize>(deserializer: D) -> Result<[f64; N], D::Error>
where
    D: Deserializer<'de>,
{
    let numbers: Vec<Exact> = deserializer.deserialize_seq(AtMost(N, PhantomData))?;
    let numbers: Vec<f64> = numbers.into_iter().map(|Exact(number)| number).collect();
    let found = numbers.len();
    let array = numbers.try_into();
    array.map_err(|_| de::Error::custom(format!("{found} numbers, not {N}")))
}

pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let numbers: Vec<Exact> = deserializer.deserialize_seq(AtMost(LONGEST_LIST, PhantomData))?;
    Ok(numbers.into_iter().map(|Exact(number)| number).collect())
}

pub(super) fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<[f64; 2]>, D::Error> {
    let pairs: Vec<Pair> = deserializer.deserialize_seq(AtMost(LONGEST_LIST, PhantomData))?;
    Ok(pairs.into_iter().map(|Pair(pair)| pair).collect())
}

/// A list of at most so many items.
struct AtMost<T>(usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for AtMost<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {}", self.0)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() == self.0 {
                return Err(de::Error::custom(format!("a list of more than {}", self.0)));
            }
            list.push(item);
        }
        Ok(list)
    }
}
