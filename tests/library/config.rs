//! The cluster's file: what is in it, and what is said of one that cannot be.

use crate::cluster::config::{
    Address, ClusterConfig, ConfigError, MAX_FILE, MAX_MEMBERS, MemberConfig,
};
use crate::paxos::limits::MAX_DATAGRAM;
use crate::paxos::{Limits, Quorums, Timing};
use crate::runtime::parts::LEAST_PATH;
use crate::runtime::udp::{PATH, loopback_path};
use proptest::prelude::*;

fn parse(text: &str) -> Result<ClusterConfig, ConfigError> {
    text.parse()
}

#[test]
fn the_sample_is_a_cluster_with_the_defaults() {
    let config = parse(&ClusterConfig::sample("local", 3, 7101).unwrap()).unwrap();
    assert_eq!((config.cluster.as_str(), config.members.len()), ("local", 3));
    let last = config.members.last().unwrap();
    assert_eq!(last.leader.as_ref().unwrap().to_string(), "127.0.0.1:7105");
    assert_eq!(last.acceptor.as_ref().unwrap().to_string(), "127.0.0.1:7106");
    let defaults = (Quorums::Majority, Timing::default(), Limits::default());
    assert_eq!((config.quorums, config.timing, config.limits), defaults);
}

const GOOD: &str = "cluster = 'c'
id = '0123456789abcdef0123456789abcdef'
[[member]]
name = 'n1'
data = 'one'
leader = 'localhost:7101'
[[member]]
name = 'a1'
data = 'two'
acceptor = '[::1]:7102'
";

#[test]
fn what_is_wrong_is_said_with_its_line_and_a_remedy() {
    parse(GOOD).unwrap();
    let bad: [(&str, &str, usize, &str); 21] = [
        ("id = '0123456789abcdef0123456789abcdef'\n", "", 1, "add this line to the file"),
        ("'0123456789abcdef", "'123456789abcdef", 2, "32 hexadecimal digits"),
        ("cluster = 'c'", "cluster = 'a b'", 1, "up to 32 letters"),
        ("cluster = 'c'", "cluster = 7", 1, "expected a string"),
        ("cluster = 'c'\n", "", 1, "missing field `cluster`"),
        ("'a1'", "'n1'", 8, "stands in line 4 already: give each a name of its own"),
        ("'two'", "'one'", 9, "give each a data directory of its own"),
        ("'[::1]:7102'", "'localhost:7101'", 10, "stands in line 6 already"),
        ("'[::1]:7102'", "'[::1]'", 10, "say host:port"),
        ("'[::1]:7102'", "'::1:7102'", 10, "[::1]:7101"),
        ("'[::1]:7102'", "'[::1]:0'", 10, "is no address"),
        ("'localhost:7101'", "'local host:7101'", 6, "is no address"),
        ("acceptor = '[::1]:7102'", "", 8, "has no role"),
        ("acceptor = ", "leader = ", 11, "no member is acceptor"),
        ("acceptor = ", "aceptor = ", 10, "unknown field `aceptor`"),
        ("7102'\n", "7102'\n[quorums]\nphase1 = 2\nphase2 = 1\n", 11, "2"),
        ("7102'\n", "7102'\n[timing]\nelection = 50\n", 11, "take an election of at least 60"),
        ("7102'\n", "7102'\n[limits]\nwindow = 0\n", 12, "take 1 to 1048576"),
        ("7102'\n", "7102'\n[limits]\nlease = 4095\n", 12, "take a lease of at least 4096"),
        ("7102'\n", "7102'\n[limits]\nwindow = 9\nlease = 9\n", 13, "a client_window of at most 9"),
        (
            "7102'\n",
            "7102'\n[limits]\nreply_bytes = 32767\n",
            12,
            "32767: take 32768 to 34359738368",
        ),
    ];
    for (old, new, line, remedy) in bad {
        assert!(GOOD.contains(old), "{old}");
        let error = parse(&GOOD.replace(old, new)).unwrap_err();
        assert!(error.what.contains(remedy), "{new}: {error}");
        assert_eq!(error.line, line, "{new}: {error}");
    }
}

