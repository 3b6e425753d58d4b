//! The container of binary glTF 2.0 and the numbers in it. Sizes and places are checked before anything is held; what
//! lies outside of the file (a URI, `data:` too) is not read.

use affetto_emotion::{FrameRate, frames_per_second, parse_frame_rate};
use gltf_json::{
    Accessor, Animation, Index, Root,
    accessor::{ComponentType, GenericComponentType, Type},
    animation::{Channel, Interpolation, Property, Sampler, Target},
    buffer::{self, Buffer, View},
    validation::Checked::{self, Valid},
};
use serde::{Deserialize, Serialize};

use super::{
    DEFAULT_RATE, TakeFormat, check_frames, check_limit, check_size,
    rate::{median, nearest_rate, seconds},
};
use crate::{Error, Limits};

const MAGIC: &[u8] = b"glTF";
const JSON: u32 = u32::from_le_bytes(*b"JSON");
const BIN: u32 = u32::from_le_bytes(*b"BIN\0");

/// The largest description that is read, in bytes. Empty objects in it take a hundred times their size in memory.
const MOST_JSON: u64 = 2 << 20;

/// An opened file.
pub(super) struct Glb<'a> {
    pub(super) root: Root,
    bin: &'a [u8],
    format: TakeFormat,
}

impl<'a> Glb<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        format: TakeFormat,
        limits: &Limits,
    ) -> Result<Self, Error> {
        check_size(bytes, limits)?;
        let malformed = |byte: usize, reason: String| Error::MalformedTake {
            format,
            place: format!("byte {byte}"),
            reason,
        };
        let word = |at: usize| -> Result<u32, Error> {
            let word = bytes.get(at..).and_then(|rest| rest.first_chunk());
            let ends = || malformed(at, "the file ends early".into());
            word.map(|word| u32::from_le_bytes(*word)).ok_or_else(ends)
        };
        if !bytes.starts_with(MAGIC) {
            return Err(malformed(0, "it does not begin with glTF".into()));
        }
        if word(4)? != 2 {
            return Err(malformed(4, format!("version {}, not 2", word(4)?)));
        }
        let length = word(8)? as usize;
        if length > bytes.len() {
            let reason = format!("{length} bytes are announced and {} are there", bytes.len());
            return Err(malformed(8, reason));
        }
        let chunk = |at: usize, kind: u32| -> Result<&'a [u8], Error> {
            let (size, found) = (word(at)? as usize, word(at + 4)?);
            let data = &bytes[at + 8..];
            if found != kind {
                return Err(malformed(
                    at + 4,
                    format!("a chunk of kind {found:#x}, not {kind:#x}"),
                ));
            }
            let claims = || format!("a chunk claims {size} bytes and {} are left", data.len());
            data.get(..size).ok_or_else(|| malformed(at, claims()))
        };
        let json = chunk(12, JSON)?;
        check_limit("bytes of JSON", json.len() as u64, MOST_JSON)?;
        let root = Root::from_slice(json).map_err(|error| {
            let reason: String = error.to_string().chars().take(200).collect();
            malformed(20, reason.replace('\n', " "))
        })?;
        let next = 20 + json.len().next_multiple_of(4);
        let bin = if next < length {
            chunk(next, BIN)?
        } else {
            &[]
        };
        Ok(Self { root, bin, format })
    }

    pub(super) fn malformed(&self, place: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::MalformedTake {
            format: self.format,
            place: place.into(),
            reason: reason.into(),
        }
    }

    /// The numbers of an accessor, which has to hold `count` items of `type_`. Whole numbers count as fractions of
    /// their largest where the accessor says so.
    fn numbers(
        &self,
        accessor: Index<Accessor>,
        type_: Type,
        count: u64,
    ) -> Result<Vec<f32>, Error> {
        let place = format!("accessor {}", accessor.value());
        let numbers = self.checked_numbers(accessor, type_, count);
        numbers.map_err(|reason| self.malformed(place, reason))
    }

    fn checked_numbers(
        &self,
        at: Index<Accessor>,
        type_: Type,
        count: u64,
    ) -> Result<Vec<f32>, String> {
        let accessor = self.root.get(at).ok_or("there is none")?;
        if accessor.count.0 != count || accessor.type_ != Valid(type_) {
            let found = accessor.count.0;
            let kind = match accessor.type_ {
                Valid(kind) => format!("{kind:?}"),
                Checked::Invalid => "unknown type".into(),
            };
            return Err(format!("{found} of {kind}, not {count} of {type_:?}"));
        }
        if accessor.sparse.is_some() {
            return Err("sparse numbers are not read here".into());
        }
        let Valid(GenericComponentType(component)) = accessor.component_type else {
            return Err("numbers of an unknown type".into());
        };
        if component == ComponentType::U32
            || (component != ComponentType::F32 && !accessor.normalized)
        {
            return Err(format!(
                "whole numbers ({component:?}) in place of fractions"
            ));
        }
        let view = accessor.buffer_view.ok_or("it has no data")?;
        let (bytes, stride) = self.view_bytes(view)?;
        let width = type_.multiplicity();
        let item = component.size() * width;
        let stride = stride.unwrap_or(item).max(item);
        let start = usize::try_from(accessor.byte_offset.unwrap_or_default().0).ok();
        let start = start.filter(|start| *start <= bytes.len());
        let bytes = &bytes[start.ok_or("it begins after its data")?..];
        let needed = (count.max(1) - 1).checked_mul(stride as u64);
        let needed = needed.and_then(|needed| needed.checked_add(item as u64));
        if count == 0 || needed.is_none_or(|needed| needed > bytes.len() as u64) {
            return Err(format!("{count} items do not lie in {} bytes", bytes.len()));
        }
        let items = bytes.chunks(stride).take(count as usize);
        let numbers = items.flat_map(|chunk| chunk[..item].chunks_exact(component.size()));
        Ok(numbers.map(|bytes| number(bytes, component)).collect())
    }

    /// The bytes of a view and its stride.
    fn view_bytes(&self, view: Index<View>) -> Result<(&'a [u8], Option<usize>), String> {
        let at = view.value();
        let view = self
            .root
            .get(view)
            .ok_or_else(|| format!("there is no buffer view {at}"))?;
        let buffer = self
            .root
            .get(view.buffer)
            .ok_or("there is no such buffer")?;
        if view.buffer.value() != 0 || buffer.uri.is_some() {
            return Err("data outside of the file are not read".into());
        }
        let start = view.byte_offset.unwrap_or_default().0;
        let end = start.checked_add(view.byte_length.0);
        let end = end.filter(|end| *end <= self.bin.len() as u64);
        let end = end.ok_or_else(|| format!("buffer view {at} ends after the data"))?;
        let stride = view.byte_stride.map(|stride| stride.0);
        Ok((&self.bin[start as usize..end as usize], stride))
    }

    /// What a channel of this animation does to a property of a node, with `width` items of `type_` for a key.
    pub(super) fn curve(
        &self,
        animation: &Animation,
        channel: &Channel,
        (type_, width): (Type, usize),
        limits: &Limits,
    ) -> Result<Curve, Error> {
        let place = || format!("node {}", channel.target.node.value());
        let sampler = animation.samplers.get(channel.sampler.value());
        let sampler =
            sampler.ok_or_else(|| self.malformed(place(), "a channel without a sampler"))?;
        let is_step = match sampler.interpolation {
            Valid(Interpolation::Linear) => false,
            Valid(Interpolation::Step) => true,
            _ => {
                let reason = "an interpolation that is neither LINEAR nor STEP";
                return Err(self.malformed(place(), reason));
            }
        };
        let keys = self
            .root
            .get(sampler.input)
            .map_or(0, |input| input.count.0);
        check_frames(keys, limits)?;
        let times = self.numbers(sampler.input, Type::Scalar, keys)?;
        let rises = times.windows(2).all(|pair| pair[0] < pair[1]);
        if !rises || !times.iter().all(|time| time.is_finite() && *time >= 0.0) {
            return Err(self.malformed(place(), "times that do not rise from 0"));
        }
        let values = self.numbers(sampler.output, type_, keys * width as u64)?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(self.malformed(place(), "a value that is not a number"));
        }
        Ok(Curve {
            times,
            values,
            width: width * type_.multiplicity(),
            is_step,
        })
    }
}

