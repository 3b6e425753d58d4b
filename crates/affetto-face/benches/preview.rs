//! Frames a second of the preview, 512 pixels wide and high.
//!
//!     cargo bench -p affetto-face --bench preview

#![allow(clippy::unwrap_used, missing_docs)]

use affetto_face::{FaceBasis, preview::Renderer};
use affetto_media::rig::{Shape, TakeFrame};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

#[divan::bench]
fn frames(bencher: Bencher) {
    let basis = FaceBasis::built_in().unwrap();
    let renderer = Renderer::new(&basis);
    let mut frame = TakeFrame::default();
    frame.shapes[Shape::JawOpen] = 0.5;
    frame.shapes[Shape::MouthSmileLeft] = 0.6;
    let bencher = bencher.counter(ItemsCount::new(1usize));
    bencher.bench(|| renderer.render(&[0.5, -1.0], &frame, 512).unwrap());
}