/// Files are read up to a bound, which the largest cluster stays far below; members up to theirs.
#[test]
fn a_file_and_its_members_have_bounds() {
    let file = |members: usize, comment: usize| {
        let mut text = GOOD.lines().take(2).collect::<Vec<_>>().join("\n") + "\n";
        for n in 0..members {
            let (name, host) = (format!("{n:032}"), "h".repeat(200));
            let role = if n % 2 == 0 { "leader" } else { "acceptor" };
            text.push_str(&format!(
                "[[member]]\nname = '{name}'\ndata = '{}'\n{role} = '{host}:{}'\n",
                format!("/{n}").repeat(100),
                n + 1
            ));
        }
        text + &"#".repeat(comment)
    };
    for members in [127, 128, 129] {
        let parsed = parse(&file(members, 0));
        assert_eq!(parsed.is_ok(), members <= MAX_MEMBERS, "{members}");
        if let Err(error) = parsed {
            assert!(error.what.contains("129 members are too many"), "{error}");
        }
    }
    let least = file(128, 0).len();
    for (bytes, fits) in [(MAX_FILE - 1, true), (MAX_FILE, true), (MAX_FILE + 1, false)] {
        let parsed = parse(&file(128, bytes - least));
        assert_eq!(parsed.is_ok(), fits, "{bytes} bytes");
    }
}

/// Each limit just below, at and above its bounds.
#[test]
fn limits_may_be_set_within_their_bounds() {
    let small = [("window", 1), ("client_window", 1), ("lease", 1), ("waiting", 1)];
    let with = |name: &str, value: u64| {
        let others = small.iter().filter(|(other, _)| *other != name);
        let others: String = others.map(|(other, _)| format!("{other} = 1\n")).collect();
        // The lease is at least as long as both windows.
        let lease = format!("lease = {value}\n");
        let others =
            if name.ends_with("window") { others.replace("lease = 1\n", &lease) } else { others };
        parse(&format!("{GOOD}[limits]\n{others}{name} = {value}\n"))
    };
    let bounds = small.map(|(name, least)| (name, least, 1 << 20));
    for (name, least, most) in bounds.into_iter().chain([("reply_bytes", 32 << 10, 32 << 30)]) {
        assert!(with(name, least - 1).is_err() && with(name, most + 1).is_err(), "{name}");
        for value in [least, least + 1, most - 1, most] {
            let limits = with(name, value).unwrap().limits;
            let Limits { window, waiting, client_window, lease, reply_bytes, .. } = limits;
            let all = [window, waiting as u64, client_window, lease, reply_bytes];
            assert!(all.contains(&value), "{name} = {value}: {all:?}");
        }
    }
}

#[test]
fn hosts_may_be_names_and_addresses_of_both_kinds() {
    for (text, there) in [
        ("127.0.0.1:1", true),
        ("[2001:db8::1]:65535", true),
        ("node-1.example.org:80", true),
        ("[::1:7]:x", false),
        ("[nonsense]:7", false),
        (":7", false),
        ("host:65536", false),
    ] {
        assert_eq!(text.parse::<Address>().is_ok(), there, "{text}");
    }
    let resolved = "[::1]:7101".parse::<Address>().unwrap().resolve().unwrap();
    assert!(resolved.is_ipv6() && resolved.port() == 7101);
}

const BOTH: &str = "cluster = 'c'
id = '0123456789abcdef0123456789abcdef'
[[member]]
name = 'n1'
data = 'one'
leader = 'ONE:7101'
acceptor = 'ONE:7201'
BIND1
[[member]]
name = 'n2'
data = 'two'
leader = 'TWO:7102'
BIND2
";

