//! The command line.
fn main() {
    let n: u64 = std::env::args().nth(1).map_or(1000, |a| a.parse().unwrap());
    let mut c = synod::cluster::Config { commands: n, ..Default::default() };
    if std::env::args().nth(2).as_deref() == Some("spawn") { c.runtime = synod::cluster::Runtime::Spawn }
    if let Some(s) = std::env::args().nth(3) { c.adversary = Some(s.parse().unwrap()) }
    let r = synod::cluster::demo::run(&c, std::time::Duration::from_secs(5), |_| {}, |_| {}).unwrap();
    println!("{}", serde_json::to_string(&r).unwrap());
}
