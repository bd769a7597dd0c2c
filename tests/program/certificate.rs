//! Claims of `synod check`: as wide as what was found, where checks end early or judge nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// A folder of a test's own, which is removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("synod-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn files(&self) -> usize {
        fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn synod(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_synod")).args(args).output().unwrap()
}

/// With so much memory that most of the systems cannot be visited state by state.
fn starved(args: &[&str]) -> Output {
    let limited = "ulimit -v 40000 && exec \"$0\" \"$@\"";
    let program = env!("CARGO_BIN_EXE_synod");
    Command::new("sh").args(["-c", limited, program]).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn entries(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["systems"].as_array().unwrap().clone()
}

/// The columns of a system's row.
fn row<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
    row.unwrap_or_else(|| panic!("no row for {name}")).split(" | ").collect()
}

/// Most checks run out of memory. The page says which, and claims nothing of them, nor of all.
#[test]
fn a_page_of_checks_that_died_claims_what_was_found() {
    let folder = Folder::new("starved");
    let path = folder.0.join("lie.md");
    fs::write(&path, "what was there before").unwrap();
    let path_text = path.to_str().unwrap();
    let args = ["check", "--all", "--backend", "explicit", "--json", "--table", path_text];
    let output = starved(&args);
    let page = fs::read_to_string(&path).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let (passed, died): (Vec<Value>, Vec<Value>) =
        entries(&output).into_iter().partition(|entry| entry["passes"] == true);
    assert_eq!(passed.len() + died.len(), listed_systems().len());
    assert!(died.len() > 10, "there was memory enough: {} died", died.len());

    assert!(!page.contains("Every reachable state of each system"), "{page}");
    assert!(!page.contains("in all, and"), "{page}");
    let head = format!("**Incomplete: {} of {} systems", passed.len(), listed_systems().len());
    assert!(page.contains(&head), "{page}");
    let listed = page.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next());
    let listed: BTreeSet<&str> = listed.collect();
    let name = |entry: &Value| entry["name"].as_str().unwrap().to_owned();
    let names: Vec<String> = died.iter().map(name).collect();
    assert_eq!(listed, names.iter().map(String::as_str).collect());
    for entry in &died {
        let columns = row(&page, &name(entry));
        assert_eq!(columns[4], "-", "no states are claimed: {columns:?}");
        assert_eq!(columns[5], "not finished", "{columns:?}");
        let why = entry["error"].as_str().unwrap();
        // Threads that die together write into one another's words.
        let in_a_line = why.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!("- `{}`: not finished: {in_a_line}; states", name(entry));
        assert!(page.contains(&line), "{line}\n{page}");
        assert!(why.contains("its process ended without a result"), "{why}");
        assert!(text(&output.stderr).contains(why), "{why}");
    }
    for entry in &passed {
        let columns = row(&page, &name(entry));
        let states = columns[4].replace(',', "").parse::<u64>().unwrap();
        assert_eq!(entry["unique_states"], states, "{columns:?}");
        assert!(columns[5].starts_with("all "), "{columns:?}");
    }
    assert_eq!(folder.files(), 1, "nothing is left beside the page");
}

