//! Where the steps of an outline stand: in layers from above down, and inside of a loop or a parallel step in its box. The
//! order within the layers and the places are a library's. May not know what is written on steps. Promises: every step has a
//! place, whatever the edges are; what stands in one box overlaps nothing else.

use super::outline::Outline;
use rust_sugiyama::configure::{Config, RankingType};
use rust_sugiyama::from_vertices_and_edges;
use std::panic::catch_unwind;

/// How large a step is that has none inside.
pub(super) const NODE_SIZE: (f64, f64) = (200.0, 44.0);
/// Between steps.
const GAP: f64 = 32.0;
/// Between the edge of a box and what is inside.
const PADDING: f64 = 16.0;
/// Room for the name at the top of a box.
const HEADING: f64 = 44.0;
/// What hangs together is set side by side up to this width, then below.
const ROW_WIDTH: f64 = 1_200.0;

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::http::dashboard) struct Area {
    pub(in crate::http::dashboard) x: f64,
    pub(in crate::http::dashboard) y: f64,
    pub(in crate::http::dashboard) width: f64,
    pub(in crate::http::dashboard) height: f64,
}

/// The places of all steps.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// For each step its place from the upper left corner on.
    pub(super) areas: Vec<Area>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Lays out an outline.
pub(super) fn layout(outline: &Outline<'_>) -> Layout {
    let mut layout = Layout {
        areas: vec![Area::default(); outline.nodes.len()],
        ..Layout::default()
    };
    let mut inside: Vec<Vec<usize>> = vec![Vec::new(); outline.nodes.len()];
    let mut top = Vec::new();
    for (node, known) in outline.nodes.iter().enumerate() {
        match known.around.and_then(|around| inside.get_mut(around)) {
            Some(inside) => inside.push(node),
            None => top.push(node),
        }
    }
    (layout.width, layout.height) = block(outline, &inside, &top, &mut layout.areas);
    layout
}

/// Places the steps of a block from its own upper left corner on, with all that is inside of them; gives its size.
fn block(
    outline: &Outline<'_>,
    inside: &[Vec<usize>],
    steps: &[usize],
    areas: &mut [Area],
) -> (f64, f64) {
    for &step in steps {
        let within = inside.get(step).map_or(&[][..], Vec::as_slice);
        let (width, height) = match within {
            [] => NODE_SIZE,
            within => {
                let (width, height) = block(outline, inside, within, areas);
                let width = (width + 2.0 * PADDING).max(NODE_SIZE.0);
                (width, height + HEADING + PADDING)
            }
        };
        areas[step] = Area {
            x: 0.0,
            y: 0.0,
            width,
            height,
        };
    }
    let edges: Vec<(u32, u32)> = edges_between(outline, steps);
    let vertices: Vec<(u32, (f64, f64))> = (0..)
        .zip(steps)
        .map(|(place, step)| (place, (areas[*step].width, areas[*step].height)))
        .collect();
    let mut shelf = Shelf::default();
    for group in groups(&vertices, &edges) {
        shelf.add(&group, steps, inside, areas);
    }
    (shelf.width, shelf.y + shelf.row_height)
}

/// The edges of a block by the places of its steps, each pair once.
fn edges_between(outline: &Outline<'_>, steps: &[usize]) -> Vec<(u32, u32)> {
    let place = |step: usize| {
        let place = steps.iter().position(|known| *known == step)?;
        u32::try_from(place).ok()
    };
    let edges = outline.edges.iter();
    let mut edges: Vec<(u32, u32)> = edges
        .filter_map(|edge| place(edge.from).zip(place(edge.to)))
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// What hangs together: places of steps with the middles of their areas.
type Group = Vec<(usize, (f64, f64))>;

/// What the library makes of it. One below another where it gives up.
fn groups(vertices: &[(u32, (f64, f64))], edges: &[(u32, u32)]) -> Vec<Group> {
    let config = Config {
        vertex_spacing: GAP,
        // The other kinds look better now and then, and take seconds where there are many edges.
        ranking_type: RankingType::Up,
        transpose: false,
        ..Config::default()
    };
    let laid_out = catch_unwind(|| from_vertices_and_edges(vertices, edges, &config));
    let groups = laid_out.map(|groups| groups.into_iter().map(|(group, _, _)| group));
    let mut groups: Vec<Group> = match groups {
        Ok(groups) => groups.collect(),
        Err(_) => return vec![column(vertices)],
    };
    let placed: usize = groups.iter().map(Vec::len).sum();
    let is_finite = |group: &Group| {
        group
            .iter()
            .all(|(_, (x, y))| x.is_finite() && y.is_finite())
    };
    if placed != vertices.len() || !groups.iter().all(is_finite) {
        return vec![column(vertices)];
    }
    groups.sort_by_key(|group| group.iter().map(|(place, _)| *place).min());
    groups
}

fn column(vertices: &[(u32, (f64, f64))]) -> Group {
    let mut y = 0.0;
    let mut column = Group::new();
    for (place, (_, (_, height))) in vertices.iter().enumerate() {
        column.push((place, (0.0, y + height / 2.0)));
        y += height + GAP;
    }
    column
}

/// Sets groups side by side, and in a new row where one is full.
#[derive(Default)]
struct Shelf {
    x: f64,
    y: f64,
    row_height: f64,
    width: f64,
}

impl Shelf {
    fn add(&mut self, group: &Group, steps: &[usize], inside: &[Vec<usize>], areas: &mut [Area]) {
        let mut corners: Vec<(usize, f64, f64)> = Vec::new();
        let (mut left, mut top) = (f64::INFINITY, f64::INFINITY);
        let (mut right, mut bottom) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        for (place, (x, y)) in group {
            let Some(step) = steps.get(*place).copied() else {
                continue;
            };
            let Area { width, height, .. } = areas[step];
            let (x, y) = (x - width / 2.0, y - height / 2.0);
            corners.push((step, x, y));
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + width), bottom.max(y + height));
        }
        if corners.is_empty() {
            return;
        }
        if self.x > 0.0 && self.x + right - left > ROW_WIDTH {
            self.y += self.row_height + GAP;
            (self.x, self.row_height) = (0.0, 0.0);
        }
        for (step, x, y) in corners {
            let (x, y) = (x - left + self.x, y - top + self.y);
            moved(step, x.round(), y.round(), inside, areas);
        }
        self.x += right - left + GAP;
        self.width = self.width.max(self.x - GAP);
        self.row_height = self.row_height.max(bottom - top);
    }
}

/// Moves a step, which stands at its own corner, and all that is inside of it.
fn moved(step: usize, x: f64, y: f64, inside: &[Vec<usize>], areas: &mut [Area]) {
    areas[step].x += x;
    areas[step].y += y;
    shifted(step, x + PADDING, y + HEADING, inside, areas);
}

/// Moves what is inside of a step.
fn shifted(step: usize, x: f64, y: f64, inside: &[Vec<usize>], areas: &mut [Area]) {
    for &within in inside.get(step).map_or(&[][..], Vec::as_slice) {
        areas[within].x += x;
        areas[within].y += y;
        shifted(within, x, y, inside, areas);
    }
}
