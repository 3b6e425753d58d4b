use affetto_emotion::parse_frame_rate;
use affetto_media::rig::{Shape, TakeFrame, Turn};
use image::Rgb;
use openh264::{decoder::Decoder, formats::YUVSource};
use shiguredo_mp4::{
    bitstream::h264::{LengthSize, length_prefixed_to_annexb},
    demux::{Input, Mp4FileDemuxer},
};

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

/// A grey square that becomes brighter.
fn pictures(count: u8) -> impl Iterator<Item = Result<RgbImage, Error>> {
    (0..count).map(|at| Ok(RgbImage::from_pixel(64, 48, Rgb([40 + 10 * at; 3]))))
}

#[test]
fn a_film_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("take.mp4");
    let rate = parse_frame_rate("29.97").unwrap();
    write_film(&path, rate, pictures(12)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    write_film(&path, rate, pictures(12)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let mut demuxer = Mp4FileDemuxer::new();
    demuxer.handle_input(Input {
        position: 0,
        data: &bytes,
    });
    let tracks = demuxer.tracks().unwrap();
    assert_eq!(tracks.len(), 1);
    assert_eq!(tracks[0].timescale.get(), 30000);
    assert_eq!(tracks[0].duration, 12 * 1001);

    let mut decoder = Decoder::new().unwrap();
    let mut levels = Vec::new();
    while let Some(sample) = demuxer.next_sample().unwrap() {
        let from = sample.data_offset as usize;
        let units = &bytes[from..from + sample.data_size];
        let mut stream = Vec::new();
        if let Some(affetto) = sample.sample_entry {
            let shiguredo_mp4::boxes::SampleEntry::Avc1(entry) = affetto else {
                panic!("not H.264");
            };
            let sets = entry
                .avcc_box
                .sps_list
                .iter()
                .chain(&entry.avcc_box.pps_list);
            for set in sets {
                stream.extend([0, 0, 0, 1]);
                stream.extend(set);
            }
        }
        stream.extend(length_prefixed_to_annexb(units, LengthSize::FourBytes).unwrap());
        let picture = decoder.decode(&stream).unwrap().unwrap();
        assert_eq!(picture.dimensions(), (64, 48));
        levels.push(picture.y()[24 * picture.strides().0 + 32]);
    }
    let expected = |at: u32| 16.0 + f64::from(40 + 10 * at) * 219.0 / 255.0;
    assert_eq!(levels.len(), 12);
    for (at, level) in levels.into_iter().enumerate() {
        assert!(
            (f64::from(level) - expected(at as u32)).abs() < 4.0,
            "{at}: {level}"
        );
    }
}

#[test]
fn films_that_cannot_be_written_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("take.mp4");
    let rate = parse_frame_rate("25").unwrap();
    assert!(write_film(&path, rate, pictures(0)).is_err());
    let odd = || Ok(RgbImage::new(65, 48));
    assert!(matches!(
        write_film(&path, rate, [odd()]),
        Err(Error::PictureSize { .. })
    ));
    let other = || Ok(RgbImage::new(80, 48));
    assert!(write_film(&path, rate, pictures(2).chain([other()])).is_err());
    let failing = || Err(Error::Cancelled);
    assert!(matches!(
        write_film(&path, rate, pictures(2).chain([failing()])),
        Err(Error::Cancelled)
    ));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
