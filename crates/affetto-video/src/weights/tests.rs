use std::{collections::BTreeMap, fs};

use candle_core::quantized::gguf_file;

use super::*;
use crate::{
    model::{Conditioning, DitCondition, DitConfig, Umt5Config, Umt5Encoder, VaeConfig, WanDit},
    parity::{config, distance, fixture, path, weights},
};

type Table = BTreeMap<String, String>;

/// The rows of a published table of names, without its head.
fn rows(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path(name)).unwrap();
    let rows = text.lines().filter(|line| line.contains('['));
    rows.map(|row| row.split('\t').map(str::to_owned).collect())
        .collect()
}

fn table(rows: &[Vec<String>], column: usize) -> Table {
    let entry = |row: &Vec<String>| (row[column].clone(), row[row.len() - 1].clone());
    rows.iter().map(entry).collect()
}

fn spelled(tensors: &[(String, Vec<usize>)], network: Network, spelling: Spelling) -> Table {
    let tensors = tensors.iter();
    tensors
        .map(|(name, shape)| (network.spell(name, spelling), format!("{shape:?}")))
        .collect()
}

#[test]
fn transformer_names_and_shapes_are_the_published_ones() {
    let tensors = DitConfig::t2v_1_3b().tensors();
    let published = rows("wan21_t2v_1.3b_names.tsv");
    assert_eq!((tensors.len(), published.len()), (825, 825));
    for (column, spelling) in [(0, Spelling::Original), (1, Spelling::Diffusers)] {
        assert_eq!(
            spelled(&tensors, Network::Dit, spelling),
            table(&published, column)
        );
    }
    let diffusers = table(&rows("wan21_t2v_1.3b_diffusers_params.txt"), 0);
    assert_eq!(
        spelled(&tensors, Network::Dit, Spelling::Diffusers),
        diffusers
    );
    let numbers: usize = tensors
        .iter()
        .map(|(_, shape)| shape.iter().product::<usize>())
        .sum();
    assert_eq!(numbers, 1_418_996_800);
}

#[test]
fn autoencoder_names_and_shapes_are_the_published_ones() {
    let config = VaeConfig::wan_2_1();
    let network = Network::Vae {
        res_blocks: config.num_res_blocks,
    };
    let tensors = config.tensors();
    let published = rows("wan21_vae_names.tsv");
    assert_eq!((tensors.len(), published.len()), (194, 194));
    for (column, spelling) in [(0, Spelling::Original), (1, Spelling::Diffusers)] {
        assert_eq!(
            spelled(&tensors, network, spelling),
            table(&published, column)
        );
    }
    let diffusers = table(&rows("wan21_vae_diffusers_params.txt"), 0);
    assert_eq!(spelled(&tensors, network, Spelling::Diffusers), diffusers);
    let numbers: usize = tensors
        .iter()
        .map(|(_, shape)| shape.iter().product::<usize>())
        .sum();
    assert_eq!(numbers, 126_892_531);
}

#[test]
fn text_encoder_names_and_shapes_are_the_published_ones() {
    let tensors = Umt5Config::xxl().tensors();
    let mut published = table(&rows("umt5_xxl_encoder_params.txt"), 0);
    // The same numbers under a second name.
    let tied = published.remove("encoder.embed_tokens.weight");
    assert_eq!(tied, published.get("shared.weight").cloned());
    assert_eq!(tensors.len(), 242);
    assert_eq!(
        spelled(&tensors, Network::Umt5, Spelling::Diffusers),
        published
    );
}

