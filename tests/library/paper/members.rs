//! Members: what may be said, and by whom; all else is ignored, in every state.

use super::bench::*;
use crate::paxos::*;
use stateright::actor::Id;

/// Everybody that there is, a stranger among them.
fn everybody() -> [Id; 7] {
    [leader(0), leader(1), leader(2), acceptor(0), acceptor(1), acceptor(2), client(0)]
}

/// One message of each kind, each role that hears it, and who may say it to the bench's members:
/// leader 1, acceptor 0 and client 0.
fn one_of_each() -> [(Message, &'static str, Vec<Id>); 18] {
    let (b, owner) = (ballot(3, 2), vec![leader(2)]);
    let leaders = vec![leader(0), leader(1), leader(2)];
    let peers = vec![leader(0), leader(2)];
    let acceptors = vec![acceptor(0), acceptor(1), acceptor(2)];
    [
        (request(0), "leader", everybody().to_vec()),
        (reply(0, 0, 0), "client", leaders.clone()),
        (redirect(0, Some(1)), "client", leaders.clone()),
        (refused(0, Refusal::HistoryFull), "client", leaders.clone()),
        (Message::Open { number: 0 }, "leader", everybody().to_vec()),
        (Message::Opened(ClientId::original(0)), "client", leaders.clone()),
        (Message::NotOpened { number: 0, primary: None }, "client", leaders),
        (prepare(b, 0), "acceptor", owner.clone()),
        (promise(ballot(1, 1), &[]), "leader", acceptors.clone()),
        (accept(b, 0, decree(0)), "acceptor", owner.clone()),
        (accepted(b, 0, decree(0)), "leader", acceptors.clone()),
        (nack(ballot(1, 1), b), "leader", acceptors.clone()),
        (Message::Candidacy { ballot: b }, "leader", owner.clone()),
        (heartbeat(b, 1), "leader", [owner.clone(), acceptors.clone()].concat()),
        (heartbeat(b, 1), "acceptor", owner),
        (heartbeat(ballot(3, 1), 1), "acceptor", vec![leader(1)]),
        (catch_up(0, 1), "leader", [peers.clone(), acceptors].concat()),
        (chosen(0, &[decree(0)], 1), "leader", peers),
    ]
}

fn role(bench: &Bench) -> &'static str {
    match bench.node.role() {
        Role::Leader(_) => "leader",
        Role::Acceptor(_) => "acceptor",
        Role::Client(_) => "client",
    }
}

fn a_client() -> Bench {
    let setup = three(Limits::default());
    let client = Client::new(0, LeaderId(0), 1, 1, setup);
    Bench::start(Role::Client(client), Saving::Changes, None)
}

/// PMS 2.1: each message has its role. Every kind of message, by everybody, to every role.
#[test]
fn what_one_may_not_say_is_ignored() {
    let members = || {
        let mut knowing = Bench::follower(1, Limits::default());
        knowing.hear_votes(2, &vote(ballot(1, 1), 0, decree(0)));
        let candidate = Bench::candidate(1, Limits::default());
        let primary = Bench::primary(1, Limits::default());
        [Bench::acceptor(Limits::default()), knowing, candidate, primary, a_client()]
    };
    let all = one_of_each();
    for (message, ..) in &all {
        for from in everybody() {
            for mut bench in members() {
                let may = |(said, hearer, speakers): &(Message, &str, Vec<Id>)| {
                    said == message && *hearer == role(&bench) && speakers.contains(&from)
                };
                let heard = all.iter().any(may);
                assert_eq!(bench.node.admits(from, message), heard, "{message} by {from:?}");
                let before = (bench.state.clone(), bench.timers.clone(), bench.saved.len());
                let sent = bench.hear(from, message.clone());
                let after = (bench.state, bench.timers, bench.saved.len());
                assert!(heard || (sent.is_empty() && after == before), "{message} by {from:?}");
            }
        }
    }
}

/// PMS 2.5: "disjoint sets of numbers": nobody may speak under another's ballot, nor under the one
/// below all ballots; and nobody is its own peer.
#[test]
fn a_ballot_is_its_owners() {
    let acceptor = Bench::acceptor(Limits::default());
    let follower = Bench::follower(0, Limits::default());
    for (from, b) in [(0, ballot(1, 0)), (1, ballot(1, 1)), (1, ballot(1, 0)), (0, Ballot::NONE)] {
        let owns = b != Ballot::NONE && b.leader == LeaderId(from);
        for message in [prepare(b, 0), accept(b, 0, decree(0))] {
            assert_eq!(acceptor.node.admits(leader(from.into()), &message), owns, "{message}");
        }
        let peer = owns && from != 0;
        assert_eq!(follower.node.admits(leader(from.into()), &heartbeat(b, 0)), peer);
    }
}

/// House rule: a client hears of its own requests only.
#[test]
fn a_client_ignores_what_is_said_to_another() {
    let (mut bench, other) = (a_client(), RequestId { client: ClientId::original(1), sequence: 0 });
    let before = bench.state.clone();
    let to_another = [
        Message::Reply {
            id: other,
            done: Done { instance: Instance(0), position: 0, answer: Answer::Reply([][..].into()) },
        },
        Message::Redirect { id: other, primary: Some(LeaderId(1)) },
        Message::Refused { id: other, reason: Refusal::HistoryFull },
        Message::Opened(other.client),
        Message::NotOpened { number: other.client.number, primary: None },
    ];
    for message in to_another {
        assert_eq!(bench.hear(leader(0), message), []);
        assert_eq!(bench.state, before);
    }
    bench.hear(leader(0), reply(0, 0, 0));
    assert_ne!(bench.state, before, "its own answer is heard");
}
