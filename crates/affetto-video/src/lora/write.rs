//! Trained pairs as a file that other tools read.

use affetto_nn::weights::{HostTensor, TensorFile};
use serde::{Deserialize, Serialize};

use super::{Learner, LoraSpelling, Target};
use crate::{Error, Result};

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// What it is.
    pub kind: String,
    /// The rank of the pairs.
    pub rank: usize,
    /// The scale that they were trained with, times the rank. Where the keys have no `alpha`, it stands in `B` already.
    pub alpha: f64,
    /// The kinds of layers.
    pub targets: Vec<Target>,
    /// How the keys are spelled.
    pub spelling: LoraSpelling,
    /// How it was trained.
    pub training: serde_json::Value,
}

/// The pairs of `numbers`, which are those of `learner` or an average of them, under the keys of a spelling. With kohya's
/// keys the scale stands beside each pair; with the others, whose readers take it for 1, it is multiplied into `B`.
///
/// # Errors
/// Where `numbers` are of other layers.
pub fn written(
    learner: &Learner,
    numbers: &TensorFile,
    spelling: LoraSpelling,
    training: serde_json::Value,
) -> Result<TensorFile> {
    let scale = match spelling {
        LoraSpelling::Kohya => 1.0,
        _ => learner.alpha() / learner.rank() as f64,
    };
    let [down, up] = spelling.pair();
    let mut file = TensorFile::default();
    for (name, tensor) in &numbers.tensors {
        let Some((module, part)) = name.rsplit_once('.') else {
            return Err(Error::MissingTensor {
                name: name.clone(),
                path: "trained".into(),
            });
        };
        let begin = spelling.module(module);
        let mut tensor = tensor.clone();
        let end = match part {
            "lora_A" => down,
            _ => {
                for number in &mut tensor.numbers {
                    *number = (f64::from(*number) * scale) as f32;
                }
                up
            }
        };
        file.tensors.insert(format!("{begin}{end}"), tensor);
        if spelling == LoraSpelling::Kohya {
            let alpha = HostTensor {
                shape: Vec::new(),
                numbers: vec![learner.alpha() as f32],
            };
            file.tensors.insert(format!("{begin}.alpha"), alpha);
        }
    }
    let about = About {
        kind: "LoRA for the transformer of Wan 2.1".into(),
        rank: learner.rank(),
        alpha: learner.alpha(),
        targets: learner.targets().to_vec(),
        spelling,
        training,
    };
    file.text = Some(serde_json::to_string(&about)?);
    Ok(file)
}
