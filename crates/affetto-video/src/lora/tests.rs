use std::{collections::HashMap, fs, sync::Arc};

use candle_core::{Device, quantized::GgmlDType};

use super::*;
use crate::{
    parity::{distance, fixture, path},
    weights::{
        Keep, Network, Spelling, Weights,
        tests::{gguf, output, tokens},
    },
};

type Tensors = HashMap<String, Tensor>;

fn tensor(seed: u64, shape: &[usize]) -> Tensor {
    let mut rng = affetto_core::Seed(seed).rng();
    let number = |_| ((rng.uniform() - 0.5) * 0.8) as f32;
    let numbers: Vec<f32> = (0..shape.iter().product()).map(number).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

fn save(tensors: &Tensors, path: &Path) {
    candle_core::safetensors::save(tensors, path).unwrap();
}

fn plain() -> Weights {
    let path = path("tiny_wan_dit.safetensors");
    Weights::open(&path, Network::Dit, &Device::Cpu).unwrap()
}

fn opened(path: &Path, strength: f64) -> Result<Lora> {
    let source = LoraSource {
        path: path.into(),
        strength,
    };
    Lora::open(source, &tokens())
}

fn with(weights: &Weights, path: &Path, strength: f64) -> Weights {
    weights.with_loras(Arc::new([opened(path, strength).unwrap()]))
}

/// Every linear layer of the small network, with the rank that its pair is to have.
fn layers() -> Vec<(String, Vec<usize>, usize)> {
    let mut layers = Vec::new();
    for (name, shape) in tokens().tensors() {
        if let Some(module) = name.strip_suffix(".weight")
            && shape.len() > 1
        {
            layers.push((module.to_owned(), shape, 2 + layers.len() % 3));
        }
    }
    layers
}

/// A pair for every layer; `alpha` is what each is scaled by, times its rank.
fn pairs(spelling: LoraSpelling, alpha: Option<f32>) -> Tensors {
    let [down, up] = spelling.pair();
    let mut tensors = Tensors::new();
    for (at, (module, shape, rank)) in layers().into_iter().enumerate() {
        let begin = spelling.module(&module);
        let mut downs = shape.clone();
        downs[0] = rank;
        let mut ups = vec![1; shape.len()];
        (ups[0], ups[1]) = (shape[0], rank);
        tensors.insert(format!("{begin}{down}"), tensor(at as u64, &downs));
        tensors.insert(format!("{begin}{up}"), tensor(100 + at as u64, &ups));
        if let Some(alpha) = alpha {
            let alpha = Tensor::new(alpha, &Device::Cpu).unwrap();
            tensors.insert(format!("{begin}.alpha"), alpha);
        }
    }
    tensors
}

/// The network with those pairs in its weights, put together by hand.
fn by_hand(alpha: Option<f32>, strength: f64) -> Tensor {
    let mut tensors = fixture("tiny_wan_dit");
    for (at, (module, shape, rank)) in layers().into_iter().enumerate() {
        let weight = tensors.get_mut(&format!("{module}.weight")).unwrap();
        let width: usize = shape[1..].iter().product();
        let scale = alpha.map_or(1.0, |alpha| f64::from(alpha) / rank as f64);
        let change = tensor(100 + at as u64, &[shape[0], rank])
            .matmul(&tensor(at as u64, &[rank, width]))
            .unwrap();
        let change = (change * (scale * strength)).unwrap();
        *weight = (&*weight + change.reshape(shape).unwrap()).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("merged.safetensors");
    save(&tensors, &path);
    output(&Weights::open(&path, Network::Dit, &Device::Cpu).unwrap())
}

#[test]
fn every_spelling_adds_the_same_and_merged_equals_unmerged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lora.safetensors");
    for (spelling, alpha) in [
        (LoraSpelling::Diffusers, None),
        (LoraSpelling::Original, Some(1.5)),
        (LoraSpelling::Kohya, Some(3.0)),
    ] {
        save(&pairs(spelling, alpha), &path);
        let expected = by_hand(alpha, 0.5);
        let merged = output(&with(&plain(), &path, 0.5));
        let far = distance(&merged, &expected);
        assert!(far < 1e-5, "{spelling:?}: {far}");
        let lora = opened(&path, 0.5).unwrap();
        assert_eq!((lora.changed(), lora.rank()), (layers().len(), 4));
        let beside = output(&plain().with_loras_beside(Arc::new([lora])));
        let far = distance(&beside, &merged);
        crate::parity::record(&format!("lora merged and unmerged, {spelling:?}"), far);
        assert!(far < 1e-5, "{spelling:?}: {far}");
        assert!(distance(&merged, &output(&plain())) > 0.05);
    }
}

#[test]
fn what_stands_before_and_between_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lora.safetensors");
    save(&pairs(LoraSpelling::Diffusers, None), &path);
    let expected = output(&with(&plain(), &path, 1.0));
    let renamed = |from: LoraSpelling, change: &dyn Fn(&str) -> String| {
        let tensors = pairs(from, None).into_iter();
        save(&tensors.map(|(key, t)| (change(&key), t)).collect(), &path);
        output(&with(&plain(), &path, 1.0))
    };
    for prefix in [
        "",
        "diffusion_model.",
        "model.diffusion_model.",
        "base_model.model.",
    ] {
        for spelling in [LoraSpelling::Diffusers, LoraSpelling::Original] {
            let out = renamed(spelling, &|key| {
                let (_, module) = key.split_once('.').unwrap();
                format!("{prefix}{module}").replace(".lora_A.", ".lora_A.default.")
            });
            assert_eq!(distance(&out, &expected), 0.0, "{prefix} {spelling:?}");
        }
    }
    let out = renamed(LoraSpelling::Kohya, &|key| {
        key.replace("lora_unet_", "lora_unet__")
    });
    assert_eq!(distance(&out, &expected), 0.0);
}