/// The names that the other publications of the text encoder have, worked by hand.
#[test]
fn text_encoder_names_of_the_other_publications() {
    let block = "encoder.block.7.layer";
    for (name, original, llama_cpp) in [
        (
            "shared.weight",
            "token_embedding.weight",
            "token_embd.weight",
        ),
        (
            &format!("{block}.0.SelfAttention.k.weight"),
            "blocks.7.attn.k.weight",
            "enc.blk.7.attn_k.weight",
        ),
        (
            &format!("{block}.0.SelfAttention.relative_attention_bias.weight"),
            "blocks.7.pos_embedding.embedding.weight",
            "enc.blk.7.attn_rel_b.weight",
        ),
        (
            &format!("{block}.0.layer_norm.weight"),
            "blocks.7.norm1.weight",
            "enc.blk.7.attn_norm.weight",
        ),
        (
            &format!("{block}.1.layer_norm.weight"),
            "blocks.7.norm2.weight",
            "enc.blk.7.ffn_norm.weight",
        ),
        (
            &format!("{block}.1.DenseReluDense.wi_0.weight"),
            "blocks.7.ffn.gate.0.weight",
            "enc.blk.7.ffn_gate.weight",
        ),
        (
            &format!("{block}.1.DenseReluDense.wi_1.weight"),
            "blocks.7.ffn.fc1.weight",
            "enc.blk.7.ffn_up.weight",
        ),
        (
            &format!("{block}.1.DenseReluDense.wo.weight"),
            "blocks.7.ffn.fc2.weight",
            "enc.blk.7.ffn_down.weight",
        ),
        (
            "encoder.final_layer_norm.weight",
            "norm.weight",
            "enc.output_norm.weight",
        ),
    ] {
        assert_eq!(Network::Umt5.spell(name, Spelling::Original), original);
        assert_eq!(Network::Umt5.spell(name, Spelling::LlamaCpp), llama_cpp);
    }
}

#[test]
fn picture_to_video_has_its_own_tensors() {
    let (text, picture) = (
        DitConfig::t2v_14b().tensors(),
        DitConfig::i2v_14b_480p().tensors(),
    );
    // Two linear layers and a norm in each block, two linear layers and two norms outside.
    assert_eq!(picture.len() - text.len(), 40 * 5 + 8);
    let spelled = spelled(&picture, Network::Dit, Spelling::Original);
    for (name, shape) in [
        ("blocks.39.cross_attn.k_img.weight", "[5120, 5120]"),
        ("blocks.39.cross_attn.norm_k_img.weight", "[5120]"),
        ("img_emb.proj.0.bias", "[1280]"),
        ("img_emb.proj.1.weight", "[1280, 1280]"),
        ("img_emb.proj.3.weight", "[5120, 1280]"),
        ("img_emb.proj.4.weight", "[5120]"),
        ("patch_embedding.weight", "[5120, 36, 1, 2, 2]"),
    ] {
        assert_eq!(spelled.get(name).map(String::as_str), Some(shape), "{name}");
    }
}

pub(crate) fn tokens() -> DitConfig {
    DitConfig {
        conditioning: Conditioning::Tokens,
        ..DitConfig::from_json(&config("dit")).unwrap()
    }
}

/// What the small transformer makes of the input of the fixtures.
pub(crate) fn output(weights: &Weights) -> Tensor {
    let io = fixture("tiny_wan_dit_io");
    let condition = DitCondition::of_context(io["in.ctx"].clone());
    let dit = WanDit::new(&tokens(), weights).unwrap();
    dit.forward(&io["in.x"], &[999.0, 250.0], &condition)
        .unwrap()
}

fn save(tensors: &HashMap<String, Tensor>, path: &Path) {
    candle_core::safetensors::save(tensors, path).unwrap();
}

#[test]
fn every_spelling_is_recognised_and_loads_the_same_network() {
    let folder = tempfile::tempdir().unwrap();
    let expected = output(&weights("tiny_wan_dit", Network::Dit));
    let tensors = fixture("tiny_wan_dit");
    for (prefix, spelling) in [
        ("", Spelling::Original),
        ("model.diffusion_model.", Spelling::Original),
        ("model.", Spelling::Diffusers),
    ] {
        let spelled = |name: &String| format!("{prefix}{}", Network::Dit.spell(name, spelling));
        let tensors = tensors
            .iter()
            .map(|(name, tensor)| (spelled(name), tensor.clone()))
            .collect();
        let path = folder.path().join("weights.safetensors");
        save(&tensors, &path);
        let weights = Weights::open(&path, Network::Dit, &Device::Cpu).unwrap();
        assert_eq!(weights.spelling(), spelling);
        assert_eq!(distance(&output(&weights), &expected), 0.0);
    }
    let path = path("tiny_wan_vae.safetensors");
    let error = Weights::open(&path, Network::Dit, &Device::Cpu)
        .err()
        .unwrap();
    assert!(matches!(error, Error::OtherNetwork { .. }));
    assert!(error.to_string().contains("tiny_wan_vae"), "{error}");
}