fn number(bytes: &[u8], component: ComponentType) -> f32 {
    let two = || [bytes[0], bytes[1]];
    match component {
        ComponentType::I8 => (f32::from(bytes[0] as i8) / 127.0).max(-1.0),
        ComponentType::U8 => f32::from(bytes[0]) / 255.0,
        ComponentType::I16 => (f32::from(i16::from_le_bytes(two())) / 32_767.0).max(-1.0),
        ComponentType::U16 => f32::from(u16::from_le_bytes(two())) / 65_535.0,
        ComponentType::U32 | ComponentType::F32 => {
            f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        }
    }
}

/// Values between keys.
pub(super) struct Curve {
    /// Seconds, rising; at least one.
    times: Vec<f32>,
    /// `width` for each time.
    values: Vec<f32>,
    width: usize,
    is_step: bool,
}

impl Curve {
    pub(super) fn start(&self) -> f64 {
        self.times.first().copied().map_or(0.0, f64::from)
    }

    pub(super) fn end(&self) -> f64 {
        self.times.last().copied().map_or(0.0, f64::from)
    }

    /// The rate at which the keys stand.
    pub(super) fn rate(&self) -> FrameRate {
        let steps = self
            .times
            .windows(2)
            .map(|pair| f64::from(pair[1]) - f64::from(pair[0]));
        let step = median(steps.collect());
        step.and_then(|step| nearest_rate(1.0 / step))
            .unwrap_or(DEFAULT_RATE)
    }