#[test]
fn several_files_and_strengths_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    save(&pairs(LoraSpelling::Original, None), &one);
    let second = "blocks.1.ffn.net.2";
    let tensors = Tensors::from([
        (format!("{second}.lora_down.weight"), tensor(7, &[3, 64])),
        (format!("{second}.lora_up.weight"), tensor(8, &[32, 3])),
    ]);
    save(&tensors, &two);
    let out = |sources: &[(&Path, f64)]| {
        let open = |(path, strength): &(&Path, f64)| opened(path, *strength).unwrap();
        output(&plain().with_loras(sources.iter().map(open).collect()))
    };
    let both = out(&[(&one, 0.5), (&two, -1.0)]);
    assert!(distance(&both, &out(&[(&one, 0.5)])) > 1e-3);
    assert!(distance(&both, &out(&[(&one, 0.5), (&two, 1.0)])) > 1e-3);
    let again = out(&[(&one, 0.25), (&two, -1.0), (&one, 0.25)]);
    assert!(distance(&both, &again) < 1e-5);
    let none = out(&[(&one, 0.0), (&two, 0.0)]);
    assert_eq!(distance(&none, &output(&plain())), 0.0);
}

/// Weights, biases, norms and tables, worked by hand.
#[test]
fn differences_of_full_rank() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lora.safetensors");
    let block = "diffusion_model.blocks.0";
    let tensors = Tensors::from([
        (format!("{block}.self_attn.q.diff"), tensor(1, &[32, 32])),
        (format!("{block}.self_attn.q.diff_b"), tensor(2, &[32])),
        (format!("{block}.norm3.diff"), tensor(3, &[32])),
        (format!("{block}.norm3.diff_b"), tensor(4, &[32])),
        (format!("{block}.diff_m"), tensor(5, &[1, 6, 32])),
        (
            "diffusion_model.head.modulation.diff".into(),
            tensor(6, &[2, 32]),
        ),
        (
            "diffusion_model.patch_embedding.diff".into(),
            tensor(7, &[32, 16, 2, 2]),
        ),
        (format!("{block}.ffn.2.lora_A.weight"), tensor(8, &[2, 64])),
        (format!("{block}.ffn.2.lora_B.weight"), tensor(9, &[32, 2])),
        (format!("{block}.ffn.2.lora_B.bias"), tensor(10, &[32])),
        (
            format!("{block}.ffn.2.alpha"),
            Tensor::new(4f32, &Device::Cpu).unwrap(),
        ),
    ]);
    save(&tensors, &path);
    let mut expected = fixture("tiny_wan_dit");
    let mut add = |name: &str, change: Tensor| {
        let base = expected.get_mut(name).unwrap();
        let change = (change.reshape(base.shape()).unwrap() * 0.5).unwrap();
        *base = (&*base + change).unwrap();
    };
    add("blocks.0.attn1.to_q.weight", tensor(1, &[32, 32]));
    add("blocks.0.attn1.to_q.bias", tensor(2, &[32]));
    add("blocks.0.norm2.weight", tensor(3, &[32]));
    add("blocks.0.norm2.bias", tensor(4, &[32]));
    add("blocks.0.scale_shift_table", tensor(5, &[1, 6, 32]));
    add("scale_shift_table", tensor(6, &[2, 32]));
    add("patch_embedding.weight", tensor(7, &[32, 16, 2, 2]));
    let product = tensor(9, &[32, 2]).matmul(&tensor(8, &[2, 64])).unwrap();
    add("blocks.0.ffn.net.2.weight", (product * 2.0).unwrap());
    add(
        "blocks.0.ffn.net.2.bias",
        (tensor(10, &[32]) * 2.0).unwrap(),
    );
    let merged = folder.path().join("merged.safetensors");
    save(&expected, &merged);
    let expected = output(&Weights::open(&merged, Network::Dit, &Device::Cpu).unwrap());
    let weights = with(&plain(), &path, 0.5);
    let far = distance(&output(&weights), &expected);
    assert!(far < 1e-5, "{far}");
    let beside = plain().with_loras_beside(Arc::new([opened(&path, 0.5).unwrap()]));
    let far = distance(&output(&beside), &expected);
    assert!(far < 1e-5, "{far}");
}

