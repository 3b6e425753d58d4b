use affetto_media::rig::{Shape, TakeFrame, Turn};
use image::Rgb;

use super::*;

const SIZE: u32 = 192;

fn frame(shapes: &[(Shape, f64)]) -> TakeFrame {
    let mut frame = TakeFrame::default();
    for (shape, weight) in shapes {
        frame.shapes[*shape] = *weight;
    }
    frame
}

fn basis() -> FaceBasis {
    FaceBasis::built_in().unwrap()
}

/// The place of a point of the neutral face on a picture, as the camera stands now.
fn square(picture: &RgbImage, centre: [f32; 2], half: f32) -> Vec<[u8; 3]> {
    let pixels_per_cm = SIZE as f32 / 25.8;
    let x = |at: f32| (SIZE as f32 / 2.0 + at * pixels_per_cm) as u32;
    let y = |at: f32| (SIZE as f32 / 2.0 + (1.55 - at) * pixels_per_cm) as u32;
    let rows = y(centre[1] + half)..=y(centre[1] - half);
    let columns = x(centre[0] - half)..=x(centre[0] + half);
    rows.flat_map(|y| columns.clone().map(move |x| picture.get_pixel(x, y).0))
        .collect()
}

fn brightness(pixels: &[[u8; 3]]) -> f64 {
    let all = pixels.as_flattened();
    all.iter().map(|part| f64::from(*part)).sum::<f64>() / all.len() as f64
}

fn darkest(pixels: &[[u8; 3]]) -> u32 {
    pixels
        .iter()
        .map(|pixel| pixel.iter().map(|part| u32::from(*part)).sum())
        .min()
        .unwrap()
}

fn difference(a: &RgbImage, b: &RgbImage, left_half: bool) -> u64 {
    let of = |(at, (a, b)): (usize, (&u8, &u8))| {
        let column = at / 3 % SIZE as usize;
        let counts = (column < SIZE as usize / 2) == left_half;
        if counts { u64::from(a.abs_diff(*b)) } else { 0 }
    };
    a.as_raw().iter().zip(b.as_raw()).enumerate().map(of).sum()
}

#[test]
fn a_closed_eye_covers_pupil_and_white() {
    let basis = basis();
    let renderer = Renderer::new(&basis);
    let draw = |weight| {
        let closed = [
            (Shape::EyeBlinkLeft, weight),
            (Shape::EyeBlinkRight, weight),
        ];
        renderer.render(&[], &frame(&closed), SIZE).unwrap()
    };
    let (open, closed) = (draw(0.0), draw(1.0));
    for x in [3.1, -3.1] {
        let (open, closed) = (square(&open, [x, 3.9], 0.5), square(&closed, [x, 3.9], 0.5));
        assert!(darkest(&open) < 100, "{}", darkest(&open));
        assert!(darkest(&closed) > 180, "{}", darkest(&closed));
        let is_skin = |pixel: &[u8; 3]| pixel[0] > pixel[2] + 15;
        assert!(closed.iter().all(is_skin), "{closed:?}");
    }
}

#[test]
fn an_open_jaw_shows_the_dark_mouth() {
    let basis = basis();
    let renderer = Renderer::new(&basis);
    let draw = |weight| {
        renderer
            .render(&[], &frame(&[(Shape::JawOpen, weight)]), SIZE)
            .unwrap()
    };
    let [closed, open] =
        [0.0, 1.0].map(|weight| brightness(&square(&draw(weight), [0.0, -5.2], 0.5)));
    assert!(open < 0.6 * closed, "{open} {closed}");
}

#[test]
fn sides_of_the_face_are_sides_of_the_picture() {
    let basis = basis();
    let renderer = Renderer::new(&basis);
    let rest = renderer.render(&[], &TakeFrame::default(), SIZE).unwrap();
    for (shape, left_half) in [
        (Shape::EyeBlinkRight, true),
        (Shape::BrowOuterUpLeft, false),
        (Shape::MouthSmileLeft, false),
        (Shape::NoseSneerRight, true),
    ] {
        let moved = renderer.render(&[], &frame(&[(shape, 1.0)]), SIZE).unwrap();
        let [own, other] = [left_half, !left_half].map(|half| difference(&rest, &moved, half));
        assert!(own > 3 * other && own > 1000, "{shape}: {own} {other}");
    }
}

#[test]
fn every_shape_is_seen_and_the_same_face_gives_the_same_pixels() {
    let basis = basis();
    let renderer = Renderer::new(&basis);
    let rest = renderer.render(&[], &TakeFrame::default(), SIZE).unwrap();
    assert_eq!(
        rest,
        render(&basis, &[0.0], &TakeFrame::default(), SIZE).unwrap()
    );
    for shape in Shape::ALL {
        let moved = renderer.render(&[], &frame(&[(shape, 1.0)]), SIZE).unwrap();
        let change = difference(&rest, &moved, true) + difference(&rest, &moved, false);
        assert!(change > 3000, "{shape}: {change}");
    }
    let turned = TakeFrame {
        head: Turn {
            yaw: 0.5,
            ..Turn::default()
        },
        ..TakeFrame::default()
    };
    assert_ne!(renderer.render(&[], &turned, SIZE).unwrap(), rest);
    assert_ne!(
        renderer
            .render(&[1.5, -1.0], &TakeFrame::default(), SIZE)
            .unwrap(),
        rest
    );
}

#[test]
fn pictures_of_other_sizes_are_refused() {
    let basis = basis();
    for size in [0, 31, 2049, u32::MAX] {
        let drawn = render(&basis, &[], &TakeFrame::default(), size);
        assert!(matches!(drawn, Err(Error::PictureSize { .. })));
    }
    assert!(render(&basis, &[0.0; 300], &TakeFrame::default(), 64).is_err());
}

#[test]
fn a_picture_is_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("face.png");
    let picture = RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8, y as u8, 7]));
    write_png(&path, &picture).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(
        image::load_from_memory(&bytes).unwrap().into_rgb8(),
        picture
    );
}