#[test]
fn parts_are_read_through_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = fixture("tiny_wan_dit");
    let name = |index: usize| format!("part-{index}.safetensors");
    let mut parts = [HashMap::new(), HashMap::new()];
    let mut map = BTreeMap::new();
    for (at, (tensor, value)) in tensors.into_iter().enumerate() {
        map.insert(tensor.clone(), name(at % 2));
        parts[at % 2].insert(tensor, value);
    }
    for (index, part) in parts.iter().enumerate() {
        save(part, &folder.path().join(name(index)));
    }
    let index = folder.path().join("model.safetensors.index.json");
    let write = |map: &BTreeMap<String, String>| {
        let json = serde_json::json!({ "weight_map": map });
        fs::write(&index, json.to_string()).unwrap();
    };
    write(&map);
    let expected = output(&weights("tiny_wan_dit", Network::Dit));
    for path in [folder.path(), &index] {
        let weights = Weights::open(path, Network::Dit, &Device::Cpu).unwrap();
        assert_eq!(distance(&output(&weights), &expected), 0.0);
    }
    map.insert("outside".into(), "../part-0.safetensors".into());
    write(&map);
    let error = Weights::open(&index, Network::Dit, &Device::Cpu)
        .err()
        .unwrap();
    assert!(error.to_string().contains("index.json"), "{error}");
}

pub(crate) fn gguf(
    tensors: &HashMap<String, Tensor>,
    network: Network,
    spelling: Spelling,
    kind: GgmlDType,
    path: &Path,
) {
    let blocks: Vec<(String, QTensor)> = tensors
        .iter()
        .map(|(name, tensor)| {
            // Four extents at most, as in the published files.
            let tensor = if tensor.rank() > 4 {
                tensor.flatten_from(1).unwrap()
            } else {
                tensor.clone()
            };
            let matrix = tensor.rank() == 2 && tensor.dim(1).unwrap() % kind.block_size() == 0;
            let kind = if matrix { kind } else { GgmlDType::F32 };
            (
                network.spell(name, spelling),
                QTensor::quantize(&tensor, kind).unwrap(),
            )
        })
        .collect();
    let blocks: Vec<(&str, &QTensor)> = blocks
        .iter()
        .map(|(name, block)| (name.as_str(), block))
        .collect();
    let mut file = fs::File::create(path).unwrap();
    gguf_file::write(&mut file, &[], &blocks).unwrap();
}

#[test]
fn gguf_files_load_as_floats_and_as_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dit.gguf");
    let expected = output(&weights("tiny_wan_dit", Network::Dit));
    let tensors = fixture("tiny_wan_dit");
    for (kind, tolerance) in [(GgmlDType::F32, 1e-6), (GgmlDType::Q8_0, 0.05)] {
        gguf(&tensors, Network::Dit, Spelling::Original, kind, &path);
        let weights = Weights::open(&path, Network::Dit, &Device::Cpu).unwrap();
        for keep in [Keep::Floats, Keep::AsStored] {
            let far = distance(&output(&weights.with_kept(keep)), &expected);
            assert!(far <= tolerance, "{kind:?} {keep:?}: {far}");
        }
    }
    let weights = weights("tiny_wan_dit", Network::Dit);
    let weights = weights.with_kept(Keep::Quantized(GgmlDType::Q8_0));
    let layer = weights.linear("blocks.0.attn1.to_q", 32, 32).unwrap();
    assert!(matches!(layer, Linear::Quantized { .. }));
    assert!(distance(&output(&weights), &expected) < 0.05);
}

