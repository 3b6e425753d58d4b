//! JSON read without forgiving: what serde would drop in silence is an error.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Number, Value};

use crate::{Error, nearest};

/// A JSON value whose objects name no field twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> de::Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number is not finite"))?;
        Ok(number.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((field, Strict(value))) = fields.next_entry::<String, Strict>()? {
            if map.contains_key(&field) {
                return Err(de::Error::custom(format!(
                    "the field {field:?} is there twice"
                )));
            }
            map.insert(field, value);
        }
        Ok(map.into())
    }
}

/// The value of a JSON text.
pub(crate) fn value(text: &str) -> Result<Value, Error> {
    let strict: Result<Strict, _> = serde_json::from_str(text);
    let Strict(value) = strict.map_err(|source| Error::Json { source })?;
    Ok(value)
}

/// `value` as a `T`, its unknown fields named with the nearest known ones. Fields that begin with
/// `x-` are private to the writer and left out.
pub(crate) fn typed<T: de::DeserializeOwned>(mut value: Value, known: &[&str]) -> Result<T, Error> {
    if let Value::Object(fields) = &mut value {
        fields.retain(|field, _| !field.starts_with("x-"));
        if let Some(field) = fields.keys().find(|field| !known.contains(&field.as_str())) {
            return Err(unknown_field(field, known));
        }
    }
    serde_json::from_value(value).map_err(|source| Error::Json { source })
}

pub(crate) fn unknown_field(field: &str, known: &[&str]) -> Error {
    let near = nearest::nearest(field, known.iter().copied());
    let all = || known.iter().map(ToString::to_string).collect();
    Error::UnknownField {
        field: field.chars().take(64).collect(),
        known: if near.is_empty() { all() } else { near },
    }
}
