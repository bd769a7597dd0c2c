//! `synod bench engine`: the growth of states, time and memory with each bound.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::new_file::NewFile;
use super::super::worker::{Checked, Died, Ended, check_in_child};
use crate::cli::output::{Bars, fail, grouped, json, say, table};
use crate::cli::verdict::Verdict;
use crate::model::backend::{Backend, Held};
use crate::model::systems::{GRID, Point};

/// Measure the checking engine: states per second, bytes per state, nodes of diagrams, and how they
/// grow with leaders, acceptors, rounds, commands and crashes.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  synod bench engine
  synod bench engine --json > before.json     and, some commits later,
  synod bench engine --against before.json --plot engine.svg")]
pub(in crate::cli) struct Args {
    /// The most seconds for one check.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Compare with the JSON that an earlier run has printed to this file.
    #[arg(long)]
    against: Option<PathBuf>,
    /// Draw the growth of states and seconds to this SVG file.
    #[arg(long)]
    plot: Option<PathBuf>,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// One measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Measured {
    dimension: String,
    value: u32,
    backend: String,
    /// True if the check finished within the limit.
    complete: bool,
    states: u128,
    seconds: f64,
    states_per_second: f64,
    peak_bytes: Option<u64>,
    bytes_per_state: Option<f64>,
    /// The nodes of the diagram of all states, and the most at any time.
    nodes: Option<usize>,
    peak_nodes: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Json {
    engine: Vec<Measured>,
}

impl Measured {
    fn new(point: &Point, backend: Backend, ended: Ended) -> Self {
        let (dimension, value) = (point.dimension.to_owned(), point.value);
        let backend = backend.name().to_owned();
        match ended {
            Ended::Checked(checked) => {
                let Checked { unique_states, seconds, peak_bytes, nodes, peak_nodes, .. } =
                    *checked;
                let per_state = |bytes: u64| bytes as f64 / unique_states as f64;
                Measured {
                    dimension,
                    value,
                    backend,
                    complete: checked.complete,
                    states: unique_states,
                    seconds,
                    states_per_second: unique_states as f64 / seconds,
                    peak_bytes,
                    bytes_per_state: peak_bytes.map(per_state),
                    nodes,
                    peak_nodes,
                }
            }
            Ended::GivenUp(Died { states, after, .. }) => Measured {
                dimension,
                value,
                backend,
                complete: false,
                states,
                seconds: after.as_secs_f64(),
                states_per_second: states as f64 / after.as_secs_f64(),
                peak_bytes: None,
                bytes_per_state: None,
                nodes: None,
                peak_nodes: None,
            },
        }
    }
}

/// Runs the measurement.
pub(super) fn run(args: &Args) -> Verdict {
    match engine(args) {
        Ok(()) => Verdict::Holds,
        Err((error, verdict)) => fail(error, verdict),
    }
}

/// Runs the checks one after another, so that they do not disturb each other's times.
fn engine(args: &Args) -> Result<(), (String, Verdict)> {
    let bad_use = |error| (error, Verdict::BadUse);
    let before = args.against.as_ref().map(read).transpose().map_err(bad_use)?;
    let drawing = args.plot.as_deref().map(NewFile::at).transpose().map_err(bad_use)?;
    let bars = Bars::new(!args.json);
    let limit = Some(Duration::from_secs(args.limit));
    let mut engine = Vec::new();
    for point in &GRID {
        for backend in [Backend::Explicit, Backend::Symbolic] {
            let bar = bars.add(&format!("{} by {}", point.system.name, backend.name()), None);
            let progress = |states: u128| bar.set_position(states.try_into().unwrap_or(u64::MAX));
            let ended =
                check_in_child(&point.system, Held::ToProperties, backend, limit, &progress);
            bar.finish_and_clear();
            let cannot =
                |died| (format!("cannot check {}: {died}", point.system.name), Verdict::NotDone);
            engine.push(Measured::new(point, backend, ended.map_err(cannot)?));
        }
    }
    let drawn = drawing.map(|file| {
        let plot = plot(&engine).map_err(|error| format!("cannot draw: {error}"))?;
        file.write(&plot)
    });
    if args.json {
        json(&Json { engine });
    } else {
        show(&engine, before.as_ref());
    }
    drawn.unwrap_or(Ok(())).map_err(|error| (error, Verdict::NotWritten))
}

fn read(path: &PathBuf) -> Result<Json, String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    serde_json::from_str(&text).map_err(|error| failed(&error))
}

