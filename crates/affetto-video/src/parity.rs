//! The outputs of the reference implementation on small random weights, tensor by tensor, and how far ours are from them.

use std::{collections::HashMap, fs, path::PathBuf};

use affetto_nn::diffusion::Denoiser;
use affetto_nn::diffusion::{Guidance, Schedule, Scheduler, Solver};
use candle_core::{DType, Device, Tensor};

use crate::{
    model::{
        Conditioning, DitCondition, DitConfig, Later, Umt5Config, Umt5Encoder, VaeConfig, WanDit,
        WanVae,
    },
    weights::{Network, Weights},
};

pub(crate) fn path(name: &str) -> PathBuf {
    let folder = "../../tests/fixtures/parity/wan";
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(name)
}

pub(crate) fn fixture(name: &str) -> HashMap<String, Tensor> {
    let path = path(&format!("{name}.safetensors"));
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

pub(crate) fn weights(name: &str, network: Network) -> Weights {
    let path = path(&format!("{name}.safetensors"));
    Weights::open(&path, network, &Device::Cpu).unwrap()
}

/// The configuration of a network of the fixtures, as JSON.
pub(crate) fn config(network: &str) -> String {
    let text = fs::read_to_string(path("configs.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    all[network].to_string()
}

/// The small networks of the fixtures as diffusers lays them out.
pub(crate) fn folder() -> tempfile::TempDir {
    laid_out(&[("transformer", "dit", "tiny_wan_dit")])
}

/// The same for a video from a picture.
pub(crate) fn picture_folder() -> tempfile::TempDir {
    laid_out(&[
        ("transformer", "i2v_dit", "tiny_wan_i2v_dit"),
        ("image_encoder", "clip", "tiny_clip"),
    ])
}

fn laid_out(parts: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let always = [
        ("vae", "vae", "tiny_wan_vae"),
        ("text_encoder", "umt5", "tiny_umt5"),
    ];
    for (part, network, file) in always.iter().chain(parts) {
        let part = folder.path().join(part);
        std::fs::create_dir(&part).unwrap();
        std::fs::write(part.join("config.json"), config(network)).unwrap();
        let weights = path(&format!("{file}.safetensors"));
        std::fs::copy(weights, part.join("model.safetensors")).unwrap();
    }
    let tokenizer = folder.path().join("tokenizer");
    std::fs::create_dir(&tokenizer).unwrap();
    let name = "tokenizer.json";
    std::fs::copy(path(name), tokenizer.join(name)).unwrap();
    folder
}

/// The largest absolute difference.
pub(crate) fn distance(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let difference = (a - b).unwrap().abs().unwrap();
    difference.max_all().unwrap().to_scalar().unwrap()
}

/// Numbers from -1.5 to 1.5, the same each time.
pub(crate) fn noise(shape: &[usize]) -> Tensor {
    let mut rng = affetto_core::Seed(7).rng();
    let number = |_| ((rng.uniform() - 0.5) * 3.0) as f32;
    let numbers: Vec<f32> = (0..shape.iter().product()).map(number).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

/// Adds a line to the file that the variable names, for a report.
pub(crate) fn record(what: &str, far: f32) {
    use std::io::Write;
    let Some(path) = std::env::var_os("AFFETTO_PARITY_REPORT") else {
        return;
    };
    let mut file = fs::File::options()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    writeln!(file, "{what}\t{far:e}").unwrap();
}

pub(crate) fn dit() -> WanDit {
    let config = DitConfig {
        conditioning: Conditioning::Tokens,
        ..DitConfig::from_json(&config("dit")).unwrap()
    };
    WanDit::new(&config, &weights("tiny_wan_dit", Network::Dit)).unwrap()
}

pub(crate) fn vae() -> WanVae {
    let config = VaeConfig::from_json(&config("vae")).unwrap();
    WanVae::new(
        &config,
        &weights("tiny_wan_vae", Network::Vae { res_blocks: 1 }),
    )
    .unwrap()
}

/// Each capture in the shape that ours has.
fn expected(name: &str, capture: &Tensor) -> Tensor {
    match name {
        // (B, width, f, h, w) to (B, T, width).
        "patch" => capture.flatten_from(2).unwrap().transpose(1, 2).unwrap(),
        // Each angle stands there twice, once for each number of its pair.
        "rope_cos" | "rope_sin" => {
            let (_, len, _, width) = capture.dims4().unwrap();
            let pairs = capture.reshape((len, width / 2, 2)).unwrap();
            pairs.narrow(2, 0, 1).unwrap().squeeze(2).unwrap()
        }
        _ => capture.clone(),
    }
}

#[test]
fn the_transformer_is_that_of_the_reference() {
    let (dit, io) = (dit(), fixture("tiny_wan_dit_io"));
    let times: Vec<f64> = io["in.t"].to_dtype(DType::F64).unwrap().to_vec1().unwrap();
    let condition = DitCondition::of_context(io["in.ctx"].clone());
    let mut seen = 0;
    let out = dit
        .observed(&io["in.x"], &times, &condition, &mut |name, found| {
            let far = distance(found, &expected(name, &io[&format!("mid.{name}")]));
            record(&format!("dit mid.{name}"), far);
            assert!(far < 1e-5, "{name}: {far}");
            seen += 1;
        })
        .unwrap();
    assert_eq!(seen, 8);
    let far = distance(&out, &io["out"]);
    record("dit out", far);
    assert!(far < 1e-5, "{far}");
}

#[test]
fn the_text_encoder_is_that_of_the_reference() {
    let config = Umt5Config::from_json(&config("umt5")).unwrap();
    let encoder = Umt5Encoder::new(&config, &weights("tiny_umt5", Network::Umt5)).unwrap();
    let io = fixture("tiny_umt5_io");
    let words: Vec<u32> = io["ids"]
        .to_dtype(DType::U32)
        .unwrap()
        .get(0)
        .unwrap()
        .to_vec1()
        .unwrap();
    // Another text at the same time, so that each is read as if alone.
    let both = [words.clone(), vec![5, 1]];
    let states = encoder.encode(&both).unwrap().remove(0);
    let far = distance(&states, &io["out"]);
    record("umt5 out", far);
    assert!(far < 1e-5, "{far}");
    let real = io["padded_out"].narrow(1, 0, words.len()).unwrap();
    let far = distance(&states, &real);
    record("umt5 padded_out, real words", far);
    assert!(far < 1e-5, "{far}");

    let padded = encoder.encode_padded(&both, 16).unwrap().remove(0);
    assert_eq!(padded.dims(), [1, 16, 32]);
    let rest = padded.narrow(1, words.len(), 16 - words.len()).unwrap();
    assert_eq!(distance(&rest, &rest.zeros_like().unwrap()), 0.0);
    assert!(encoder.encode(&[vec![128]]).is_err());
    assert!(encoder.encode(&[vec![1], vec![]]).is_err());
}

/// Four guided steps of UniPC from noise to a latent, and the latent decoded.
#[test]
fn noise_becomes_the_video_of_the_reference() {
    let (dit, io) = (dit(), fixture("e2e_io"));
    let config = VaeConfig::from_json(&config("vae")).unwrap();
    let vae = WanVae::new(
        &config,
        &weights("tiny_wan_vae", Network::Vae { res_blocks: 1 }),
    )
    .unwrap();
    let condition = DitCondition::of_context(io["cond"].clone());
    let empty = DitCondition::of_context(io["uncond"].clone());
    let guidance = Guidance::Scaled {
        condition,
        empty,
        scale: 5.0,
    };
    let mut latent = io["noise"].clone();
    let mut scheduler = Scheduler::new(Schedule::new(Solver::UniPc, 4, 3.0).unwrap());
    while let Some(time) = scheduler.time() {
        let velocity = guidance.predict(&dit, &latent, time).unwrap();
        latent = scheduler
            .step(&latent, &velocity, dit.prediction())
            .unwrap();
    }
    let far = distance(&latent, &io["latent"]);
    record("e2e latent", far);
    assert!(far < 1e-4, "{far}");
    let video = vae.decode(&vae.denormalise(&latent).unwrap()).unwrap();
    let far = distance(&video, &io["video"]);
    record("e2e video", far);
    assert!(far < 1e-4, "{far}");
}

/// A network with random weights, through a file.
pub(crate) fn drawn(config: &DitConfig) -> WanDit {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dit.safetensors");
    let tensors: HashMap<String, Tensor> = config
        .tensors()
        .into_iter()
        .map(|(name, shape)| (name, (noise(&shape) * 0.2).unwrap()))
        .collect();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let weights = Weights::open(&path, Network::Dit, &Device::Cpu).unwrap();
    WanDit::new(config, &weights).unwrap()
}

/// Extents that all differ, and a latent that begins from a picture.
#[test]
fn a_picture_changes_the_video_and_must_be_there() {
    let config = DitConfig {
        image_width: Some(9),
        ..DitConfig::tiny()
    };
    let dit = drawn(&config);
    let latent = noise(&[2, 4, 3, 4, 6]);
    let extra = noise(&[2, 1, 3, 4, 6]);
    let condition = |image: Option<Tensor>, extra: Option<Tensor>| DitCondition {
        context: noise(&[2, 8, 7]),
        later: Vec::new(),
        image,
        extra_channels: extra,
    };
    let run = |condition: DitCondition| dit.forward(&latent, &[700.0, 20.0], &condition);
    let picture = noise(&[2, 11, 9]);
    let other = (&picture * -1.0).unwrap();
    let one = run(condition(Some(picture.clone()), Some(extra.clone()))).unwrap();
    let two = run(condition(Some(other), Some(extra.clone()))).unwrap();
    assert_eq!(one.dims(), [2, 4, 3, 4, 6]);
    assert!(distance(&one, &two) > 1e-4);
    let error = |condition| run(condition).unwrap_err().to_string();
    assert!(error(condition(None, Some(extra.clone()))).contains("image"));
    assert!(error(condition(Some(picture.clone()), None)).contains("latent"));
    let narrow = picture.narrow(2, 0, 8).unwrap();
    assert!(error(condition(Some(narrow), Some(extra))).contains("image"));
}

#[test]
fn a_picture_is_seen_as_in_the_reference() {
    let config = DitConfig::from_json(&config("i2v_dit")).unwrap();
    let dit = WanDit::new(&config, &weights("tiny_wan_i2v_dit", Network::Dit)).unwrap();
    let io = fixture("tiny_wan_i2v_dit_io");
    let condition = DitCondition {
        image: Some(io["in.image"].clone()),
        extra_channels: Some(io["in.extra"].clone()),
        ..DitCondition::of_context(io["in.ctx"].clone())
    };
    let out = dit.forward(&io["in.x"], &[437.0], &condition).unwrap();
    let far = distance(&out, &io["out"]);
    record("DiT from a picture", far);
    assert!(far < 1e-5, "{far}");
}

/// Blocks that are read in every pass give the numbers of those that are held.
#[test]
fn a_streamed_transformer_is_the_same() {
    let (held, io) = (dit(), fixture("tiny_wan_dit_io"));
    let weights = weights("tiny_wan_dit", Network::Dit);
    let streamed = WanDit::streamed(held.config(), &weights).unwrap();
    let condition = DitCondition::of_context(io["in.ctx"].clone());
    let run = |dit: &WanDit| {
        dit.forward(&io["in.x"], &[900.0, 250.0], &condition)
            .unwrap()
    };
    assert_eq!(distance(&run(&held), &run(&streamed)), 0.0);
}

/// The items of a batch do not see each other.
#[test]
fn items_of_a_batch_are_apart() {
    let (dit, io) = (dit(), fixture("tiny_wan_dit_io"));
    let item = |tensor: &Tensor| tensor.narrow(0, 1, 1).unwrap();
    let condition = DitCondition::of_context(item(&io["in.ctx"]));
    let alone = dit
        .forward(&item(&io["in.x"]), &[250.0], &condition)
        .unwrap();
    assert!(distance(&alone, &item(&io["out"])) < 1e-5);
    let error = dit.forward(&item(&io["in.x"]), &[1.0, 2.0], &condition);
    assert!(error.unwrap_err().to_string().contains("times"));
}

/// Frames see the text that holds for them, in the attention to it; what the other frames become of it comes through the
/// attention among the tokens.
#[test]
fn a_later_text_is_seen_from_its_frame_on() {
    let dit = drawn(&DitConfig {
        layers: 1,
        ..DitConfig::tiny()
    });
    let latent = noise(&[1, 5, 3, 4, 6]);
    let (one, two) = (noise(&[1, 8, 7]), noise(&[1, 6, 7]));
    let run = |context: &Tensor, later: Vec<Later>| {
        let condition = DitCondition {
            later,
            ..DitCondition::of_context(context.clone())
        };
        dit.forward(&latent, &[700.0], &condition)
    };
    let later = |from| Later {
        from,
        context: two.clone(),
    };
    let frames = |x: &Tensor, from: usize, len: usize| x.narrow(2, from, len).unwrap();
    let (only_one, only_two) = (run(&one, vec![]).unwrap(), run(&two, vec![]).unwrap());
    assert!(distance(&only_one, &only_two) > 1e-4);
    // With one layer nothing passes between the frames after the attention to the text.
    let mixed = run(&one, vec![later(2)]).unwrap();
    assert_eq!(
        distance(&frames(&mixed, 0, 2), &frames(&only_one, 0, 2)),
        0.0
    );
    assert_eq!(
        distance(&frames(&mixed, 2, 1), &frames(&only_two, 2, 1)),
        0.0
    );
    for wrong in [vec![later(0)], vec![later(3)], vec![later(2), later(1)]] {
        assert!(run(&one, wrong).is_err());
    }
}
