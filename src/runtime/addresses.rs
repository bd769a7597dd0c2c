//! The mapping between ids and addresses.
//!
//! The id of a member encodes its role ([`Party`]), at any address; the id of a client encodes its address. A
//! Stateright id has 64 bits. An IPv4 address and its port fit; an IPv6 address does not, so each node
//! numbers those that it meets for itself: ids never leave it.

use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stateright::actor::Id;

use super::party::Party;

/// The bit set in the ids of IPv6 addresses; those of IPv4 have 48 bits.
const V6: u64 = 1 << 63;

/// The most IPv6 addresses that are remembered at a time, besides those kept for ever. Beyond that the oldest
/// is forgotten, and datagrams to it are lost.
pub const MOST: usize = 16 * 1024;

/// The canonical form of an address: an IPv4 address mapped to IPv6 becomes IPv4.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The addresses of members, and the IPv6 addresses met.
#[derive(Debug, Default)]
pub struct Addresses(Mutex<Met>);

#[derive(Debug, Default)]
struct Met {
    members: BTreeMap<Party, SocketAddr>,
    kept: Vec<SocketAddrV6>,
    /// A ring buffer: the next address replaces the oldest.
    passing: Vec<(u64, SocketAddrV6)>,
    ids: HashMap<SocketAddrV6, u64>,
    /// The number of addresses put into the ring so far.
    count: u64,
}

impl Addresses {
    /// Sets the address of a member's role.
    pub fn place(&self, member: Party, address: SocketAddr) {
        self.met().members.insert(member, address);
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of an address that must never be forgotten, such as one's own.
    pub fn keep(&self, address: SocketAddr) -> Id {
        self.id_of(address, Met::keep)
    }

    /// The id of an address.
    pub fn id(&self, address: SocketAddr) -> Id {
        self.id_of(address, Met::pass)
    }

    fn id_of(&self, address: SocketAddr, number: fn(&mut Met, SocketAddrV6) -> u64) -> Id {
        match canonical(address) {
            SocketAddr::V4(address) => Id::from(address),
            SocketAddr::V6(address) => {
                let mut met = self.met();
                let known = met.ids.get(&address).copied();
                Id::from((V6 | known.unwrap_or_else(|| number(&mut met, address))) as usize)
            }
        }
    }

    /// The address of an id; `None` if it is unknown or was forgotten.
    pub fn address(&self, id: Id) -> Option<SocketAddr> {
        let member = Party::of(id);
        if member != Party::Client {
            return self.met().members.get(&member).copied();
        }
        let number = usize::from(id) as u64;
        if number & V6 == 0 {
            return Some(SocketAddrV4::from(id).into());
        }
        self.met().address(number & !V6).map(SocketAddr::V6)
    }
}

/// The bound of the ids that are kept for ever.
const PASSING: u64 = 1 << 32;

impl Met {
    fn keep(&mut self, address: SocketAddrV6) -> u64 {
        let number = self.kept.len() as u64;
        self.kept.push(address);
        self.ids.insert(address, number);
        number
    }

    fn pass(&mut self, address: SocketAddrV6) -> u64 {
        let number = PASSING + self.count;
        let place = (self.count % MOST as u64) as usize;
        self.count += 1;
        self.ids.insert(address, number);
        match self.passing.get_mut(place) {
            None => self.passing.push((number, address)),
            Some(oldest) => {
                let (_, forgotten) = std::mem::replace(oldest, (number, address));
                self.ids.remove(&forgotten);
            }
        }
        number
    }

    fn address(&self, number: u64) -> Option<SocketAddrV6> {
        let Some(passing) = number.checked_sub(PASSING) else {
            return self.kept.get(number as usize).copied();
        };
        let place = (passing % MOST as u64) as usize;
        let (there, address) = self.passing.get(place)?;
        (*there == number).then_some(*address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(number: u16) -> SocketAddr {
        format!("[2001:db8::{number:x}]:7101").parse().unwrap()
    }

    #[test]
    fn ids_and_addresses_belong_together() {
        let addresses = Addresses::default();
        let v4: SocketAddr = "192.0.2.1:7101".parse().unwrap();
        for address in [v4, v6(1), v6(2), v6(1)] {
            let id = addresses.id(address);
            assert_eq!(addresses.address(id), Some(address));
            assert_eq!(addresses.id(address), id);
        }
        assert_ne!(addresses.id(v6(1)), addresses.id(v6(2)));
        let mapped = "[::ffff:192.0.2.1]:7101".parse().unwrap();
        assert_eq!(addresses.id(mapped), addresses.id(v4));
    }

    #[test]
    fn the_oldest_are_forgotten_and_members_never() {
        let addresses = Addresses::default();
        let member = addresses.keep(v6(0));
        let first = addresses.id(v6(1));
        for number in 2..MOST as u16 + 2 {
            addresses.id(v6(number));
        }
        assert_eq!(addresses.address(first), None);
        assert_eq!(addresses.address(member), Some(v6(0)));
        assert_eq!(addresses.id(v6(0)), member);
        let again = addresses.id(v6(1));
        assert_ne!(again, first, "an id never stands for another address");
        assert_eq!(addresses.address(again), Some(v6(1)));
    }
}
