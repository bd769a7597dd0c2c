//! What a check claims when there is nothing to judge, or when its report lacks something.

use std::collections::BTreeSet;

use crate::model::backend::{Backend, Held};
use crate::model::check::check;
use crate::model::refinement::STATES;
use crate::model::report::{Report, Verdict};
use crate::model::system::{LeftOut, System};
use crate::model::systems::{system, systems};

const EACH: [Backend; 3] = [Backend::Symbolic, Backend::Explicit, Backend::Stock];

/// A system like this one, which leaves other properties out.
fn leaving_out(name: &str, left_out: &'static [LeftOut]) -> &'static System {
    Box::leak(Box::new(System { left_out, ..*system(name).unwrap() }))
}

/// Nobody is answered where there are no clients, so what is said of answers is true, and shows
/// nothing. Unless the system says so, the check fails, whoever judges.
#[test]
fn a_property_that_has_nothing_to_judge_fails_the_check() {
    let unanswered = [
        "done is chosen and applied",
        "rejected is never done",
        "unknown only if sent and not answered",
        "only what has ended is acknowledged",
        "one answer per request",
    ];
    for backend in EACH {
        let report = check(leaving_out("gap", &[]), Held::ToProperties, backend, &|_| {}).unwrap();
        assert!(report.complete && report.as_expected() && !report.passes());
        let vacuous = report.outcomes.iter().filter(|o| o.verdict == Verdict::Vacuous);
        let vacuous: Vec<_> = vacuous.map(|o| (o.property.name, o.looked)).collect();
        assert_eq!(vacuous, unanswered.map(|name| (name, 0)), "{}", backend.name());
    }
    // What is left out must be there to be left out.
    for system in systems() {
        let held = system.properties().chain(&STATES).map(|property| property.name);
        let held: BTreeSet<_> = held.collect();
        system.left_out.iter().for_each(|out| assert!(held.contains(out.property), "{out:?}"));
    }
}

/// Whoever says that a property has nothing to judge does not keep it from being judged.
#[test]
fn what_is_left_out_is_judged_all_the_same() {
    const OUT: LeftOut = LeftOut { property: "one value per instance", why: "nobody votes" };
    for backend in EACH {
        let report =
            check(leaving_out("gap", &[OUT]), Held::ToProperties, backend, &|_| {}).unwrap();
        let outcome = report.outcomes.iter().find(|o| o.property.name == OUT.property).unwrap();
        assert!(outcome.verdict == Verdict::Holds && outcome.looked > 0, "{outcome:?}");
    }
}

/// A report passes only if all of it is as it should be.
#[test]
fn a_report_that_lacks_anything_does_not_pass() {
    let with = |change: fn(&mut Report)| {
        let mut report =
            check(system("gap").unwrap(), Held::ToProperties, Backend::Explicit, &|_| {}).unwrap();
        change(&mut report);
        report.passes()
    };
    assert!(with(|_| {}));
    assert!(!with(|report| report.complete = false));
    assert!(!with(|report| report.states += 1u8));
    assert!(!with(|report| report.outcomes[0].verdict = Verdict::Fails));
    assert!(!with(|report| report.outcomes[0].verdict = Verdict::Vacuous));
}
