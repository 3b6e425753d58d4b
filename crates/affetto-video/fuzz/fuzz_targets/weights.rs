use affetto_video::{
    model::{DitConfig, Umt5Config, WanDit},
    weights::{Keep, Network, Weights},
};
use candle_core::Device;

/// Opens the bytes as a file of this ending as each network, and reads what is there.
pub fn read(bytes: &[u8], ending: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(format!("model.{ending}"));
    std::fs::write(&path, bytes).expect("a file");
    for network in [
        Network::Dit,
        Network::Vae { res_blocks: 2 },
        Network::Umt5,
        Network::Clip,
    ] {
        let Ok(weights) = Weights::open(&path, network, &Device::Cpu) else {
            continue;
        };
        let weights = weights.with_kept(Keep::AsStored);
        let _ = WanDit::new(&DitConfig::tiny(), &weights);
        let _ = DitConfig::of_weights(&weights);
        let _ = Umt5Config::of_weights(&weights);
        let _ = weights.rows("shared.weight", [8, 32], &[7, 0]);
        let _ = weights.held_bytes(&DitConfig::tiny().tensors());
    }
}
