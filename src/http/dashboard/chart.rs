//! Charts as SVG, drawn here: bars over time, a lane for each thing that is counted. May not know what is counted.
//! Promises: the numbers of a chart are those of its table; a time without anything is zero, not left out; lanes are told apart
//! by their words, not by colour.

/// The width of a chart with lanes, in its own units.
const WIDTH: usize = 720;
/// The height of a lane: its bars, and above them its words.
const BARS_HEIGHT: u64 = 36;
const LANE_HEIGHT: u64 = 60;
/// The height of the words below the lanes.
const AXIS_HEIGHT: u64 = 20;

/// How bars are laid out, in the units of the drawing.
#[derive(Clone, Copy)]
struct Layout {
    /// From the beginning of one bar to that of the next.
    step: usize,
    /// The width of a bar.
    bar: usize,
    /// The height of the highest.
    height: u64,
    /// Where they stand.
    base: u64,
}

/// A small chart of one thing, without words.
pub(super) struct Spark {
    /// The bars, as the path of an SVG.
    pub(super) path: String,
    /// All of it.
    pub(super) total: u64,
    /// The width of the drawing.
    pub(super) width: usize,
}

impl Spark {
    /// The height of the drawing.
    pub(super) const HEIGHT: u64 = 32;

    /// Of one number for each time, the oldest first.
    pub(super) fn new(values: &[u64]) -> Spark {
        let layout = Layout {
            step: 4,
            bar: 3,
            height: Spark::HEIGHT,
            base: Spark::HEIGHT,
        };
        Spark {
            path: bars(values, layout),
            total: sum(values),
            width: values.len() * layout.step,
        }
    }
}

/// A chart with words and axes.
pub(super) struct Chart {
    /// What is counted.
    pub(super) name: &'static str,
    /// A word for one time: `Day`, `Hour`.
    pub(super) unit: &'static str,
    /// The times, the oldest first.
    pub(super) times: Vec<String>,
    /// What is counted, apart.
    pub(super) lanes: Vec<Lane>,
}

/// One thing that is counted.
pub(super) struct Lane {
    /// What it is.
    pub(super) label: String,
    /// A number for each time.
    pub(super) values: Vec<u64>,
    /// All of it.
    pub(super) total: u64,
    /// The most of one time.
    pub(super) most: u64,
    /// The bars, as the path of an SVG.
    pub(super) path: String,
    /// Where its words stand.
    pub(super) words_y: u64,
    /// Where its bars stand.
    pub(super) base: u64,
}

impl Chart {
    /// Of these times (the oldest first) and lanes, each with a number for each time.
    pub(super) fn new(
        name: &'static str,
        unit: &'static str,
        times: Vec<String>,
        lanes: Vec<(String, Vec<u64>)>,
    ) -> Chart {
        let step = WIDTH / times.len().max(1);
        let lanes = (0_u64..).zip(lanes).map(|(index, (label, values))| {
            let base = (index + 1) * LANE_HEIGHT;
            let layout = Layout {
                step,
                bar: (step * 3 / 4).max(1),
                height: BARS_HEIGHT,
                base,
            };
            Lane {
                label,
                total: sum(&values),
                most: values.iter().copied().max().unwrap_or_default(),
                path: bars(&values, layout),
                words_y: base - BARS_HEIGHT - 6,
                base,
                values,
            }
        });
        Chart {
            name,
            unit,
            lanes: lanes.collect(),
            times,
        }
    }

    /// The width of the drawing.
    pub(super) fn width(&self) -> usize {
        WIDTH
    }

    /// The height of the drawing.
    pub(super) fn height(&self) -> u64 {
        self.axis_y() + 6
    }

    /// Where the words of the axis stand.
    pub(super) fn axis_y(&self) -> u64 {
        self.lanes.len() as u64 * LANE_HEIGHT + AXIS_HEIGHT - 4
    }

    /// What somebody hears who does not see the drawing.
    pub(super) fn told(&self) -> String {
        let mut told = self.name.to_owned();
        for (index, lane) in self.lanes.iter().enumerate() {
            let before = if index == 0 { ": " } else { ", " };
            told.push_str(&format!("{before}{} {}", lane.label, lane.total));
        }
        told
    }

    /// The first and the last time.
    pub(super) fn ends(&self) -> (&str, &str) {
        let first = self.times.first().map_or("", String::as_str);
        let last = self.times.last().map_or("", String::as_str);
        (first, last)
    }

    /// The rows of the table: a time, and the number of each lane.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&String, impl Iterator<Item = u64>)> {
        self.times.iter().enumerate().map(|(index, time)| {
            let numbers = self.lanes.iter();
            let numbers = numbers.map(move |lane| lane.values.get(index).copied());
            (time, numbers.map(Option::unwrap_or_default))
        })
    }
}

fn sum(values: &[u64]) -> u64 {
    values.iter().copied().fold(0, u64::saturating_add)
}

/// A bar for each number that is not zero; the highest is as high as can be.
fn bars(values: &[u64], layout: Layout) -> String {
    let most = values.iter().copied().max().unwrap_or_default();
    let mut path = String::new();
    for (index, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
        let share = u128::from(*value) * u128::from(layout.height) / u128::from(most.max(1));
        // A time at which little happened is still seen.
        let height = share.max(1);
        let Layout {
            step, bar, base, ..
        } = layout;
        let x = index * step;
        path.push_str(&format!("M{x} {base}v-{height}h{bar}v{height}z"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spark_has_a_bar_for_each_time_of_use_and_the_least_is_seen() {
        let mut values = vec![0; 30];
        for (index, value) in [(0, 800), (28, 1), (29, 1_600)] {
            values[index] = value;
        }
        let spark = Spark::new(&values);
        assert_eq!(
            spark.path,
            "M0 32v-16h3v16zM112 32v-1h3v1zM116 32v-32h3v32z"
        );
        assert_eq!((spark.total, spark.width), (2_401, 120));
        assert_eq!(Spark::new(&[0; 30]).path, "");
        let most = Spark::new(&[u64::MAX, u64::MAX]);
        assert_eq!(
            (most.path.as_str(), most.total),
            ("M0 32v-32h3v32zM4 32v-32h3v32z", u64::MAX)
        );
    }

    #[test]
    fn a_charts_table_has_every_time_and_every_lane() {
        let times = ["a", "b", "c"].map(str::to_owned).to_vec();
        let lanes = vec![
            ("one".to_owned(), vec![1, 0, 3]),
            ("two".to_owned(), vec![0, 0, 0]),
        ];
        let chart = Chart::new("Things", "Day", times, lanes);
        let rows: Vec<(&str, Vec<u64>)> = chart
            .rows()
            .map(|(time, numbers)| (time.as_str(), numbers.collect()))
            .collect();
        assert_eq!(
            rows,
            [("a", vec![1, 0]), ("b", vec![0, 0]), ("c", vec![3, 0])]
        );
        assert_eq!(chart.told(), "Things: one 4, two 0");
        assert_eq!(chart.ends(), ("a", "c"));
        assert_eq!((chart.lanes[0].most, chart.lanes[1].path.as_str()), (3, ""));
        assert_eq!(chart.lanes[0].path, "M0 60v-12h180v12zM480 60v-36h180v36z");
        let empty = Chart::new("Things", "Day", Vec::new(), Vec::new());
        assert_eq!((empty.ends(), empty.rows().count()), (("", ""), 0));
    }
}