/// Of floats, of blocks that rows consist of, and of rows that blocks do not divide.
#[test]
fn rows_are_those_of_the_whole_matrix() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = fixture("tiny_umt5");
    let whole = weights("tiny_umt5", Network::Umt5);
    for kind in [None, Some(GgmlDType::F16), Some(GgmlDType::Q8_0)] {
        let read = match kind {
            None => whole.clone(),
            Some(kind) => {
                let path = folder.path().join("encoder.gguf");
                gguf(&tensors, Network::Umt5, Spelling::LlamaCpp, kind, &path);
                Weights::open(&path, Network::Umt5, &Device::Cpu).unwrap()
            }
        };
        let all = read.get("shared.weight", &[128, 32]).unwrap();
        let some = read
            .rows("shared.weight", [128, 32], &[3, 127, 3, 0])
            .unwrap();
        let ids = Tensor::new(&[3u32, 127, 3, 0], &Device::Cpu).unwrap();
        let far = distance(&some, &all.index_select(&ids, 0).unwrap());
        assert_eq!(far, 0.0, "{kind:?}");
        assert!(read.rows("shared.weight", [128, 32], &[128]).is_err());
        assert!(read.rows("shared.weight", [127, 32], &[1]).is_err());
    }
}

#[test]
fn text_encoders_load_from_every_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let config = Umt5Config::from_json(&config("umt5")).unwrap();
    let states = |weights: &Weights| {
        Umt5Encoder::new(&config, weights)
            .unwrap()
            .encode(&[vec![3, 99, 17, 1]])
            .unwrap()
            .remove(0)
    };
    let expected = states(&weights("tiny_umt5", Network::Umt5));
    let tensors = fixture("tiny_umt5");
    for spelling in Spelling::ALL {
        let path = folder.path().join("encoder.gguf");
        gguf(&tensors, Network::Umt5, spelling, GgmlDType::F32, &path);
        let weights = Weights::open(&path, Network::Umt5, &Device::Cpu).unwrap();
        assert_eq!(weights.spelling(), spelling);
        assert!(distance(&states(&weights), &expected) < 1e-6);
    }
    // A file may have the embedding under its second name alone.
    let mut tensors = tensors;
    let embedding = tensors.remove("shared.weight").unwrap();
    tensors.insert("encoder.embed_tokens.weight".into(), embedding);
    let path = folder.path().join("encoder.safetensors");
    save(&tensors, &path);
    let weights = Weights::open(&path, Network::Umt5, &Device::Cpu).unwrap();
    assert_eq!(distance(&states(&weights), &expected), 0.0);
}

#[test]
fn half_and_8_bit_floats_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let expected = output(&weights("tiny_wan_dit", Network::Dit));
    for (dtype, tolerance) in [
        (DType::F16, 0.01),
        (DType::BF16, 0.05),
        (DType::F8E4M3, 0.5),
    ] {
        let mut tensors = HashMap::new();
        for (name, tensor) in fixture("tiny_wan_dit") {
            if dtype == DType::F8E4M3 && tensor.rank() == 2 {
                let scale = name.replace(".weight", ".scale_weight");
                tensors.insert(scale, Tensor::new(&[0.5f32], &Device::Cpu).unwrap());
                let doubled = (tensor * 2.0).unwrap();
                tensors.insert(name, doubled.to_dtype(dtype).unwrap());
            } else if dtype == DType::F8E4M3 {
                tensors.insert(name, tensor);
            } else {
                tensors.insert(name, tensor.to_dtype(dtype).unwrap());
            }
        }
        save(&tensors, &path);
        let weights = Weights::open(&path, Network::Dit, &Device::Cpu).unwrap();
        let far = distance(&output(&weights), &expected);
        assert!(far < tolerance, "{dtype:?}: {far}");
    }
    let half = weights("tiny_wan_dit", Network::Dit).with_dtype(DType::F16);
    assert!(distance(&output(&half), &expected) < 0.01);
}