/// A check that died is in the report, with its reason; the others are there all the same.
#[test]
fn a_check_that_died_is_not_left_out() {
    let output = starved(&["check", "three-leaders", "gap", "--backend", "explicit", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let systems = entries(&output);
    let facts = |entry: &Value| (entry["name"].clone(), entry["complete"].clone());
    let expected = [("three-leaders", false), ("gap", true)];
    let expected = expected.map(|(name, complete)| (Value::from(name), Value::from(complete)));
    assert_eq!(systems.iter().map(facts).collect::<Vec<_>>(), expected);
    assert_eq!(systems[0]["passes"], false);
    assert!(systems[0]["error"].as_str().unwrap().contains("memory"), "{}", systems[0]);

    let output = starved(&["check", "three-leaders", "gap", "--backend", "explicit"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(shown.contains("NOT FINISHED"), "{shown}");
    assert!(shown.contains("1 of 2 systems finished, 293 states"), "{shown}");
}

/// A check that cannot be run says why in the report itself.
#[test]
fn a_check_that_cannot_be_run_says_why() {
    let output = synod(&["check", "dueling", "--backend", "alike", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let systems = entries(&output);
    assert_eq!(systems.len(), 1);
    let error = systems[0]["error"].as_str().unwrap();
    assert!(error.contains("the acceptors of system 'dueling' are not alike"), "{error}");
}

/// Before hours of work, not after.
#[test]
fn a_page_that_cannot_be_written_is_refused_before_any_check() {
    let folder = Folder::new("unwritable");
    let missing = folder.0.join("missing/lie.md");
    let missing = missing.to_str().unwrap();
    let table = ["check", "--all", "--backend", "explicit", "--table"];
    let walks = ["check", "swarm", "everything", "--walks", "100", "--output"];
    let written: [(&[&str], &str); 4] = [
        (&table, missing),
        (&table, folder.0.to_str().unwrap()),
        (&table, "/dev/null/lie.md"),
        (&walks, missing),
    ];
    for (args, path) in written {
        let output = starved(&[args, &[path]].concat());
        assert_eq!(output.status.code(), Some(2), "{path}");
        let error = text(&output.stderr);
        assert!(error.contains("cannot write") && error.contains("name a file"), "{error}");
        assert_eq!(error.lines().count(), 1, "nothing was begun: {error}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(folder.files(), 0);
}

/// How much there was to judge, property by property.
#[test]
fn each_property_says_how_much_it_has_judged() {
    let output = synod(&["check", "gap", "late", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let mut left_out = 0;
    for system in entries(&output) {
        for property in system["properties"].as_array().unwrap() {
            let judged = property["looked_at"].as_u64().unwrap();
            match property["verdict"].as_str().unwrap() {
                "holds" => assert!(property["holds"] == true && judged > 0, "{property}"),
                "left out" => {
                    left_out += 1;
                    assert!(property["holds"].is_null() && judged == 0, "{property}");
                    assert!(property["why"].as_str().unwrap().contains("no clients"), "{property}");
                }
                other => panic!("'{other}': {property}"),
            }
        }
    }
    assert_eq!(left_out, 5, "nobody is answered where there are no clients");

    let shown = text(&synod(&["check", "gap", "gap"]).stdout);
    assert!(shown.contains("all 12 hold, 5 left out"), "{shown}");
    assert!(shown.contains("\n1 system, 293 states"), "{shown}");
    let shown = text(&synod(&["check", "gap", "--properties"]).stdout);
    let answered = shown.lines().find(|line| line.starts_with("one answer per request"));
    assert!(
        answered.is_some_and(|line| line.contains("left out: there are no clients")),
        "{shown}"
    );
}

/// What a back end cannot look at is said, not passed over.
#[test]
fn what_a_back_end_cannot_look_at_is_said() {
    let stock = synod(&["check", "leader-crash", "--backend", "stock", "--json"]);
    let steps = synod(&["check", "gap", "--refinement", "--backend", "symbolic", "--json"]);
    let not_looked_at = |output: &Output| -> Vec<Value> {
        assert_eq!(output.status.code(), Some(0));
        let properties = entries(output)[0]["properties"].as_array().unwrap().clone();
        let asked = properties.into_iter().filter(|p| p["verdict"] == "not looked at");
        asked.map(|property| property["name"].clone()).collect()
    };
    assert_eq!(not_looked_at(&stock), ["clients see one order"]);
    let as_specified = |name: &Value| name.as_str().unwrap().ends_with("as specified");
    let steps = not_looked_at(&steps);
    assert!(steps.len() == 4 && steps.iter().all(as_specified), "{steps:?}");
}

/// All systems, as they are listed for machines.
fn listed_systems() -> Vec<Value> {
    let listed = synod(&["check", "--list", "--json"]);
    let list: Value = serde_json::from_slice(&listed.stdout).unwrap();
    list["systems"].as_array().unwrap().clone()
}

#[test]
fn the_list_of_systems_is_for_people_and_for_machines() {
    let shown = text(&synod(&["check", "--list"]).stdout);
    let systems = listed_systems();
    assert!(systems.len() >= 40, "{} systems", systems.len());
    for system in systems {
        assert!(shown.contains(system["name"].as_str().unwrap()), "{system}");
        assert!(system["left_out"].is_array(), "{system}");
    }
}