#[test]
fn layers_in_blocks_are_adapted_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let (base, lora) = (folder.path().join("dit.gguf"), folder.path().join("lora"));
    let tensors = fixture("tiny_wan_dit");
    gguf(
        &tensors,
        Network::Dit,
        Spelling::Original,
        GgmlDType::Q8_0,
        &base,
    );
    let mut added = pairs(LoraSpelling::Kohya, Some(2.0));
    added.insert("lora_unet_blocks_1_ffn_0.diff".into(), tensor(1, &[64, 32]));
    save(&added, &lora);
    let base = Weights::open(&base, Network::Dit, &Device::Cpu).unwrap();
    let blocks = with(&base, &lora, 1.0).with_kept(Keep::AsStored);
    let layer = blocks.linear("blocks.0.attn1.to_q", 32, 32).unwrap();
    assert!(layer.is_quantized());
    let (beside, merged) = (output(&blocks), output(&with(&base, &lora, 1.0)));
    let unchanged = output(&base.with_kept(Keep::AsStored));
    // Blocks of 8 bits round what goes in as well; beside that error the change is large.
    assert!(distance(&beside, &merged) < 0.05);
    assert!(distance(&beside, &unchanged) > 0.5);
    // Weights that are put into blocks while loading have the change in them.
    let quantised = with(&plain(), &lora, 1.0).with_kept(Keep::Quantized(GgmlDType::Q8_0));
    assert!(distance(&output(&quantised), &merged) < 0.1);
}

