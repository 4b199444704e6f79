//! The picture of a definition: its steps as boxes, what leads from one to another as lines; loops, iterations and parallel
//! steps stand around what is inside of them. May not know requests or runs: colours come from the words that it is given.
//! Promise: a pure function; every step that is drawn is a link to its configuration (`#step-<id>`), whatever is written on
//! it is text, and its HTML has a bound.

mod layout;
mod outline;
#[cfg(test)]
mod tests;

use crate::engine::redact::cut;
use crate::model::workflow::Definition;
use layout::{Area, Layout, NODE_SIZE, layout};
pub(super) use outline::Outline;
use outline::{MAX_TEXT_CHARS, OutlineEdge};
use std::collections::HashMap;

/// Room around everything.
const MARGIN: f64 = 8.0;
/// So many characters of a name stand in a box.
const NAME_CHARS: usize = 22;
/// So many of a type, which is written smaller.
const TYPE_CHARS: usize = 28;

/// A picture, for the macro `picture` of `picture/picture.html`.
pub(super) struct Picture {
    /// Its name for whoever does not see it.
    pub(in crate::http::dashboard) label: String,
    pub(in crate::http::dashboard) width: f64,
    pub(in crate::http::dashboard) height: f64,
    /// Those that stand around others, the outer first.
    pub(in crate::http::dashboard) frames: Vec<StepBox>,
    pub(in crate::http::dashboard) lines: Vec<Line>,
    /// Those that have none inside.
    pub(in crate::http::dashboard) boxes: Vec<StepBox>,
    /// How many steps are not drawn.
    pub(in crate::http::dashboard) left_out: usize,
}

pub(in crate::http::dashboard) struct Line {
    /// The `d` of a path.
    pub(in crate::http::dashboard) path: String,
    pub(in crate::http::dashboard) way: String,
    pub(in crate::http::dashboard) way_x: f64,
    pub(in crate::http::dashboard) way_y: f64,
}

pub(in crate::http::dashboard) struct StepBox {
    pub(in crate::http::dashboard) anchor: String,
    /// Its status as a class; empty without one.
    pub(in crate::http::dashboard) status: String,
    pub(in crate::http::dashboard) area: Area,
    pub(in crate::http::dashboard) name: String,
    /// The whole name, where it is cut in the box.
    pub(in crate::http::dashboard) title: Option<String>,
    pub(in crate::http::dashboard) step_type: String,
}

impl Picture {
    /// Draws a definition. A step whose id has a word (`completed`) is drawn with that as its class.
    pub(super) fn of(definition: &Definition, statuses: &HashMap<String, &'static str>) -> Picture {
        Picture::draw(&Outline::of(definition), statuses)
    }

    /// Draws an outline, as [`Picture::of`] does.
    pub(super) fn draw(outline: &Outline<'_>, statuses: &HashMap<String, &'static str>) -> Picture {
        let Layout {
            areas,
            width,
            height,
        } = layout(outline);
        let status_of = |id: &str| statuses.get(id).copied().unwrap_or_default();
        let nodes = outline.nodes.iter().zip(&areas).enumerate();
        let boxes = nodes.map(|(place, (node, area))| {
            let name = cut(&node.name, NAME_CHARS);
            StepBox {
                anchor: node.anchor(place),
                status: status_of(&node.id).to_owned(),
                area: area.within_margin(),
                title: (name != node.name).then(|| cut(&node.name, MAX_TEXT_CHARS)),
                name,
                step_type: cut(&node.step_type, TYPE_CHARS),
            }
        });
        let (mut frames, boxes): (Vec<StepBox>, Vec<StepBox>) =
            boxes.partition(|step| step.area.height > NODE_SIZE.1);
        frames.sort_by(|one, other| other.area.height.total_cmp(&one.area.height));
        Picture {
            label: label(outline),
            frames,
            boxes,
            lines: outline
                .edges
                .iter()
                .filter_map(|edge| line(edge, &areas))
                .collect(),
            width: width + 2.0 * MARGIN,
            height: height + 2.0 * MARGIN,
            left_out: outline.left_out,
        }
    }
}

impl Area {
    /// The place on the picture.
    fn within_margin(self) -> Area {
        Area {
            x: self.x + MARGIN,
            y: self.y + MARGIN,
            ..self
        }
    }
}

fn label(outline: &Outline<'_>) -> String {
    match outline.nodes.len() + outline.left_out {
        0 => "Picture of the workflow: it has no steps".to_owned(),
        1 => "Picture of the workflow: 1 step".to_owned(),
        count => format!("Picture of the workflow: {count} steps"),
    }
}

/// From the lower edge of one step to the upper edge of another; to one that does not stand below, around the right.
fn line(edge: &OutlineEdge, areas: &[Area]) -> Option<Line> {
    let from = areas.get(edge.from)?.within_margin();
    let to = areas.get(edge.to)?.within_margin();
    let (x1, y1) = (from.x + from.width / 2.0, from.y + from.height);
    let (x2, y2) = (to.x + to.width / 2.0, to.y);
    let (path, way_x, way_y) = if y2 >= y1 {
        let bend = ((y2 - y1) / 2.0).min(60.0);
        let (down, up) = (y1 + bend, y2 - bend);
        let path = format!("M{x1:.0} {y1:.0}C{x1:.0} {down:.0} {x2:.0} {up:.0} {x2:.0} {y2:.0}");
        // Near its end, where the lines of one step have parted.
        (path, x2 + 4.0, y2 - 8.0)
    } else {
        let (x1, y1) = (from.x + from.width, from.y + from.height / 2.0);
        let (x2, y2) = (to.x + to.width, to.y + to.height / 2.0);
        let out = x1.max(x2) + 24.0;
        let path = format!("M{x1:.0} {y1:.0}C{out:.0} {y1:.0} {out:.0} {y2:.0} {x2:.0} {y2:.0}");
        (path, x1 + 4.0, y1 - 6.0)
    };
    Some(Line {
        path,
        way: edge.way.clone(),
        way_x,
        way_y,
    })
}
