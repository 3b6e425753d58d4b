use affetto_video::{
    lora::{Lora, LoraSource},
    model::{ClipConfig, DitConfig, Umt5Config, VaeConfig, WanDit},
    weights::{Keep, Network, Weights},
};
use candle_core::Device;

/// Opens the bytes as a file of this ending as each network, and reads what is there.
pub fn read(bytes: &[u8], ending: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(format!("model.{ending}"));
    std::fs::write(&path, bytes).expect("a file");
    let source = LoraSource {
        path: path.clone(),
        strength: 0.5,
    };
    match Lora::open(source, &DitConfig::tiny()) {
        Ok(lora) => assert!(lora.changed() > 0),
        Err(error) => assert!(error.to_string().contains("model."), "{error}"),
    }
    let dit = DitConfig::tiny().tensors();
    let umt5 = Umt5Config {
        vocab_size: 8,
        d_model: 32,
        num_layers: 1,
        ..Umt5Config::xxl()
    };
    for (network, tensors) in [
        (Network::Dit, dit),
        (
            Network::Vae { res_blocks: 2 },
            VaeConfig::wan_2_1().tensors(),
        ),
        (Network::Umt5, umt5.tensors()),
        (Network::Clip, ClipConfig::vit_h_14().tensors()),
        (
            Network::Tiny,
            vec![("decoder.3.conv.0.weight".into(), vec![64, 128, 3, 3])],
        ),
    ] {
        let weights = match Weights::open(&path, network, &Device::Cpu) {
            Ok(weights) => weights,
            Err(error) => {
                assert!(error.to_string().contains("model."), "{error}");
                continue;
            }
        };
        for (name, shape) in &tensors {
            check(&weights, name, shape);
        }
        let weights = weights.with_kept(Keep::AsStored);
        let _ = WanDit::new(&DitConfig::tiny(), &weights);
        let _ = DitConfig::of_weights(&weights);
        let _ = Umt5Config::of_weights(&weights);
        let _ = weights.rows("shared.weight", [8, 32], &[7, 0]);
        weights.held_bytes(&tensors);
    }
}

/// A tensor is read in the shape that is asked for, or in the one that the file says; else it is refused.
fn check(weights: &Weights, name: &str, shape: &[usize]) {
    let fits = weights.check(name, shape).is_ok();
    match weights.get(name, shape) {
        Ok(tensor) => assert!(
            fits && tensor.dims() == shape,
            "{name}: {:?}",
            tensor.dims()
        ),
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
    }
    let Ok(stored) = weights.shape(name) else {
        return;
    };
    if let Ok(tensor) = weights.get(name, &stored) {
        assert_eq!(tensor.dims(), stored);
        let rows = <[usize; 2]>::try_from(&stored[..])
            .ok()
            .filter(|[rows, _]| *rows > 0);
        if let Some([count, width]) = rows {
            let last = u32::try_from(count - 1).expect("few rows in few bytes");
            if let Ok(part) = weights.rows(name, [count, width], &[last, 0]) {
                assert_eq!(part.dims(), [2, width]);
            }
        }
    }
}