#[test]
fn every_layer_of_the_published_networks_is_found_under_each_name() {
    for config in [DitConfig::t2v_1_3b(), DitConfig::i2v_14b_480p()] {
        let tensors = config.tensors();
        let keys = Keys::of(tensors.iter().map(|(name, _)| name));
        for (name, _) in &tensors {
            let Some(module) = name.strip_suffix(".weight") else {
                continue;
            };
            for spelling in LoraSpelling::ALL {
                let [_, up] = spelling.pair();
                let key = format!("{}{up}", spelling.module(module));
                assert_eq!(keys.find(&key), Ok((module.to_owned(), Part::Up)), "{key}");
            }
        }
    }
    // As lightx2v and kohya write them.
    let tensors = DitConfig::t2v_14b().tensors();
    let keys = Keys::of(tensors.iter().map(|(name, _)| name));
    for (key, module) in [
        (
            "diffusion_model.blocks.39.cross_attn.o.lora_down.weight",
            "blocks.39.attn2.to_out.0",
        ),
        (
            "lora_unet_blocks_39_cross_attn_o.lora_down.weight",
            "blocks.39.attn2.to_out.0",
        ),
        (
            "diffusion_model.text_embedding.2.lora_down.weight",
            "condition_embedder.text_embedder.linear_2",
        ),
        (
            "diffusion_model.time_projection.1.lora_down.weight",
            "condition_embedder.time_proj",
        ),
        ("diffusion_model.head.head.lora_down.weight", "proj_out"),
    ] {
        assert_eq!(keys.find(key), Ok((module.to_owned(), Part::Down)), "{key}");
    }
    let picture = "diffusion_model.blocks.0.cross_attn.k_img.lora_down.weight";
    assert!(
        keys.find(picture)
            .unwrap_err()
            .contains("no layer of this network")
    );
}

