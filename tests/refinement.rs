//! What runs is what was proved.
use synod::model::check::{Backend, Held, check};
use synod::model::hunt::catch_by_specification;
use synod::model::mutants::MUTANTS;
use synod::model::systems::systems;

#[test]
fn systems_refine() {
    let most = std::env::var("MOST").ok().and_then(|m| m.parse().ok()).unwrap_or(100_000u128);
    for system in systems().filter(|s| s.states <= most) {
        let t = std::time::Instant::now();
        let r = check(system, Held::ToSpecification, Backend::Explicit, &|_| {}).unwrap();
        println!(
            "{} states {} steps {:?} judged {:?} {:?} plain",
            system.name,
            r.states,
            r.steps,
            r.judged,
            t.elapsed()
        );
        for o in &r.outcomes {
            if !o.holds {
                println!(
                    "  {}: {}",
                    o.property.name,
                    o.counterexample.as_ref().map(|t| t.to_string()).unwrap_or_default()
                );
            }
        }
        assert!(r.passes());
    }
}
#[test]
fn mutants_do_not() {
    for m in &MUTANTS {
        if m.system.contains("crashes") || m.system == "expiry" || m.system == "catch-up" {
            continue;
        }
        let t = std::time::Instant::now();
        let h = catch_by_specification(m, &|_| {}).unwrap();
        println!(
            "{}: {:?} {:?} {:?}",
            m.name,
            h.as_ref().map(|h| (h.property.name, h.trace.as_ref().map(|t| t.steps.len()))),
            h.map(|h| h.trace.unwrap().finding),
            t.elapsed()
        );
    }
}
