//! Rows of attributes: where values lie among the pieces of a corpus.

use super::{
    canvas::{Align, Canvas, Colour},
    style::{self, FAINT, GRID, INK, TRACK},
};

/// From this width on a track has room for the words above it.
const WIDE_TRACK: f32 = 280.0;

/// One attribute.
pub(super) struct Row {
    pub(super) name: String,
    /// What more of it means; shown where there is room.
    pub(super) meaning: &'static str,
    /// Where the value lies among the pieces, 0 to 1; nothing where it is unknown.
    pub(super) at: Option<f64>,
    /// Where the usual begins and ends.
    pub(super) usual: Option<(f64, f64)>,
    /// The colour of the value, and of the usual.
    pub(super) colours: (Colour, Colour),
    /// The value as text.
    pub(super) value: String,
}

/// A column of rows.
pub(super) struct Column {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) name_width: f32,
    /// The room for meanings between names and tracks; 0 for none.
    pub(super) meaning_width: f32,
    pub(super) track_width: f32,
}

/// The height of a row.
pub(super) const ROW_HEIGHT: f32 = 25.0;

/// The room for a value at the end of a row.
pub(super) const VALUE_WIDTH: f32 = 118.0;

impl Column {
    /// The scale above the first row.
    pub(super) fn head(&self, canvas: &mut Canvas) {
        let ink = style::small(FAINT);
        let (low, high) = if self.track_width >= WIDE_TRACK {
            ("few are lower", "few are higher")
        } else {
            ("lower", "higher")
        };
        let (left, right) = (self.track_left(), self.track_left() + self.track_width);
        if self.meaning_width > 0.0 {
            let x = self.left + self.name_width;
            canvas.text(x, self.top - 6.0, "more of it means", ink, Align::Left);
        }
        canvas.text(left, self.top - 6.0, low, ink, Align::Left);
        canvas.text(self.x(0.5), self.top - 6.0, "middle", ink, Align::Centre);
        canvas.text(right, self.top - 6.0, high, ink, Align::Right);
    }

    pub(super) fn row(&self, canvas: &mut Canvas, index: usize, row: &Row) {
        let middle = self.top + (index as f32 + 0.5) * ROW_HEIGHT;
        if index.is_multiple_of(2) {
            let width = self.track_left() - self.left + self.track_width + VALUE_WIDTH + 16.0;
            let top = middle - ROW_HEIGHT / 2.0;
            canvas.rectangle(self.left - 8.0, top, width, ROW_HEIGHT, style::STRIPE);
        }
        self.words(canvas, middle, row);
        self.track(canvas, middle, row);
    }

    fn words(&self, canvas: &mut Canvas, middle: f32, row: &Row) {
        let (ink, faint) = (style::text(INK), style::small(FAINT));
        let baseline = middle + 5.0;
        canvas.text_within(self.left, baseline, &row.name, ink, self.name_width - 14.0);
        if self.meaning_width > 0.0 {
            let x = self.left + self.name_width;
            canvas.text_within(x, baseline, row.meaning, faint, self.meaning_width - 14.0);
        }
        let right = self.track_left() + self.track_width + VALUE_WIDTH;
        let ink = if row.at.is_some() { ink } else { faint };
        canvas.text(right, baseline, &row.value, ink, Align::Right);
    }

    fn track(&self, canvas: &mut Canvas, middle: f32, row: &Row) {
        let (dot, bar) = row.colours;
        canvas.rectangle(
            self.track_left(),
            middle - 4.0,
            self.track_width,
            8.0,
            TRACK,
        );
        let x = self.x(0.5);
        canvas.line((x, middle - 8.0), (x, middle + 8.0), 1.5, GRID);
        if let Some((low, high)) = row.usual {
            let (low, high) = (self.x(low), self.x(high));
            canvas.rectangle(low, middle - 5.0, high - low, 10.0, bar);
        }
        if let Some(at) = row.at {
            canvas.disc(self.x(at), middle, 7.0, style::PAPER);
            canvas.disc(self.x(at), middle, 5.5, dot);
        }
    }

    fn track_left(&self) -> f32 {
        self.left + self.name_width + self.meaning_width
    }

    fn x(&self, share: f64) -> f32 {
        self.track_left() + share.clamp(0.0, 1.0) as f32 * self.track_width
    }
}
