use candle_core::{DType, Device};

use super::*;
use crate::{
    parity::{distance, fixture, noise, weights},
    weights::Network,
};

fn config() -> VaeConfig {
    let text = crate::parity::config("vae");
    VaeConfig::from_json(&text).unwrap()
}

fn vae(order: Order) -> WanVae {
    let weights = weights("tiny_wan_vae", Network::Vae { res_blocks: 1 });
    WanVae::in_order(&config(), &weights, order).unwrap()
}

const ORDERS: [Order; 2] = [Order::ChannelsLast, Order::ChannelsFirst];

#[test]
fn whole_clips_are_those_of_the_reference() {
    let io = fixture("tiny_wan_vae_io");
    for order in ORDERS {
        let vae = vae(order);
        let video = &io["enc.in"];
        let moments = vae.encode(video).unwrap();
        let first = vae.encode(&video.narrow(2, 0, 1).unwrap()).unwrap();
        let decoded = vae.decode(&io["dec.in"]).unwrap();
        let latent = io["dec.in"].narrow(2, 0, 1).unwrap();
        let frame = vae.decode(&latent).unwrap();
        for (name, found) in [
            ("enc.moments", moments),
            ("enc1.moments", first),
            ("dec.out", decoded),
            ("dec1.out", frame),
        ] {
            let far = distance(&found, &io[name]);
            crate::parity::record(&format!("vae {order:?} {name}"), far);
            assert!(far < 1e-4, "{order:?} {name}: {far}");
        }
    }
}

#[test]
fn parts_are_those_of_the_reference_and_of_whole_clips() {
    let io = fixture("tiny_wan_vae_io");
    for order in ORDERS {
        let vae = vae(order);
        let mut frames = Vec::new();
        vae.decode_streamed(&io["dec.in"], None, |decoded| {
            frames.extend(decoded.frames);
            Ok(())
        })
        .unwrap();
        let counts: Vec<usize> = frames.iter().map(|part| part.dim(2).unwrap()).collect();
        assert_eq!(counts, [1, 4, 4]);
        let streamed = Tensor::cat(&frames, 2).unwrap();
        let far = distance(&streamed, &io["dec.out"]);
        crate::parity::record(&format!("vae {order:?} dec.out streamed"), far);
        assert!(far < 1e-4, "{far}");
        let whole = vae.decode(&io["dec.in"]).unwrap();
        assert!(distance(&streamed, &whole) < 1e-5);

        let mut stream = vae.encode_stream();
        let part = |start, count| io["enc.in"].narrow(2, start, count).unwrap();
        let parts = [part(0, 1), part(1, 4), part(5, 4)];
        let moments: Vec<Tensor> = parts.iter().map(|x| stream.push(x).unwrap()).collect();
        let streamed = Tensor::cat(&moments, 2).unwrap();
        let far = distance(&streamed, &io["enc.moments"]);
        crate::parity::record(&format!("vae {order:?} enc.moments streamed"), far);
        assert!(far < 1e-4, "{far}");
        assert!(distance(&streamed, &vae.encode(&io["enc.in"]).unwrap()) < 1e-5);
    }
}

/// Parts of any number of frames, for latents longer than those of the reference.
#[test]
fn parts_may_be_of_any_length() {
    let vae = vae(Order::ChannelsLast);
    let latent = noise(&[1, 16, 6, 3, 2]);
    let whole = vae.decode(&latent).unwrap();
    assert_eq!(whole.dims(), [1, 3, 21, 24, 16]);
    let mut stream = vae.decode_stream(3, 2);
    let parts = [(0, 2), (2, 1), (3, 3)].map(|(start, count)| {
        let part = latent.narrow(2, start, count).unwrap();
        stream.push(&part).unwrap()
    });
    assert!(distance(&Tensor::cat(&parts, 2).unwrap(), &whole) < 1e-5);
}

#[test]
fn tiles_that_hold_all_change_nothing_and_smaller_ones_cover_everything() {
    let vae = vae(Order::ChannelsLast);
    let latent = noise(&[1, 16, 2, 7, 11]);
    let whole = vae.decode(&latent).unwrap();
    let tiled = |size, overlap| {
        let mut frames = Vec::new();
        let tiles = Some(Tiles { size, overlap });
        let mut passes = 0;
        vae.decode_streamed(&latent, tiles, |decoded| {
            passes += 1;
            assert!(decoded.passes == passes && passes <= decoded.of);
            assert!(decoded.frames.is_some() == (decoded.of - passes < 2));
            frames.extend(decoded.frames);
            Ok(())
        })
        .unwrap();
        Tensor::cat(&frames, 2).unwrap()
    };
    assert!(distance(&tiled(11, 2), &whole) < 1e-5);
    let small = tiled(6, 2);
    assert_eq!(small.dims(), whole.dims());
    // No seam: where the tiles meet, neighbouring pixels differ no more than elsewhere.
    let steps = |video: &Tensor, at: usize| -> f32 {
        let row = |at| video.narrow(3, at, 1).unwrap();
        let step = (row(at) - row(at + 1)).unwrap().abs().unwrap();
        step.mean_all().unwrap().to_scalar().unwrap()
    };
    let largest = (0..55).map(|at| steps(&whole, at)).fold(0.0, f32::max);
    assert!((0..55).all(|at| steps(&small, at) < 1.5 * largest));
    let overlap = Some(Tiles {
        size: 4,
        overlap: 4,
    });
    assert!(vae.decode_streamed(&latent, overlap, |_| Ok(())).is_err());
}

/// The shares of all tiles at a row are 1 together.
#[test]
fn shares_of_tiles_sum_to_one() {
    for (extent, size, overlap) in [(11, 6, 2), (20, 7, 3), (5, 5, 1), (13, 4, 0)] {
        let tiles = Tiles { size, overlap };
        let mut sums = vec![0f32; extent * 8];
        for span in tiles.spans(extent, 8).unwrap() {
            for (sum, share) in sums[span.before..].iter_mut().zip(&span.shares) {
                *sum += share;
            }
        }
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{sums:?}");
    }
}

#[test]
fn extents_that_do_not_fit_are_refused() {
    let vae = vae(Order::ChannelsLast);
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    assert!(vae.encode(&zeros(&[1, 3, 4, 16, 16])).is_err());
    assert!(vae.encode(&zeros(&[1, 3, 5, 12, 16])).is_err());
    assert!(vae.encode(&zeros(&[1, 4, 5, 16, 16])).is_err());
    assert!(vae.encode(&zeros(&[3, 5, 16, 16])).is_err());
    assert!(vae.decode(&zeros(&[1, 15, 2, 2, 2])).is_err());
    assert!(vae.decode(&zeros(&[1, 16, 0, 2, 2])).is_err());
    let mut stream = vae.encode_stream();
    assert!(stream.push(&zeros(&[1, 3, 3, 16, 16])).is_err());
    let mut stream = vae.decode_stream(2, 2);
    assert!(stream.push(&zeros(&[1, 16, 1, 2, 3])).is_err());
}

#[test]
fn normalising_comes_undone() {
    let vae = vae(Order::ChannelsLast);
    let latent = noise(&[2, 16, 3, 2, 5]);
    let there = vae.denormalise(&latent).unwrap();
    assert!(distance(&vae.normalise(&there).unwrap(), &latent) < 1e-5);
}