fn show(engine: &[Measured], before: Option<&Json>) {
    let headings = [
        "bound",
        "",
        "back end",
        "states",
        "seconds",
        "states/s",
        "MB",
        "B/state",
        "nodes",
        "most nodes",
        "times before",
    ];
    let mut rows = table(headings, &[1, 3, 4, 5, 6, 7, 8, 9, 10]);
    rows.may_leave_out(if before.is_some() { &[9, 8, 7, 6] } else { &[10, 9, 8, 7, 6] });
    let dash = || "-".to_owned();
    for one in engine {
        let key = |m: &Measured| (m.dimension.clone(), m.value, m.backend.clone());
        let same = |other: &&Measured| key(other) == key(one) && other.complete && one.complete;
        let earlier = before.and_then(|before| before.engine.iter().find(same));
        let seconds = format!("{:.3}", one.seconds);
        rows.add_row([
            one.dimension.clone(),
            one.value.to_string(),
            one.backend.clone(),
            grouped(one.states),
            if one.complete { seconds } else { format!("over {seconds}") },
            grouped(one.states_per_second as u128),
            one.peak_bytes.map_or_else(dash, |bytes| (bytes / 1_000_000).to_string()),
            one.bytes_per_state.map_or_else(dash, |bytes| format!("{bytes:.4}")),
            one.nodes.map_or_else(dash, grouped),
            one.peak_nodes.map_or_else(dash, grouped),
            earlier.map_or_else(dash, |earlier| format!("{:.2}", one.seconds / earlier.seconds)),
        ]);
    }
    say(rows);
}

/// Draws two panels for each bound, as SVG: the states, and the seconds of both back ends.
fn plot(engine: &[Measured]) -> Result<String, Box<dyn std::error::Error>> {
    let mut dimensions: Vec<&str> = engine.iter().map(|one| one.dimension.as_str()).collect();
    dimensions.dedup();
    let (mut svg, size) = (String::new(), (260 * dimensions.len() as u32, 620));
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((2, dimensions.len()));
    for (column, dimension) in dimensions.iter().enumerate() {
        let of = |backend: &str| -> Vec<&Measured> {
            let here = |one: &&Measured| one.dimension == *dimension && one.backend == backend;
            engine.iter().filter(here).filter(|one| one.complete).collect()
        };
        let (explicit, symbolic) = (of("explicit"), of("symbolic"));
        let states: Vec<_> = symbolic.iter().map(|one| (one.value, one.states as f64)).collect();
        let seconds = |side: &[&Measured]| -> Vec<(u32, f64)> {
            side.iter().map(|one| (one.value, one.seconds.max(1e-3))).collect()
        };
        let panel = |row: usize| panels.get(row * dimensions.len() + column);
        if let Some(area) = panel(0) {
            let title = format!("states by {dimension}");
            draw(area, &title, 1.0..1e13, &[("states", states, &BLACK)])?;
        }
        if let Some(area) = panel(1) {
            let lines =
                [("explicit", seconds(&explicit), &RED), ("symbolic", seconds(&symbolic), &BLUE)];
            draw(area, &format!("seconds by {dimension}"), 1e-3..1e3, &lines)?;
        }
    }
    root.present()?;
    drop(panels);
    drop(root);
    Ok(svg)
}

type Line<'a> = (&'a str, Vec<(u32, f64)>, &'a RGBColor);

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    range: std::ops::Range<f64>,
    lines: &[Line<'_>],
) -> Result<(), Box<dyn std::error::Error>> {
    let values = lines.iter().flat_map(|(_, line, _)| line.iter().map(|(value, _)| *value));
    let (low, high) = (values.clone().min().unwrap_or(0), values.max().unwrap_or(1));
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(48)
        .build_cartesian_2d(low..high.max(low + 1), range.log_scale())?;
    let exponent = |y: &f64| format!("1e{:.0}", y.log10());
    let ticks = (high - low) as usize + 1;
    chart.configure_mesh().x_labels(ticks).y_labels(8).y_label_formatter(&exponent).draw()?;
    for (name, line, color) in lines {
        let style = color.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.iter().copied(), style).point_size(3))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    if lines.len() > 1 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .border_style(BLACK)
            .background_style(WHITE)
            .draw()?;
    }
    Ok(())
}
