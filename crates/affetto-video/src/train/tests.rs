use std::{
    collections::{BTreeSet, HashMap},
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use affetto_core::Silent;
use affetto_emotion::FrameRate;
use affetto_media::film::write_film;
use candle_core::DType;
use image::{Rgb, RgbImage};

use super::*;
use crate::{
    condition::VideoRequest,
    lora::LoraSource,
    model::{DitConfig, VaeConfig},
    parity::folder,
    parity::{self, distance, noise},
    weights::{self, Weights},
};

/// A network with random weights in `f64`, with pairs beside every kind of layer.
fn learning(config: &DitConfig, seed: u64) -> (WanDit, Arc<Learner>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dit.safetensors");
    let drawn = |(name, shape): (String, Vec<usize>)| {
        let mut rng = Seed(9).derive(&name).rng();
        let numbers: Vec<f32> = (0..shape.iter().product())
            .map(|_| (rng.uniform() - 0.5) as f32)
            .collect();
        let tensor = Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap();
        (name, tensor)
    };
    let tensors: HashMap<String, Tensor> = config.tensors().into_iter().map(drawn).collect();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let learner = Learner::new(3, 2.0, &Target::ALL, Seed(seed), &Device::Cpu);
    let learner = Arc::new(learner.unwrap());
    let weights = Weights::open(&path, weights::Network::Dit, &Device::Cpu).unwrap();
    let weights = weights
        .with_dtype(DType::F64)
        .with_learner(Arc::clone(&learner));
    (WanDit::new(config, &weights).unwrap(), learner)
}

/// `B` is 0 at first, which leaves `A` without a gradient.
fn moved(learner: &Learner) {
    for (at, (_, parameter)) in learner.parameters().parameters().iter().enumerate() {
        let mut rng = Seed(at as u64).rng();
        let numbers: Vec<f32> = (0..parameter.var.elem_count())
            .map(|_| (rng.uniform() - 0.5) as f32)
            .collect();
        let value = Tensor::from_vec(numbers, parameter.var.shape(), &Device::Cpu).unwrap();
        parameter.var.set(&value).unwrap();
    }
}

fn sample(config: &DitConfig) -> Sample {
    let f64 = |shape: &[usize], seed: u64| {
        let mut rng = Seed(seed).rng();
        let numbers: Vec<f64> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
    };
    let shape = [1, config.out_channels, 2, 4, 6];
    let extra = config.in_channels - config.out_channels;
    Sample {
        latent: f64(&shape, 1),
        noise: f64(&shape, 2),
        sigma: 0.6,
        condition: DitCondition {
            context: f64(&[1, 5, config.text_width], 3),
            later: Vec::new(),
            image: config.image_width.map(|width| f64(&[1, 3, width], 4)),
            extra_channels: (extra > 0).then(|| f64(&[1, extra, 2, 4, 6], 5)),
        },
    }
}

/// The gradient of every pair beside every kind of layer in each of its places, against central differences in `f64`
/// through the whole network.
#[test]
fn gradients_of_every_trained_layer_are_right() {
    let config = DitConfig {
        image_width: Some(9),
        ..DitConfig::tiny()
    };
    let (network, learner) = learning(&config, 1);
    moved(&learner);
    let sample = sample(&config);
    let loss = || flow_loss(&network, &sample).unwrap();
    let gradients = loss().backward().unwrap();
    let mut checked = BTreeSet::new();
    let mut worst = 0f64;
    for (name, parameter) in learner.parameters().parameters() {
        let gradient = gradients.get(parameter.var.as_tensor()).unwrap();
        let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let largest = gradient.iter().fold(0f32, |most, x| most.max(x.abs()));
        assert!(largest > 1e-7, "{name}: no gradient");
        let before: Vec<f32> = parameter.var.flatten_all().unwrap().to_vec1().unwrap();
        let set = |numbers: &[f32]| {
            let value = Tensor::from_slice(numbers, parameter.var.shape(), &Device::Cpu);
            parameter.var.set(&value.unwrap()).unwrap();
        };
        for at in (0..before.len()).step_by(before.len().div_ceil(5)) {
            let value = |offset: f32| {
                let mut numbers = before.clone();
                numbers[at] += offset;
                set(&numbers);
                (loss().to_scalar::<f64>().unwrap(), f64::from(numbers[at]))
            };
            let ((high, above), (low, below)) = (value(1e-3), value(-1e-3));
            let difference = (high - low) / (above - below);
            let error = (difference - f64::from(gradient[at])).abs();
            let share = error / (f64::from(largest) + difference.abs());
            worst = worst.max(share);
            assert!(
                share < 2e-5,
                "{name} {at}: {difference} by differences, {} by the operation",
                gradient[at]
            );
        }
        set(&before);
        checked.insert(name);
    }
    parity::record("lora gradients, largest relative error", worst as f32);
    let mut expected = BTreeSet::new();
    for block in 0..config.layers {
        for layer in [
            "attn1.to_q",
            "attn1.to_k",
            "attn1.to_v",
            "attn1.to_out.0",
            "attn2.to_q",
            "attn2.to_k",
            "attn2.to_v",
            "attn2.to_out.0",
            "attn2.add_k_proj",
            "attn2.add_v_proj",
            "ffn.net.0.proj",
            "ffn.net.2",
        ] {
            for pair in ["lora_A", "lora_B"] {
                expected.insert(format!("blocks.{block}.{layer}.{pair}"));
            }
        }
    }
    assert_eq!(checked, expected);
}

#[test]
fn pairs_change_nothing_before_training_and_targets_choose_layers() {
    let config = DitConfig::tiny();
    let (network, learner) = learning(&config, 1);
    let sample = sample(&config);
    let value =
        |network: &WanDit| -> f64 { flow_loss(network, &sample).unwrap().to_scalar().unwrap() };
    let (other, _) = learning(&config, 2);
    assert_eq!(value(&network), value(&other));
    moved(&learner);
    assert_ne!(value(&network), value(&other));
    for (targets, count) in [
        (&[Target::Q][..], 2 * 2 * 2),
        (&[Target::FfnUp, Target::FfnDown], 2 * 2 * 2),
        (&Target::USUAL, 2 * 2 * 10),
        (&[Target::KImage], 0),
    ] {
        let learner = Learner::new(2, 2.0, targets, Seed(1), &Device::Cpu).unwrap();
        let learner = Arc::new(learner);
        let weights = parity::weights("tiny_wan_dit", weights::Network::Dit);
        let weights = weights.with_learner(Arc::clone(&learner));
        WanDit::new(&weights::tests::tokens(), &weights).unwrap();
        assert_eq!(learner.parameters().parameters().len(), count);
    }
    for (rank, alpha) in [(0, 1.0), (1025, 1.0), (4, 0.0), (4, f64::NAN)] {
        assert!(Learner::new(rank, alpha, &Target::USUAL, Seed(1), &Device::Cpu).is_err());
    }
}

/// Weights with which the small autoencoder keeps the colour of each eighth pixel in a latent and paints it again: a
/// known map from colours to latents and back, which random weights are not. The channels hold red, green, blue and a
/// constant from layer to layer.
fn colours(config: &VaeConfig) -> HashMap<String, Tensor> {
    let sign = |channel: usize| if channel.is_multiple_of(2) { 1.0 } else { -1.0 };
    let mut tensors = HashMap::new();
    for (name, shape) in config.tensors() {
        let mut numbers = vec![0f32; shape.iter().product()];
        let mut set = |place: &[usize], value: f32| {
            let at = place
                .iter()
                .zip(&shape)
                .fold(0, |at, (place, extent)| at * extent + place);
            numbers[at] = value;
        };
        let part = name.rsplit('.').nth(1).unwrap_or_default();
        match (part, name.ends_with("weight"), name.starts_with("encoder")) {
            ("conv_in", true, true) => (0..3).for_each(|c| set(&[c, c, 2, 1, 1], 1.0)),
            ("conv_in", false, _) => set(&[3], 1.0),
            ("conv_out", true, true) => {
                (0..config.z_dim).for_each(|c| set(&[c, c % 3, 2, 1, 1], sign(c)));
            }
            ("conv_in", true, false) => {
                (0..config.z_dim).for_each(|c| set(&[c % 3, c, 2, 1, 1], sign(c) * 0.8));
            }
            ("conv_out", true, false) => (0..3).for_each(|c| set(&[c, c, 2, 1, 1], 5.0)),
            ("conv_shortcut", true, _) => (0..4).for_each(|c| set(&[c, c, 0, 0, 0], 1.0)),
            ("quant_conv" | "post_quant_conv", true, _) => {
                (0..config.z_dim).for_each(|c| set(&[c, c, 0, 0, 0], 1.0));
            }
            // Every second pixel and frame; every one twice.
            ("1", true, true) => (0..4).for_each(|c| set(&[c, c, 0, 0], 1.0)),
            ("1", true, false) => (0..4).for_each(|c| set(&[c, c, 1, 1], 1.0)),
            ("time_conv", true, true) => (0..4).for_each(|c| set(&[c, c, 2, 0, 0], 1.0)),
            ("time_conv", true, false) => (0..4).for_each(|c| {
                set(&[c, c, 2, 0, 0], 1.0);
                set(&[shape[1] + c, c, 2, 0, 0], 1.0);
            }),
            // Small, so that the unit after it is nearly straight.
            ("norm_out", ..) => {
                let gain = 0.5 / (shape[0] as f32).sqrt();
                (0..shape[0]).for_each(|c| set(&[c, 0, 0, 0], gain));
            }
            _ => {}
        }
        let tensor = Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap();
        tensors.insert(name, tensor);
    }
    tensors
}

/// How much the head of the small network is enlarged. What goes into it has the length that its norm gives it, so that as it
/// is no training of the blocks could say velocities as long as those here: with the best input for each token the loss stays
/// at half of what it is before any training.
const HEAD: f64 = 2.0;

/// Networks and eight clips of one colour each, blue where they are sad and yellow where they amuse.
struct School {
    folder: tempfile::TempDir,
}

impl School {
    fn new() -> Self {
        let folder = folder();
        let clips = folder.path().join("clips");
        fs::create_dir(&clips).unwrap();
        let mut labels = String::from("file,caption,emotion\n");
        for at in 0..8u8 {
            let (emotion, [r, g, b]) = match at % 2 {
                0 => ("sadness", [20, 40, 190]),
                _ => ("amusement", [230, 200, 30]),
            };
            let shade = at / 2 * 5;
            let picture = |_| RgbImage::from_pixel(48, 32, Rgb([r + shade, g + shade, b + shade]));
            let name = format!("{at}.mp4");
            let pictures = (0..5).map(|at| Ok::<_, Error>(picture(at)));
            write_film(&clips.join(&name), FrameRate::new(16, 1), pictures).unwrap();
            labels += &format!("{name},a fox in the rain,{emotion}\n");
        }
        fs::write(folder.path().join("labels.csv"), labels).unwrap();
        let school = Self { folder };
        let vae = VaeConfig::from_json(&parity::config("vae")).unwrap();
        let weights = school.path("vae/model.safetensors");
        candle_core::safetensors::save(&colours(&vae), &weights).unwrap();
        let weights = school.path("transformer/model.safetensors");
        let mut tensors = parity::fixture("tiny_wan_dit");
        let head = tensors.get_mut("proj_out.weight").unwrap();
        *head = (&*head * HEAD).unwrap();
        candle_core::safetensors::save(&tensors, &weights).unwrap();
        // As the authors write it, who say how many rows a text has: 512 would drown the few words of a small network.
        let transformer = serde_json::json!({
            "model_type": "t2v", "text_len": 24, "in_dim": 16, "dim": 32, "ffn_dim": 64, "freq_dim": 32,
            "text_dim": 32, "out_dim": 16, "num_heads": 2, "num_layers": 2
        });
        fs::write(
            school.path("transformer/config.json"),
            transformer.to_string(),
        )
        .unwrap();
        school.normalise();
        school
    }

    /// Gives the autoencoder the statistics of these clips, as the published ones are of those that it was trained on.
    fn normalise(&self) {
        let vae = self.vae();
        let size = self.options("", 1).size;
        let raw: Vec<Tensor> = (0..8)
            .map(|at| {
                let clip = self.path("clips").join(format!("{at}.mp4"));
                let latent = latent_of_clip(&vae, &clip, size, &Device::Cpu).unwrap();
                vae.denormalise(&latent).unwrap()
            })
            .collect();
        let raw = Tensor::cat(&raw, 0).unwrap().transpose(0, 1).unwrap();
        let rows: Vec<Vec<f32>> = raw.flatten_from(1).unwrap().to_vec2().unwrap();
        let path = self.path("vae/config.json");
        let mut config: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let mean = |row: &[f32]| row.iter().map(|x| f64::from(*x)).sum::<f64>() / row.len() as f64;
        let deviation = |row: &Vec<f32>| {
            let squares: Vec<f32> = row
                .iter()
                .map(|x| (*x - mean(row) as f32).powi(2))
                .collect();
            mean(&squares).sqrt()
        };
        config["latents_mean"] = rows.iter().map(|row| mean(row)).collect();
        config["latents_std"] = rows.iter().map(deviation).collect();
        fs::write(&path, config.to_string()).unwrap();
    }

    fn vae(&self) -> WanVae {
        let wan = self.wan();
        WanVae::new(&wan.vae, &wan.vae_weights(&Device::Cpu).unwrap()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn wan(&self) -> WanFolder {
        WanFolder::open(self.folder.path()).unwrap()
    }

    fn options(&self, out: &str, steps: usize) -> TrainOptions {
        let out = self.path(out);
        TrainOptions {
            data: self.path("clips"),
            labels: self.path("labels.csv"),
            checkpoint: usual_checkpoint(&out),
            out,
            cache: self.path("cache"),
            size: ClipSize {
                width: 32,
                height: 32,
                frames: 5,
            },
            rank: 8,
            alpha: 8.0,
            targets: Target::USUAL.to_vec(),
            rate: 5e-3,
            epochs: 1,
            steps: Some(steps),
            shift: 3.0,
            said: Said::All,
            held_out: 0.0,
            spelling: LoraSpelling::Diffusers,
            resume: false,
            max_minutes: None,
            seed: Seed(5),
        }
    }
}

/// The mean of each channel of what is sampled for an emotion, and of its frames.
fn sampled(school: &School, wan: &WanFolder, emotion: &str) -> [Vec<f32>; 2] {
    let vae = school.vae();
    let (mut latents, mut colours) = (Vec::new(), Vec::new());
    for seed in 0..4 {
        let request = VideoRequest {
            seed: Seed(seed),
            prompt: "a fox in the rain".into(),
            emotion: Emotion::parse(emotion).unwrap(),
            width: 32,
            height: 32,
            frames: 5,
            steps: 8,
            guidance: 1.0,
            ..VideoRequest::default()
        };
        let kept = school.path("kept");
        let plan = wan.plan(&request).unwrap();
        let latent = wan.sample(&plan, None, &Device::Cpu, &kept, false, &Silent);
        let latent = latent.unwrap();
        colours.push(vae.decode(&vae.denormalise(&latent).unwrap()).unwrap());
        latents.push(latent);
    }
    [latents, colours].map(|all| means(&Tensor::cat(&all, 0).unwrap()))
}

/// The mean of each channel of `(B, C, F, H, W)`.
fn means(all: &Tensor) -> Vec<f32> {
    let all = all.transpose(0, 1).unwrap().flatten_from(1).unwrap();
    all.mean(1).unwrap().to_vec1().unwrap()
}

/// How far `a` minus `b` goes along `taught`, as a share of it.
fn along(a: &[f32], b: &[f32], taught: &[f32]) -> f32 {
    let square: f32 = taught.iter().map(|t| t * t).sum();
    let product = a.iter().zip(b).zip(taught);
    product.map(|((a, b), t)| (a - b) * t).sum::<f32>() / square
}

#[test]
fn what_is_taught_is_learned_and_seen_in_samples() {
    let school = School::new();
    let wan = school.wan();
    let options = TrainOptions {
        rank: 16,
        alpha: 16.0,
        rate: 0.003,
        ..school.options("lora.safetensors", 1600)
    };
    let report = train(&options, &wan, &Device::Cpu, &Silent).unwrap();
    let ratio = report.loss / report.untrained_loss;
    parity::record("lora trained loss over untrained", ratio as f32);
    parity::record("lora loss, untrained", report.untrained_loss as f32);
    parity::record("lora loss, trained", report.loss as f32);
    assert!(ratio < 0.5, "{} to {}", report.untrained_loss, report.loss);
    // A network that says nothing at all has 1 for the noise and 1 for the latents.
    assert!(report.loss < 1.7, "{}", report.loss);
    assert_eq!(report.clips.values().copied().collect::<Vec<_>>(), [4, 4]);

    // What clips of the two emotions are as latents, and as the (untrained) autoencoder shows these.
    let vae = school.vae();
    let shown = |remainder: usize| -> [Vec<f32>; 2] {
        let latents: Vec<Tensor> = (0..4)
            .map(|at| {
                let clip = school
                    .path("clips")
                    .join(format!("{}.mp4", 2 * at + remainder));
                latent_of_clip(&vae, &clip, options.size, &Device::Cpu).unwrap()
            })
            .collect();
        let latents = Tensor::cat(&latents, 0).unwrap();
        let frames = vae.decode(&vae.denormalise(&latents).unwrap()).unwrap();
        [means(&latents), means(&frames)]
    };
    let (sad, amused) = (shown(0), shown(1));
    let source = LoraSource {
        path: options.out.clone(),
        strength: 1.0,
    };
    let taught = school.wan().with_loras(&[source]).unwrap();
    for (which, what) in ["latent", "frames"].into_iter().enumerate() {
        let difference: Vec<f32> = sad[which]
            .iter()
            .zip(&amused[which])
            .map(|(a, b)| a - b)
            .collect();
        let moved = |wan: &WanFolder| {
            let (sad, amused) = (
                sampled(&school, wan, "sadness"),
                sampled(&school, wan, "amusement"),
            );
            along(&sad[which], &amused[which], &difference)
        };
        let (before, after) = (moved(&wan), moved(&taught));
        parity::record(&format!("lora {what} as taught, untrained"), before);
        parity::record(&format!("lora {what} as taught, trained"), after);
        assert!(before.abs() < 0.05, "{what}: {before}");
        assert!(after > 0.35, "{what}: {after}");
    }
}

/// Stops after some steps.
struct Until {
    steps: AtomicUsize,
    most: usize,
}

impl Progress for Until {
    fn step(&self, stage: Stage, done: usize, _: usize) {
        if stage == Stage::Train {
            self.steps.store(done, Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.steps.load(Ordering::Relaxed) >= self.most
    }
}

#[test]
fn a_training_that_was_stopped_goes_on_to_the_same_bytes() {
    let school = School::new();
    let wan = school.wan();
    let run = |options: &TrainOptions, progress: &dyn Progress| {
        train(options, &wan, &Device::Cpu, progress)
    };
    let whole = school.options("whole.safetensors", 12);
    run(&whole, &Silent).unwrap();
    let mut parts = school.options("parts.safetensors", 12);
    let until = Until {
        steps: AtomicUsize::new(0),
        most: 7,
    };
    assert!(matches!(run(&parts, &until), Err(Error::Cancelled)));
    assert!(!parts.out.exists());
    assert!(matches!(
        run(&parts, &Silent),
        Err(Error::Checkpoint { .. })
    ));
    parts.resume = true;
    let other = TrainOptions {
        rate: 1e-3,
        ..parts.clone()
    };
    assert!(matches!(
        run(&other, &Silent),
        Err(Error::OtherTraining { .. })
    ));
    let report = run(&parts, &Silent).unwrap();
    assert_eq!(report.steps, 12);
    assert_eq!(fs::read(&parts.out).unwrap(), fs::read(&whole.out).unwrap());
    // What was made of clips and captions is not made again: without the networks it is made of, all goes as before.
    let latents = fs::read_dir(school.path("cache")).unwrap().count();
    assert_eq!(latents, 8 + 2);
}

/// A file in each spelling, and what the network gives with each for this input.
fn files(school: &School, steps: usize, input: &Sample) -> Vec<(PathBuf, Tensor)> {
    let output = |wan: &WanFolder| {
        let network = WanDit::new(&wan.dit, &wan.dit_weights(&Device::Cpu).unwrap()).unwrap();
        let time = [input.sigma * 1000.0];
        network
            .forward(&input.latent, &time, &input.condition)
            .unwrap()
    };
    let plain = output(&school.wan());
    let mut files = Vec::new();
    for spelling in LoraSpelling::ALL {
        let options = TrainOptions {
            spelling,
            alpha: 3.0,
            ..school.options(&format!("{spelling:?}.safetensors"), steps)
        };
        train(&options, &school.wan(), &Device::Cpu, &Silent).unwrap();
        let source = LoraSource {
            path: options.out.clone(),
            strength: 1.0,
        };
        let wan = school.wan().with_loras(&[source]).unwrap();
        assert_eq!((wan.loras()[0].changed(), wan.loras()[0].rank()), (20, 8));
        let output = output(&wan);
        assert!(distance(&output, &plain) > 0.02);
        files.push((options.out, output));
    }
    files
}

fn input() -> Sample {
    let io = parity::fixture("tiny_wan_dit_io");
    let latent = io["in.x"].narrow(0, 0, 1).unwrap();
    Sample {
        noise: latent.clone(),
        latent,
        sigma: 0.7,
        condition: DitCondition::of_context(noise(&[1, 24, 32])),
    }
}

#[test]
fn files_in_every_spelling_are_the_network_that_was_trained() {
    let school = School::new();
    let files = files(&school, 30, &input());
    for (path, output) in &files {
        assert!(distance(&files[0].1, output) < 1e-5);
        let about = TensorFile::read(path).unwrap().text.unwrap();
        assert!(about.contains("\"alpha\":3.0"), "{about}");
    }
}

/// `AFFETTO_PYTHON` names a Python that has diffusers and peft; without it this says that it is skipped.
#[test]
#[allow(clippy::print_stderr)]
fn diffusers_gives_the_same_output_with_the_same_file() {
    let Some(python) = std::env::var_os("AFFETTO_PYTHON") else {
        eprintln!("skipped: AFFETTO_PYTHON does not name a Python with diffusers and peft");
        return;
    };
    let (school, input) = (School::new(), input());
    let mut io = HashMap::from([
        ("latent".to_owned(), input.latent.clone()),
        (
            "time".to_owned(),
            Tensor::new(&[700f32], &Device::Cpu).unwrap(),
        ),
        ("context".to_owned(), input.condition.context.clone()),
    ]);
    let mut command = std::process::Command::new(python);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let io_path = school.path("io.safetensors");
    command
        .arg(root.join("tests/python/check_lora.py"))
        .arg(school.path("transformer"))
        .arg(&io_path);
    for (path, output) in files(&school, 30, &input) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        io.insert(format!("output of {name}"), output);
        command.arg(path);
    }
    candle_core::safetensors::save(&io, &io_path).unwrap();
    // diffusers reads its own configuration.
    let transformer = school.path("transformer/config.json");
    fs::write(transformer, parity::config("dit")).unwrap();
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    eprintln!("{said}{}", String::from_utf8_lossy(&output.stderr));
    match output.status.code() {
        Some(77) => {}
        code => assert_eq!(code, Some(0)),
    }
}

#[test]
fn emotions_are_seen_equally_often_and_each_time_with_other_noise() {
    let school = School::new();
    let labels = "file,caption,emotion\n0.mp4,fox,sadness\n2.mp4,fox,sadness\n4.mp4,fox,sadness\n\
                  6.mp4,fox,sadness\n1.mp4,fox,amusement\n3.mp4,fox,\n";
    fs::write(school.path("labels.csv"), labels).unwrap();
    let wan = school.wan();
    let options = TrainOptions {
        held_out: 0.0,
        ..school.options("lora.safetensors", 1)
    };
    let clips = read_labels(&options.labels, &options.data).unwrap();
    let prepared = Prepared::new(&options, &wan, &clips, &Device::Cpu, &Silent).unwrap();
    let lessons = Lessons::new(
        &options,
        prepared.lessons.clone(),
        parity::dit(),
        &Device::Cpu,
    );
    let order = lessons.epoch(Seed(1));
    let mut counts = BTreeMap::new();
    for (clip, _) in &order {
        let class = lessons.trained[*clip].class.map(Label::name);
        *counts.entry(class).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(lessons.epoch(Seed(1)), order);
    assert_ne!(lessons.epoch(Seed(2)), order);
    let noises: BTreeSet<u64> = order.iter().map(|(_, seed)| seed.0).collect();
    assert_eq!(noises.len(), order.len());
    let share = TrainOptions {
        held_out: 0.5,
        ..options
    };
    let lessons = Lessons::new(&share, prepared.lessons, parity::dit(), &Device::Cpu);
    assert_eq!((lessons.trained.len(), lessons.held_out.len()), (3, 3));
}

#[test]
fn levels_of_noise_are_those_of_the_schedule() {
    let school = School::new();
    let options = school.options("lora.safetensors", 1);
    let lesson = Lesson {
        latent: Cache::new(&options.cache).unwrap().place("latent", &[]),
        states: Cache::new(&options.cache).unwrap().place("states", &[]),
        class: None,
    };
    let lessons = Lessons::new(&options, vec![lesson], parity::dit(), &Device::Cpu);
    let schedule =
        affetto_nn::diffusion::Schedule::new(affetto_nn::diffusion::Solver::UniPc, 4, 3.0);
    // The levels of UniPC are spread over 1 to 0.001 before they are moved.
    for (step, sigma) in schedule.unwrap().sigmas()[..4].iter().enumerate() {
        let share = 1.0 - step as f64 / 4.0 * 0.999;
        assert!((lessons.sigma(share) - sigma).abs() < 1e-5);
    }
}

#[test]
fn what_cannot_be_trained_is_refused_before_any_work() {
    let school = School::new();
    let wan = school.wan();
    let refused = |change: &dyn Fn(&mut TrainOptions), says: &str| {
        let mut options = school.options("lora.safetensors", 1);
        change(&mut options);
        let error = train(&options, &wan, &Device::Cpu, &Silent).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(
            !options.out.exists() && !options.checkpoint.exists(),
            "{says}"
        );
    };
    refused(&|options| options.rank = 0, "rank is 0");
    refused(&|options| options.alpha = -1.0, "alpha is -1");
    refused(&|options| options.targets.clear(), "targets");
    refused(&|options| options.rate = 0.0, "rate is 0");
    refused(&|options| options.size.width = 40, "such as 48");
    refused(&|options| options.size.frames = 6, "such as 9");
    refused(&|options| options.held_out = 1.0, "held-out is 1");
    refused(&|options| options.labels = "none.csv".into(), "none.csv");
    let labels = "file,caption,emotion\n0.mp4,fox,joy\n";
    fs::write(school.path("labels.csv"), labels).unwrap();
    refused(&|options| options.said = Said::Sentence, "0.mp4");
    fs::write(school.path("clips/0.mp4"), b"no film").unwrap();
    refused(&|_| {}, "0.mp4");
}
