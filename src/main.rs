//! The command line.
fn main() {
    for m in &synod::model::mutants::MUTANTS {
        if let Some(a) = std::env::args().nth(1)
            && a != m.name
        {
            continue;
        }
        let h = synod::model::check::catch(m, |_| {}).unwrap();
        println!("{} {:?} {}", m.name, h.elapsed, h.states);
        match h.trace() {
            Some(t) => println!("{t}"),
            None => println!("NOT CAUGHT"),
        }
    }
}
