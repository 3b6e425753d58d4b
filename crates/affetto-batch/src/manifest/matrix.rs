//! One job that stands for many.

use serde_json::{Map, Value};

use super::syntax::Fault;

/// The jobs that `job` stands for: one for each combination of the values of its `matrix`, whose fields come before those of
/// the same name. The last field of the matrix (by its name) changes first.
pub(super) fn expand(
    mut job: Map<String, Value>,
    most: usize,
) -> Result<Vec<Map<String, Value>>, Fault> {
    let matrix = match job.remove("matrix") {
        None => return Ok(vec![job]),
        Some(Value::Object(matrix)) => matrix,
        Some(_) => return Err(Fault::new("matrix must be an object of lists")),
    };
    let mut axes = Vec::new();
    let mut count = 1_usize;
    for (name, values) in matrix {
        let Value::Array(values) = values else {
            return Err(Fault::new(format!("{name} of the matrix must be a list")));
        };
        if values.is_empty() {
            return Err(Fault::new(format!("{name} of the matrix is empty")));
        }
        if ["id", "out", "comment"].contains(&name.as_str()) {
            return Err(Fault::new(format!("{name} cannot be in the matrix"))
                .with_hint("write fields of the matrix into it: \"{seed}\""));
        }
        count = count.saturating_mul(values.len());
        axes.push((name, values));
    }
    if count > most {
        return Err(Fault::new(format!(
            "a matrix of {count} jobs, {most} are the most that may be left"
        )));
    }
    let job_at = |number: usize| {
        let mut at = number;
        let mut expanded = job.clone();
        for (name, values) in axes.iter().rev() {
            expanded.insert(name.clone(), values[at % values.len()].clone());
            at /= values.len();
        }
        expanded
    };
    Ok((0..count).map(job_at).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn expanded(job: Value, most: usize) -> Result<Vec<Value>, Fault> {
        let jobs = expand(job.as_object().unwrap().clone(), most)?;
        Ok(jobs.into_iter().map(Value::Object).collect())
    }

    #[test]
    fn every_combination_is_a_job() {
        let job = json!({ "id": "a", "seed": 9, "matrix": { "key": ["C major", "A minor"], "seed": [1, 2, 3] } });
        let jobs = expanded(job, 6).unwrap();
        assert_eq!(jobs.len(), 6);
        assert_eq!(jobs[1], json!({ "id": "a", "key": "C major", "seed": 2 }));
        assert_eq!(jobs[3], json!({ "id": "a", "key": "A minor", "seed": 1 }));
    }

    #[test]
    fn a_matrix_beyond_the_limit_is_refused_before_it_is_expanded() {
        let values: Vec<usize> = (0..1_000).collect();
        let job = json!({ "matrix": { "a": values, "b": values, "c": values, "d": values, "e": values, "f": values, "g": values } });
        assert!(expanded(job, 1_000_000).is_err());
        for matrix in [
            json!([]),
            json!({ "a": [] }),
            json!({ "a": 1 }),
            json!({ "id": ["a"] }),
        ] {
            assert!(expanded(json!({ "matrix": matrix }), 10).is_err());
        }
    }
}
