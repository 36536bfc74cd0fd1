//! What a report shows in pictures, as data: key figures, bars, a heat map, plots.
//!
//! A figure names what it shows and sums it up in words, for those who do not see it. Values are plain numbers; text
//! from outside stays text until a renderer escapes it.

/// A picture of a report.
#[derive(Debug, Clone)]
pub(crate) enum Figure {
    /// The numbers that matter most.
    KeyFigures(Vec<KeyFigure>),
    Bars(Bars),
    Heat(Heat),
    Plot(Plot),
}

/// Whether something is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Neutral,
    Good,
    Bad,
    Doubtful,
}

/// `42` above `acked spans`.
#[derive(Debug, Clone)]
pub(crate) struct KeyFigure {
    pub(crate) value: String,
    pub(crate) label: &'static str,
    pub(crate) tone: Tone,
}

/// Shares of a whole, a bar each.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    /// Heads of the columns: what has a bar, the bars, and the further columns.
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Bar>,
    /// Below the last row, where there are more than are shown.
    pub(crate) note: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub(crate) label: String,
    /// From 0 to 1.
    pub(crate) share: f64,
    pub(crate) tone: Tone,
    /// Behind the bar: as many as there are further columns.
    pub(crate) numbers: Vec<String>,
}

/// Counts by two names, the darker the more.
#[derive(Debug, Clone)]
pub(crate) struct Heat {
    /// What rows and columns are.
    pub(crate) corner: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<HeatRow>,
}

#[derive(Debug, Clone)]
pub(crate) struct HeatRow {
    pub(crate) label: String,
    pub(crate) cells: Vec<HeatCell>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct HeatCell {
    pub(crate) count: u64,
    pub(crate) tone: Tone,
}

/// Values over time, or counts by class.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub(crate) title: String,
    /// What there is to see, in a sentence.
    pub(crate) summary: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    pub(crate) marks: Vec<Mark>,
}

/// How the values of an axis are written.
#[derive(Debug, Clone)]
pub(crate) enum Axis {
    /// Seconds since a beginning.
    Seconds,
    /// Microseconds, as durations.
    Micros,
    Amount,
    Share,
    /// Places 0, 1, … with a name each.
    Classes(Vec<String>),
}

#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) tone: Tone,
    pub(crate) shape: Shape,
    /// By x.
    pub(crate) points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Area,
    Line,
    Columns,
    Dots,
}

/// Something that happened at one place of the x axis.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) x: f64,
    pub(crate) name: String,
    pub(crate) tone: Tone,
}