#[test]
fn missing_and_misshapen_tensors_are_named_with_their_file() {
    let weights = weights("tiny_wan_dit", Network::Dit);
    let wide = DitConfig {
        ffn_width: 65,
        ..tokens()
    };
    let error = WanDit::new(&wide, &weights).err().unwrap();
    let text = error.to_string();
    assert!(matches!(error, Error::Misshapen { .. }), "{text}");
    assert!(
        text.contains("ffn.net.0.proj") && text.contains("tiny_wan_dit.safetensors"),
        "{text}"
    );
    let deep = DitConfig {
        layers: 3,
        ..tokens()
    };
    let text = WanDit::new(&deep, &weights).err().unwrap().to_string();
    assert!(
        text.contains("blocks.2") && text.contains("tiny_wan_dit.safetensors"),
        "{text}"
    );
}

/// Files cut short at many places and files with bytes changed: an error that names the file, or weights, never a panic.
#[test]
fn damaged_files_give_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let safetensors = fs::read(path("tiny_wan_dit.safetensors")).unwrap();
    let path = folder.path().join("whole.gguf");
    gguf(
        &fixture("tiny_wan_dit"),
        Network::Dit,
        Spelling::Original,
        GgmlDType::Q8_0,
        &path,
    );
    let gguf = fs::read(&path).unwrap();
    for (name, bytes) in [("cut.safetensors", &safetensors), ("cut.gguf", &gguf)] {
        let path = folder.path().join(name);
        let load = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            Weights::open(&path, Network::Dit, &Device::Cpu)
                .and_then(|weights| WanDit::new(&tokens(), &weights).map(|_| ()))
        };
        for keep in [0, 3, 8, 20, 200, 4_000, bytes.len() / 2, bytes.len() - 1] {
            let error = load(&bytes[..keep]).unwrap_err().to_string();
            assert!(error.contains(name), "{keep}: {error}");
        }
        for at in (0..bytes.len().min(6_000)).step_by(61) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0xFF;
            if let Err(error) = load(&bytes) {
                assert!(error.to_string().contains(name), "{at}: {error}");
            }
        }
    }
    // An alignment of 0, by which the reader would divide.
    let path = folder.path().join("flat.gguf");
    let mut file = fs::File::create(&path).unwrap();
    let alignment = gguf_file::Value::U32(0);
    let tensor =
        QTensor::quantize(&Tensor::new(&[1f32], &Device::Cpu).unwrap(), GgmlDType::F32).unwrap();
    gguf_file::write(
        &mut file,
        &[("general.alignment", &alignment)],
        &[("x", &tensor)],
    )
    .unwrap();
    let error = Weights::open(&path, Network::Dit, &Device::Cpu)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("flat.gguf"), "{error}");
    assert!(
        Weights::open(
            folder.path().join("none").as_path(),
            Network::Dit,
            &Device::Cpu
        )
        .is_err()
    );
}

/// A matrix without rows and columns, which the reader would make a slice of from no address.
#[test]
fn a_tensor_of_a_gguf_file_has_numbers() {
    let name = "blocks.0.attn1.to_q.weight";
    let words =
        |words: &[u64]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let version_and_counts = [&3u32.to_le_bytes()[..], &words(&[1, 0])].concat();
    let extents = [
        &words(&[name.len() as u64])[..],
        name.as_bytes(),
        &2u32.to_le_bytes(),
        &words(&[0, 0]),
    ]
    .concat();
    let kind_and_offset = [&0u32.to_le_bytes()[..], &words(&[0, 0, 0, 0, 0])].concat();
    let bytes = [
        &b"GGUF"[..],
        &version_and_counts,
        &extents,
        &kind_and_offset,
    ]
    .concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.gguf");
    fs::write(&path, bytes).unwrap();
    let weights = Weights::open(&path, Network::Dit, &Device::Cpu).unwrap();
    let error = weights.get(name, &[0, 0]).err().unwrap().to_string();
    assert!(
        error.contains("it has no numbers") && error.contains("none.gguf"),
        "{error}"
    );
}
