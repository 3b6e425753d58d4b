use std::{fmt, str::FromStr};

use affetto_core::sha256_hex;

use crate::Error;

/// The most shards of a batch.
pub(crate) const MOST_SHARDS: usize = 10_000;

/// One of several machines that share a batch.
///
/// Which shard an item belongs to follows from its id alone, so that another item moves no other.
///
/// ```
/// use affetto_batch::Shard;
///
/// let shard: Shard = "3/16".parse().unwrap();
/// assert_eq!((shard.number(), shard.count()), (3, 16));
/// let owners = (1..=16).filter(|n| Shard::new(*n, 16).unwrap().holds("town_day"));
/// assert_eq!(owners.count(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    count: usize,
}

impl Shard {
    /// Shard `number`, from 1, of `count`; nothing where there is no such shard.
    pub fn new(number: usize, count: usize) -> Option<Self> {
        let is_one = (1..=count).contains(&number) && count <= MOST_SHARDS;
        is_one.then_some(Self { number, count })
    }

    /// From 1.
    pub const fn number(self) -> usize {
        self.number
    }

    /// How many there are.
    pub const fn count(self) -> usize {
        self.count
    }

    /// Whether the item called `id` is made here.
    pub fn holds(self, id: &str) -> bool {
        Self::of(id, self.count) == self.number
    }

    /// The number, from 1, of the shard among `count` that makes `id`.
    pub(crate) fn of(id: &str, count: usize) -> usize {
        let digest = sha256_hex(id.as_bytes());
        let head = u64::from_str_radix(&digest[..16], 16).unwrap_or(0);
        (head % count.max(1) as u64) as usize + 1
    }

    /// The name of a file of a shard, `journal.3-of-16.jsonl`; without its part where all are one.
    pub(crate) fn name_of(shard: Option<Self>, name: &str, extension: &str) -> String {
        match shard {
            Some(Self { number, count }) => format!("{name}.{number}-of-{count}{extension}"),
            None => format!("{name}{extension}"),
        }
    }

    /// The shard of a task of a Slurm array, a Kubernetes Indexed Job or an AWS Batch array, by the variables that they
    /// set; nothing where there are none.
    ///
    /// - Slurm: `SLURM_ARRAY_TASK_ID`, `_MIN`, `_COUNT`, `_STEP`
    /// - Kubernetes: `JOB_COMPLETION_INDEX`, from 0; it does not say how many, so `AFFETTO_SHARDS` must
    /// - AWS Batch: `AWS_BATCH_JOB_ARRAY_INDEX`, from 0, and `AWS_BATCH_JOB_ARRAY_SIZE`
    ///
    /// # Errors
    ///
    /// [`Error::Shard`] where they are set to what cannot be.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Error> {
        let number = |name: &str| -> Result<Option<usize>, Error> {
            let Some(text) = variable(name).filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            let parsed = text.parse().map(Some);
            parsed.map_err(|_| Error::Shard {
                text: format!("{name}={text}"),
            })
        };
        let shard = |name: &str, index: usize, count: usize| {
            let made = index.checked_add(1).and_then(|at| Self::new(at, count));
            made.map(Some).ok_or_else(|| Error::Shard {
                text: format!("{name}={index} of {count}"),
            })
        };
        if let Some(task) = number("SLURM_ARRAY_TASK_ID")? {
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            let count = number("SLURM_ARRAY_TASK_COUNT")?.unwrap_or(1);
            return shard(
                "SLURM_ARRAY_TASK_ID",
                task.saturating_sub(first) / step,
                count,
            );
        }
        if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            let count = number("AFFETTO_SHARDS")?.ok_or_else(|| Error::Shard {
                text: format!("JOB_COMPLETION_INDEX={index} without AFFETTO_SHARDS"),
            })?;
            return shard("JOB_COMPLETION_INDEX", index, count);
        }
        match (
            number("AWS_BATCH_JOB_ARRAY_INDEX")?,
            number("AWS_BATCH_JOB_ARRAY_SIZE")?,
        ) {
            (Some(index), Some(count)) => shard("AWS_BATCH_JOB_ARRAY_INDEX", index, count),
            _ => Ok(None),
        }
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text.split_once('/').and_then(|(number, count)| {
            Self::new(number.trim().parse().ok()?, count.trim().parse().ok()?)
        });
        parsed.ok_or_else(|| Error::Shard { text: text.into() })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    fn found(pairs: &[(&str, &str)]) -> Result<Option<Shard>, Error> {
        let variables: BTreeMap<&str, &str> = pairs.iter().copied().collect();
        Shard::from_environment(|name| variables.get(name).map(|text| (*text).to_owned()))
    }

    #[test]
    fn shards_are_counted_from_one() {
        for text in ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/99999", "", "/"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("4/4".parse::<Shard>().unwrap().to_string(), "4/4");
    }

    #[test]
    fn every_id_has_one_shard_and_shards_are_of_like_size() {
        let mut sizes = [0; 7];
        for number in 0..7_000 {
            let id = format!("item{number}");
            let holders: Vec<usize> = (1..=7)
                .filter(|at| Shard::new(*at, 7).unwrap().holds(&id))
                .collect();
            assert_eq!(holders.len(), 1);
            sizes[holders[0] - 1] += 1;
        }
        assert!(
            sizes.iter().all(|size| (850..1150).contains(size)),
            "{sizes:?}"
        );
    }

    /// Worked by hand: the SHA-256 of `item01` begins with `42c09594153082ef`.
    #[test]
    fn the_shard_of_an_id_never_changes() {
        assert_eq!(
            Shard::of("item01", 32),
            (0x42c09594153082ef_u64 % 32) as usize + 1
        );
        assert_eq!(Shard::of("item01", 32), 16);
    }

    #[test]
    fn clusters_say_which_shard_it_is() {
        let shard = |number, count| Shard::new(number, count);
        assert_eq!(found(&[]).unwrap(), None);
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "11"),
            ("SLURM_ARRAY_TASK_MIN", "5"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
        ];
        assert_eq!(found(&slurm).unwrap(), shard(4, 4));
        let kubernetes = [("JOB_COMPLETION_INDEX", "0"), ("AFFETTO_SHARDS", "3")];
        assert_eq!(found(&kubernetes).unwrap(), shard(1, 3));
        assert!(found(&kubernetes[..1]).is_err());
        let aws = [
            ("AWS_BATCH_JOB_ARRAY_INDEX", "6"),
            ("AWS_BATCH_JOB_ARRAY_SIZE", "7"),
        ];
        assert_eq!(found(&aws).unwrap(), shard(7, 7));
        assert!(found(&[("SLURM_ARRAY_TASK_ID", "x")]).is_err());
    }
}