/// Addresses that can never work together are refused, with a remedy; following it helps.
#[test]
fn members_that_cannot_reach_one_another_are_refused() {
    let parse = |one: &str, bind1: &str, two: &str, bind2: &str| {
        let bind = |ip: &str| if ip.is_empty() { String::new() } else { format!("bind = '{ip}'") };
        let text = BOTH.replace("ONE", one).replace("TWO", two);
        parse(&text.replace("BIND1", &bind(bind1)).replace("BIND2", &bind(bind2)))
    };
    let (v4, v6) = ("192.0.2.1", "[2001:db8::1]");
    for (one, bind1, two, bind2, line, what) in [
        ("0.0.0.0", "", v4, "", 6, "write the address that they reach"),
        (v4, "", "[::]", "", 12, "write the address that they reach"),
        (v4, "", "224.0.0.1", "", 12, "not the address of one machine"),
        ("255.255.255.255", "", v4, "", 6, "not the address of one machine"),
        (v4, "", v6, "", 4, "bind = \"::\""),
        (v6, "", v4, "", 4, "bind = \"::\""),
        (v4, "::", v6, "", 10, "bind = \"::\""),
        (v4, "0.0.0.0", v6, "::", 4, "bind = \"::\""),
        (v6, "0.0.0.0", v6, "", 4, "take a bind of the same kind"),
        ("127.0.0.1", "", v4, "", 4, "the address that n2 reaches"),
        ("127.0.0.1", "0.0.0.0", v4, "", 4, "the address that n2 reaches"),
        ("127.0.0.1", "::", v6, "", 4, "the address that n2 reaches"),
        ("[fe80::1]", "", v6, "", 6, "the same for all"),
        (v4, "", "[::1]", "::", 4, "bind = \"::\""),
        (v4, "nonsense", v4, "", 8, "no address to listen at"),
        (v4, "0.0.0.0:7101", v4, "", 8, "without a port"),
    ] {
        let error = parse(one, bind1, two, bind2).unwrap_err();
        assert!(error.line == line && error.what.contains(what), "{one} {bind1} {two}: {error}");
    }
    for (one, bind1, two, bind2) in [
        (v4, "", "192.0.2.2", ""),
        (v4, "0.0.0.0", "192.0.2.2", ""),
        (v4, "::", v6, "::"),
        (v6, "::", v4, "::"),
        ("127.0.0.1", "", "127.0.0.2", ""),
        ("127.0.0.1", "", "localhost", ""),
        ("node-1", "", v6, ""),
        ("node-1", "0.0.0.0", "node-2", ""),
    ] {
        let config = parse(one, bind1, two, bind2).unwrap();
        assert_eq!(config.members[0].bind.is_some(), !bind1.is_empty());
    }
}

/// Datagrams fit the way: what the loopback takes if all are there, and otherwise a frame of Ethernet.
#[test]
fn the_length_of_datagrams_goes_by_where_the_members_are() {
    let path = |text: &str| parse(text).unwrap().path();
    let local = ClusterConfig::sample("local", 3, 7101).unwrap();
    assert_eq!(path(&local), loopback_path());
    assert_eq!(path(&local.replace("127.0.0.1:7104", "node-2:7104")), PATH);
    assert_eq!(path(&local.replace("127.0.0.1", "192.0.2.1")), PATH);
    let with = |bytes: usize| format!("{local}[network]\ndatagram = {bytes}\n");
    for bytes in [LEAST_PATH, LEAST_PATH + 1, 9000, MAX_DATAGRAM - 1, MAX_DATAGRAM] {
        assert_eq!(path(&with(bytes)), bytes);
    }
    for bytes in [0, LEAST_PATH - 1, MAX_DATAGRAM + 1] {
        assert!(parse(&with(bytes)).unwrap_err().what.contains("take 512 to 65507"));
    }
}

/// One member on each machine: it listens where the others reach it, or everywhere if the system's own
/// idea of its name may be a loopback address, or if there are two versions of IP.
#[test]
fn a_file_for_several_machines_can_be_used() {
    let binds = |hosts: [&str; 3]| {
        let at = |host, port| format!("{host}:{port}").parse().unwrap();
        let machines = hosts.map(|host| (at(host, 7101), at(host, 7102)));
        let text = ClusterConfig::sample_on("prod", &machines).unwrap();
        let config = parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(config.path(), PATH, "datagrams for machines");
        assert_eq!(config.members[2].name, "n3");
        assert_eq!(config.members[2].acceptor.as_ref().unwrap(), &at(hosts[2], 7102));
        let bind = |member: &MemberConfig| member.bind.map_or(String::new(), |ip| ip.to_string());
        config.members.iter().map(bind).collect::<Vec<_>>()
    };
    let four = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    assert_eq!(binds(four), ["", "", ""]);
    assert_eq!(binds(["[2001:db8::1]", "[2001:db8::2]", "[2001:db8::3]"]), ["", "", ""]);
    assert_eq!(binds(["node-1", "node-2", "192.0.2.3"]), ["::", "::", ""]);
    assert_eq!(binds(["node-1", "192.0.2.2", "[2001:db8::3]"]), ["::", "::", "::"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done to a file, it is a cluster, or a line of it is named.
    #[test]
    fn no_text_panics(
        at in any::<prop::sample::Index>(),
        length in 0usize..9,
        new in "[ -~\n]{0,9}|\\PC{0,4}",
    ) {
        let mut text = ClusterConfig::sample("local", 3, 7101).unwrap();
        let at = at.index(text.len());
        let end = (at + length).min(text.len());
        text.replace_range(at..end, &new);
        if let Err(error) = parse(&text) {
            prop_assert!((1..=text.matches('\n').count() + 1).contains(&error.line));
        }
    }
}
