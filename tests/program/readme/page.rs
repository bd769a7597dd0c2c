//! Commands and sample outputs, as a page shows them.

/// A fenced block.
pub(crate) struct Block<'p> {
    pub(crate) language: &'p str,
    pub(crate) text: &'p str,
}

/// All fenced blocks of a page.
pub(crate) fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, fenced)) = rest.split_once("\n```") {
        let (language, body) = fenced.split_once('\n').unwrap();
        let (text, after) = body.split_once("```\n").expect("a block that ends");
        found.push(Block { language, text });
        rest = after;
        // The next fence may follow at once.
        assert!(!rest.starts_with("```"), "two blocks without a line between them");
    }
    found
}

/// A command, and the lines that are shown below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown<'p> {
    pub(crate) command: &'p str,
    pub(crate) sample: Vec<&'p str>,
}

/// The commands of a page, in order: those after a `$` in blocks, and those that begin rows of tables.
pub(crate) fn commands(page: &str) -> Vec<Shown<'_>> {
    let (mut found, mut language): (Vec<Shown>, Option<&str>) = (Vec::new(), None);
    for line in page.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            language = if language.is_some() { None } else { Some(fence) };
            continue;
        }
        let row = line.strip_prefix("| `synod ").and_then(|row| row.split_once('`'));
        match (language, row) {
            (None, Some((args, _))) => {
                let start = "| `".len();
                let command = &line[start..start + "synod ".len() + args.len()];
                found.push(Shown { command, sample: Vec::new() });
            }
            (Some("console"), _) => match line.strip_prefix("$ ") {
                Some(command) => found.push(Shown { command, sample: Vec::new() }),
                None => found.last_mut().expect("output follows a command").sample.push(line),
            },
            _ => {}
        }
    }
    found
}

/// Says what differs between the output of a command and the sample of it, if anything does. Numbers
/// may differ, spaces, and the order of lines (another member is primary). `...` in the sample stands
/// for lines that are not shown.
pub(crate) fn differs(sample: &[&str], output: &str) -> Option<String> {
    let mut left: Vec<String> = output.lines().map(shape).filter(|line| !line.is_empty()).collect();
    let mut cut = sample.is_empty();
    for line in sample.iter().filter(|line| !line.is_empty()) {
        if *line == "..." {
            cut = true;
            continue;
        }
        match left.iter().position(|other| *other == shape(line)) {
            Some(at) => drop(left.remove(at)),
            None => return Some(format!("'{line}' is shown, and nothing like it was printed")),
        }
    }
    match left.first() {
        Some(line) if !cut => Some(format!("'{line}' was printed, and is not shown")),
        _ => None,
    }
}

/// A line without what differs from run to run: each word that has a digit, but for what stands about it,
/// and for the length of digests.
fn shape(line: &str) -> String {
    let about = |c: char| "(),:;'\"".contains(c);
    let word = |word: &str| {
        let inner = word.trim_matches(about);
        let varies = inner.contains(|c: char| c.is_ascii_digit());
        let is_digest = inner.len() >= 16 && inner.chars().all(|c| c.is_ascii_hexdigit());
        let instead = if is_digest { format!("#{}", inner.len()) } else { "#".to_owned() };
        if varies { word.replace(inner, &instead) } else { word.to_owned() }
    };
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}