    /// The values at a time: those of a key within a twentieth of a frame (times are `f32`), or between two keys.
    pub(super) fn at(&self, time: f64, rate: FrameRate) -> Vec<f64> {
        let near = 0.05 / frames_per_second(rate);
        let after = self
            .times
            .partition_point(|key| f64::from(*key) <= time + near);
        let before = after.saturating_sub(1);
        let (from, to) = (self.key(before), self.key(after));
        let start = f64::from(self.times[before]);
        if time <= start + near || self.is_step || after == self.times.len() {
            return from.iter().map(|value| f64::from(*value)).collect();
        }
        let part = (time - start) / (f64::from(self.times[after]) - start);
        let pairs = from.iter().zip(to);
        let between =
            pairs.map(|(from, to)| f64::from(*from) * (1.0 - part) + f64::from(*to) * part);
        between.collect()
    }

    fn key(&self, index: usize) -> &[f32] {
        let index = index.min(self.times.len() - 1);
        &self.values[index * self.width..(index + 1) * self.width]
    }
}

/// When each frame is shown, from `start` to `end` seconds.
pub(super) fn frame_times(
    (start, end): (f64, f64),
    rate: FrameRate,
    limits: &Limits,
) -> Result<impl Iterator<Item = f64>, Error> {
    let last = ((end - start).max(0.0) * frames_per_second(rate)).round() as u64;
    check_frames(last.saturating_add(1), limits)?;
    Ok((0..=last).map(move |index| start + seconds(index, rate)))
}

/// What an animation says of itself: frames per second, exactly.
#[derive(Serialize, Deserialize)]
struct AnimationExtras {
    fps: String,
}

/// The rate that an animation of ours names.
pub(super) fn named_rate(animation: &Animation) -> Option<FrameRate> {
    let extras: AnimationExtras = serde_json::from_str(animation.extras.as_ref()?.get()).ok()?;
    parse_frame_rate(&extras.fps).ok()
}

/// A file that is made.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) root: Root,
    bin: Vec<u8>,
}

impl Builder {
    /// Numbers as items of `type_`, with the least and the largest of each place in an item.
    pub(super) fn floats(&mut self, type_: Type, numbers: &[f32]) -> Index<Accessor> {
        self.floats_for(None, type_, numbers)
    }

    /// Places or deltas of vertices.
    pub(super) fn vertices(&mut self, places: &[[f32; 3]]) -> Index<Accessor> {
        let target = Some(Valid(buffer::Target::ArrayBuffer));
        self.floats_for(target, Type::Vec3, places.as_flattened())
    }

    fn floats_for(
        &mut self,
        target: Option<Checked<buffer::Target>>,
        type_: Type,
        numbers: &[f32],
    ) -> Index<Accessor> {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
        let view = self.view(bytes, target);
        let width = type_.multiplicity();
        let extreme = |pick: fn(f32, f32) -> f32| {
            let of_place = |place| {
                numbers
                    .iter()
                    .skip(place)
                    .step_by(width)
                    .copied()
                    .reduce(pick)
            };
            let places: Vec<Option<f32>> = (0..width).map(of_place).collect();
            serde_json::to_value(places).ok()
        };
        let (min, max) = (extreme(f32::min), extreme(f32::max));
        self.root.push(Accessor {
            min,
            max,
            ..accessor(view, ComponentType::F32, type_, numbers.len() / width)
        })
    }