#[test]
fn files_and_strengths_are_read_from_words() {
    let parse = |text: &str| -> Result<(PathBuf, f64)> {
        let source: LoraSource = text.parse()?;
        Ok((source.path, source.strength))
    };
    assert_eq!(
        parse("a.safetensors").unwrap(),
        ("a.safetensors".into(), 1.0)
    );
    assert_eq!(
        parse("a.safetensors:0.5").unwrap(),
        ("a.safetensors".into(), 0.5)
    );
    assert_eq!(parse("dir:1/a:-2").unwrap(), ("dir:1/a".into(), -2.0));
    assert_eq!(parse("C:\\a").unwrap(), ("C:\\a".into(), 1.0));
    for strength in ["1000", "nan", "inf"] {
        let error = parse(&format!("a:{strength}")).unwrap_err().to_string();
        assert!(error.contains("from -100 to 100"), "{error}");
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.safetensors");
    let q = "transformer.blocks.0.attn1.to_q";
    let good = || {
        Tensors::from([
            (format!("{q}.lora_A.weight"), tensor(1, &[2, 32])),
            (format!("{q}.lora_B.weight"), tensor(2, &[32, 2])),
        ])
    };
    save(&good(), &path);
    opened(&path, 1.0).unwrap();
    let refused = |key: &str, tensor: Tensor, says: &str| {
        let mut tensors = good();
        tensors.insert(key.into(), tensor);
        save(&tensors, &path);
        let error = opened(&path, 1.0).unwrap_err();
        let Error::Lora { key: named, .. } = &error else {
            panic!("{key}: {error}");
        };
        let text = error.to_string();
        assert!(
            text.contains(says) && text.contains("bad.safetensors"),
            "{text}"
        );
        named.clone()
    };
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let number = |value: f32| Tensor::new(value, &Device::Cpu).unwrap();
    let named = |end: &str| format!("{q}{end}");
    for (end, tensor, says) in [
        (
            ".lora_A.weight",
            zeros(&[2, 31]),
            "[2, 31], the layer needs [2, 32]",
        ),
        (".lora_A.weight", zeros(&[64]), "the layer needs"),
        (".lora_A.weight", zeros(&[0, 32]), "rank 0"),
        (".lora_A.weight", zeros(&[8193, 32]), "at most 8192"),
        (
            ".lora_B.weight",
            zeros(&[31, 2]),
            "[31, 2], the layer needs [32, 2]",
        ),
        (
            ".lora_B.weight",
            zeros(&[32, 3]),
            "[32, 3], the layer needs [32, 2]",
        ),
        (
            ".lora_A.weight",
            (zeros(&[2, 32]) / 0.0).unwrap(),
            "not finite",
        ),
        (
            ".lora_B.weight",
            (zeros(&[32, 2]) + f64::INFINITY).unwrap(),
            "not finite",
        ),
        (".alpha", number(f32::NAN), "not finite"),
        (".alpha", zeros(&[2]), "one number"),
        (".alpha", zeros(&[0]), "one number"),
        (".diff", zeros(&[32, 31]), "the tensor is [32, 32]"),
        (".diff_b", zeros(&[33]), "the tensor is [32]"),
        (".lora_B.bias", zeros(&[1, 2, 32]), "the tensor is [32]"),
        (
            ".lora_A.weight",
            zeros(&[2, 32]).to_dtype(DType::I64).unwrap(),
            "I64",
        ),
        (".dora_scale", zeros(&[32]), "DoRA"),
        (".lokr_w1", zeros(&[2, 2]), "LoKr"),
        (".hada_w1_a", zeros(&[2, 2]), "LoHa"),
        (".weight", zeros(&[32, 32]), "no part of a LoRA"),
    ] {
        assert_eq!(refused(&named(end), tensor, says), named(end));
    }
    for (key, tensor, says) in [
        (
            "transformer.blocks.2.attn1.to_q.lora_A.weight",
            zeros(&[2, 32]),
            "no layer",
        ),
        (
            "text_encoder.layer.lora_A.weight",
            zeros(&[2, 32]),
            "no layer",
        ),
        (
            "transformer.blocks.0.attn1.to_k.lora_A.weight",
            zeros(&[2, 32]),
            "no B",
        ),
        (
            "transformer.blocks.0.attn1.to_k.lora_B.weight",
            zeros(&[32, 2]),
            "no A",
        ),
        (
            "transformer.blocks.0.attn1.to_k.alpha",
            number(1.0),
            "no A and B",
        ),
        (
            "transformer.blocks.0.attn1.norm_q.diff_b",
            zeros(&[32]),
            "the layer has none",
        ),
        (
            "transformer.blocks.0.attn1.norm_q.lora_A.weight",
            zeros(&[2, 32]),
            "no B",
        ),
        (
            "diffusion_model.blocks.0.self_attn.q.lora_B.weight",
            zeros(&[32, 2]),
            "the same as",
        ),
    ] {
        refused(key, tensor, says);
    }
    let unread = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        opened(&path, 1.0).unwrap_err().to_string()
    };
    save(&good(), &path);
    let whole = fs::read(&path).unwrap();
    for bytes in [
        &b""[..],
        b"no weights",
        &whole[..40],
        &whole[..whole.len() - 1],
    ] {
        assert!(unread(bytes).contains("damaged"));
    }
    // A header that states more than the file has is refused before anything is allocated.
    let header =
        br#"{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    assert!(unread(&bytes).contains("damaged"));
    save(&Tensors::new(), &path);
    assert!(
        opened(&path, 1.0)
            .unwrap_err()
            .to_string()
            .contains("lora_A")
    );
    let gguf_path = folder.path().join("lora.gguf");
    gguf(
        &good(),
        Network::Dit,
        Spelling::Original,
        GgmlDType::F32,
        &gguf_path,
    );
    assert!(
        opened(&gguf_path, 1.0)
            .unwrap_err()
            .to_string()
            .contains("GGUF")
    );
    let missing = opened(&folder.path().join("none"), 1.0).unwrap_err();
    assert!(matches!(missing, Error::Read { .. }));
}
