/// What is read at the most, checked before memory is taken.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Size of a file, in bytes.
    pub bytes: u64,
    /// Size of what a compressed file unpacks to, in bytes.
    pub unpacked_bytes: u64,
    /// Tracks or parts.
    pub tracks: usize,
    /// Events or XML elements.
    pub events: usize,
    /// Bars.
    pub bars: usize,
    /// Notes in all parts.
    pub notes: usize,
    /// Characters of a title, a name or a marker; longer ones are cut.
    pub text: usize,
    /// Nesting of XML elements.
    pub depth: usize,
    /// Size of a take that is read as a whole, in bytes.
    pub take_bytes: u64,
    /// Frames of a take that is held as a whole.
    pub frames: usize,
}

impl Limits {
    /// Enough for an opera or an hour of a face, small enough for a laptop.
    pub const DEFAULT: Self = Self {
        bytes: 16 << 20,
        unpacked_bytes: 64 << 20,
        tracks: 256,
        events: 2_000_000,
        bars: 20_000,
        notes: 500_000,
        text: 1000,
        depth: 64,
        take_bytes: 512 << 20,
        frames: 216_000, // an hour at 60 frames per second
    };
}