    /// The corners of triangles.
    pub(super) fn corners(&mut self, triangles: &[[u32; 3]]) -> Index<Accessor> {
        let corners = triangles.as_flattened();
        let bytes = corners.iter().flat_map(|corner| corner.to_le_bytes());
        let view = self.view(bytes, Some(Valid(buffer::Target::ElementArrayBuffer)));
        let accessor = accessor(view, ComponentType::U32, Type::Scalar, corners.len());
        self.root.push(accessor)
    }

    fn view(
        &mut self,
        bytes: impl Iterator<Item = u8>,
        target: Option<Checked<buffer::Target>>,
    ) -> Index<View> {
        let start = self.bin.len(); // a multiple of 4: all numbers are of 4 bytes
        self.bin.extend(bytes);
        self.root.push(View {
            buffer: Index::new(0),
            byte_length: (self.bin.len() - start).into(),
            byte_offset: Some(start.into()),
            byte_stride: None,
            name: None,
            target,
            extensions: None,
            extras: None,
        })
    }

    /// The times of frames, in seconds from 0.
    pub(super) fn times(&mut self, frames: usize, rate: FrameRate) -> Index<Accessor> {
        let times = (0..frames as u64).map(|index| seconds(index, rate) as f32);
        let times: Vec<f32> = times.collect();
        self.floats(Type::Scalar, &times)
    }

    /// The file.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedTake`] for more than the 4 GiB of a binary glTF file.
    pub(super) fn finish(mut self, format: TakeFormat) -> Result<Vec<u8>, Error> {
        self.root.asset.generator = Some("Affetto".into());
        self.root.buffers = vec![Buffer {
            byte_length: self.bin.len().into(),
            name: None,
            uri: None,
            extensions: None,
            extras: None,
        }];
        let json = self.root.to_vec();
        let mut json = json.map_err(|error| Error::Stream {
            source: error.into(),
        })?;
        json.resize(json.len().next_multiple_of(4), b' ');
        let length = 12 + 8 + json.len() + 8 + self.bin.len();
        let length = u32::try_from(length).map_err(|_| Error::UnsupportedTake {
            format,
            what: format!("{length} bytes"),
        })?;
        let mut file = Vec::with_capacity(length as usize);
        file.extend(MAGIC);
        let header = [2, length, json.len() as u32, JSON];
        file.extend(header.into_iter().flat_map(u32::to_le_bytes));
        file.extend(json);
        let header = [self.bin.len() as u32, BIN];
        file.extend(header.into_iter().flat_map(u32::to_le_bytes));
        file.extend(self.bin);
        Ok(file)
    }
}

/// An animation without channels that names its rate.
pub(super) fn new_animation(name: &str, rate: FrameRate) -> Animation {
    let extras = AnimationExtras {
        fps: rate.to_string(),
    };
    Animation {
        extensions: None,
        extras: serde_json::value::to_raw_value(&extras).ok(),
        channels: Vec::new(),
        name: Some(name.into()),
        samplers: Vec::new(),
    }
}

/// Adds the values of a property of a node at `times`.
pub(super) fn add_channel(
    animation: &mut Animation,
    node: u32,
    path: Property,
    times: Index<Accessor>,
    values: Index<Accessor>,
) {
    let sampler = Index::new(animation.samplers.len() as u32);
    animation.samplers.push(Sampler {
        extensions: None,
        extras: None,
        input: times,
        interpolation: Valid(Interpolation::Linear),
        output: values,
    });
    animation.channels.push(Channel {
        sampler,
        target: Target {
            extensions: None,
            extras: None,
            node: Index::new(node),
            path: Valid(path),
        },
        extensions: None,
        extras: None,
    });
}

fn accessor(view: Index<View>, component: ComponentType, type_: Type, count: usize) -> Accessor {
    Accessor {
        buffer_view: Some(view),
        byte_offset: None,
        count: count.into(),
        component_type: Valid(GenericComponentType(component)),
        extensions: None,
        extras: None,
        type_: Valid(type_),
        min: None,
        max: None,
        name: None,
        normalized: false,
        sparse: None,
    }
}
