//! The transformer and the autoencoder on the CPU, at widths that a laptop runs.
//!
//!     cargo bench -p affetto-video --bench wan

#![allow(clippy::unwrap_used, missing_docs)]

use std::{collections::HashMap, path::Path};

use affetto_video::{
    model::{Conditioning, DitCondition, DitConfig, VaeConfig, WanDit, WanVae},
    weights::{Network, Weights},
};
use candle_core::{DType, Device, Tensor};
use divan::Bencher;

fn main() {
    divan::main();
}

/// Weights drawn at random, through a file.
fn weights(tensors: Vec<(String, Vec<usize>)>, network: Network, path: &Path) -> Weights {
    let tensors: HashMap<String, Tensor> = tensors
        .into_iter()
        .map(|(name, shape)| {
            (
                name,
                Tensor::randn(0f32, 0.05, shape, &Device::Cpu).unwrap(),
            )
        })
        .collect();
    candle_core::safetensors::save(&tensors, path).unwrap();
    Weights::open(path, network, &Device::Cpu).unwrap()
}

/// 1,280 tokens of width 768, 4 blocks.
#[divan::bench(sample_count = 5)]
fn dit_forward(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let config = DitConfig {
        heads: 6,
        layers: 4,
        ffn_width: 3072,
        text_width: 256,
        conditioning: Conditioning::Tokens,
        ..DitConfig::t2v_1_3b()
    };
    let path = folder.path().join("dit.safetensors");
    let weights = weights(config.tensors(), Network::Dit, &path);
    let dit = WanDit::new(&config, &weights).unwrap();
    let latent = Tensor::randn(0f32, 1.0, (1, 16, 5, 32, 32), &Device::Cpu).unwrap();
    let context = Tensor::randn(0f32, 1.0, (1, 64, 256), &Device::Cpu).unwrap();
    let condition = DitCondition::of_context(context);
    bencher.bench(|| dit.forward(&latent, &[500.0], &condition).unwrap());
}

/// 5 frames of 128 by 128 with half the channels of Wan 2.1.
#[divan::bench(sample_count = 5)]
fn vae_decode(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let config = VaeConfig {
        base_dim: 48,
        ..VaeConfig::wan_2_1()
    };
    let path = folder.path().join("vae.safetensors");
    let weights = weights(config.tensors(), Network::Vae { res_blocks: 2 }, &path);
    let vae = WanVae::new(&config, &weights).unwrap();
    let latent = Tensor::zeros((1, 16, 2, 16, 16), DType::F32, &Device::Cpu).unwrap();
    bencher.bench(|| vae.decode(&latent).unwrap());
}
