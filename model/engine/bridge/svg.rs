//! A run as a message sequence chart: a vertical line for each actor, time goes down.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::Hash;

use stateright::actor::Actor;

use super::{BridgeState, BridgeStep, Words};
use crate::model::engine::universe::{MessageId, Stimulus, Universe};

/// The pixels between two moments.
const MOMENT: usize = 30;
/// The least pixels between two actors.
const ACTOR: usize = 110;
/// The approximate pixels of a letter.
const LETTER: usize = 10;
/// The pixels for the labels of the last actor.
const MARGIN: usize = 420;

const ARROW: &str = "<defs><marker class='svg-event-shape' id='arrow' markerWidth='12' \
    markerHeight='10' refX='12' refY='5' orient='auto'><polygon points='0 0, 12 5, 0 10' />\
    </marker></defs>";

/// Draws a run as SVG, with the classes of the Explorer's style sheet.
pub(super) fn picture<A: Actor, F>(
    universe: &Universe<A>,
    words: &dyn Words<A>,
    run: Vec<(BridgeState<F>, Option<BridgeStep>)>,
) -> String
where
    A::State: Eq + Hash,
    A::Storage: Eq + Hash,
{
    let actors = universe.actors().len();
    let names: Vec<String> = (0..actors).map(|actor| words.actor(actor)).collect();
    let apart = names.iter().map(|name| name.len() * LETTER).max().unwrap_or(0).max(ACTOR);
    let (width, height) = (actors * apart + MARGIN, (run.len() + 1) * MOMENT);
    let mut shapes = String::new();
    for (actor, name) in names.iter().enumerate() {
        let x = actor * apart;
        let _ = write!(
            shapes,
            "<line x1='{x}' y1='0' x2='{x}' y2='{}' class='svg-actor-timeline' />\
             <text x='{x}' y='0' class='svg-actor-label'>{}</text>",
            run.len() * MOMENT,
            escaped(name)
        );
    }
    let mut labels = String::new();
    let mut sent_at: HashMap<MessageId, usize> = HashMap::new();
    for (moment, (state, step)) in run.iter().enumerate() {
        for message in state.actors.iter().flat_map(|seen| &seen.sent) {
            sent_at.entry(*message).or_insert(moment);
        }
        let Some(BridgeStep { step, text, .. }) = step else { continue };
        let (x, y) = (step.actor * apart, (moment + 1) * MOMENT);
        let label = match step.stimulus {
            Stimulus::Hear(message) => {
                let (from, _, what) = universe.message(message);
                let sent = sent_at.get(&message).copied().unwrap_or(0) * MOMENT;
                let _ = write!(
                    shapes,
                    "<line x1='{}' y1='{sent}' x2='{x}' y2='{y}' marker-end='url(#arrow)' \
                     class='svg-event-line' />",
                    from * apart
                );
                let crash = if step.cut.is_some() { " (and crashes)" } else { "" };
                format!("{}{crash}", words.message(what))
            }
            _ => {
                let circle = format!("<circle cx='{x}' cy='{y}' r='10' class='svg-event-shape' />");
                shapes.push_str(&circle);
                text.to_string()
            }
        };
        let label = escaped(&label);
        let _ = write!(labels, "<text x='{x}' y='{y}' class='svg-event-label'>{label}</text>");
    }
    // Labels come last, so that nothing is drawn over them.
    format!(
        "<svg version='1.1' xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' \
         viewbox='-20 -20 {} {}'>{ARROW}{shapes}{labels}</svg>",
        width + 20,
        height + 20
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
