//! Draws lines over sizes as an SVG. Both axes are logarithmic, so proportional growth is a
//! straight line at 45 degrees.

use std::fmt::Write as _;

/// A line of a plot.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// Points of size and value, both greater than 0.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A plot with its lines.
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<Line>,
}

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 320.0;
const MARGIN: f64 = 52.0;
const COLORS: [&str; 4] = ["#0b6e99", "#c2571a", "#4f7f2b", "#7b3f98"];

/// Returns the powers of ten that enclose the values.
fn decades(values: impl Iterator<Item = f64>) -> (i32, i32) {
    let (mut low, mut high) = (f64::MAX, f64::MIN);
    for value in values.filter(|value| *value > 0.0) {
        low = low.min(value.log10());
        high = high.max(value.log10());
    }
    if low > high {
        (0, 1)
    } else {
        (low.floor() as i32, (high.ceil() as i32).max(low.floor() as i32 + 1))
    }
}

fn label(power: i32) -> String {
    match power {
        0..3 => format!("{}", 10_i32.pow(power as u32)),
        3..6 => format!("{} k", 10_i32.pow(power as u32 - 3)),
        6.. => format!("{} M", 10_i32.pow(power as u32 - 6)),
        _ => format!("{}", 10_f64.powi(power)),
    }
}

/// Draws plots side by side over the same axis of sizes.
pub(crate) fn svg(plots: &[Plot], axis: &str) -> String {
    let (width, height) = (WIDTH * plots.len() as f64, HEIGHT);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (number, plot) in plots.iter().enumerate() {
        field(&mut text, plot, axis, WIDTH * number as f64);
    }
    text.push_str("</svg>\n");
    text
}

fn field(text: &mut String, plot: &Plot, axis: &str, left: f64) {
    let points = || plot.lines.iter().flat_map(|line| line.points.iter());
    let (x_low, x_high) = decades(points().map(|point| point.0));
    let (y_low, y_high) = decades(points().map(|point| point.1));
    let x = |value: f64| {
        left + MARGIN
            + (value.log10() - f64::from(x_low)) / f64::from(x_high - x_low)
                * (WIDTH - 1.5 * MARGIN)
    };
    let y = |value: f64| {
        HEIGHT
            - MARGIN
            - (value.log10() - f64::from(y_low)) / f64::from(y_high - y_low)
                * (HEIGHT - 2.0 * MARGIN)
    };
    let mut put = |piece: std::fmt::Arguments<'_>| {
        // Writing into a string cannot fail.
        let _ = text.write_fmt(piece);
    };
    for power in x_low..=x_high {
        let (at, bottom, top) = (x(10_f64.powi(power)), HEIGHT - MARGIN, MARGIN);
        put(format_args!("<path d=\"M{at:.1} {bottom}V{top}\" stroke=\"#ddd\"/>"));
        put(format_args!(
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
            bottom + 15.0,
            label(power)
        ));
    }
    for power in y_low..=y_high {
        let (at, from, to) = (y(10_f64.powi(power)), left + MARGIN, left + WIDTH - MARGIN / 2.0);
        put(format_args!("<path d=\"M{from} {at:.1}H{to}\" stroke=\"#ddd\"/>"));
        put(format_args!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            from - 5.0,
            at + 4.0,
            label(power)
        ));
    }
    let middle = left + MARGIN + (WIDTH - 1.5 * MARGIN) / 2.0;
    put(format_args!(
        "<text x=\"{middle}\" y=\"22\" text-anchor=\"middle\" font-weight=\"bold\">{}</text>\n",
        plot.title
    ));
    put(format_args!(
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{axis}</text>\n",
        HEIGHT - 14.0
    ));
    for ((line, color), number) in plot.lines.iter().zip(COLORS).zip(0_u8..) {
        let places: Vec<String> = line
            .points
            .iter()
            .filter(|point| point.1 > 0.0)
            .map(|point| format!("{:.1} {:.1}", x(point.0), y(point.1)))
            .collect();
        put(format_args!(
            "<path d=\"M{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\n",
            places.join("L")
        ));
        for place in &places {
            let (x, y) = place.split_once(' ').unwrap_or_default();
            put(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{color}\"/>"));
        }
        let at = MARGIN + 14.0 * f64::from(number);
        put(format_args!(
            "<text x=\"{}\" y=\"{at}\" fill=\"{color}\">{}</text>\n",
            left + MARGIN + 8.0,
            line.name
        ));
    }
}
