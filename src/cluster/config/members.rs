//! The members in a configuration file.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use toml::Spanned;

use super::{Address, ConfigError, File, MAX_MEMBERS, MemberConfig, WrittenMember, address};
use crate::paxos::MAX_ACCEPTORS;

impl File<'_> {
    pub(super) fn members(
        &self,
        written: &[Spanned<WrittenMember>],
    ) -> Result<Vec<MemberConfig>, ConfigError> {
        let mut members = Vec::new();
        let (mut names, mut folders) = (BTreeMap::new(), BTreeMap::new());
        let mut addresses = BTreeMap::new();
        for member in written {
            let WrittenMember { name, data, leader, acceptor, bind } = member.get_ref();
            let name_ = self.name(name, "a member")?;
            self.once(&mut names, name_.clone(), name.span(), "a name")?;
            self.once(&mut folders, data.get_ref().clone(), data.span(), "a data directory")?;
            let mut address = |at: &Option<Spanned<String>>| {
                let Some(at) = at else { return Ok(None) };
                let address = self.address(at)?;
                self.once(&mut addresses, address.clone(), at.span(), "an address")?;
                Ok(Some(address))
            };
            let (leader, acceptor) = (address(leader)?, address(acceptor)?);
            if leader.is_none() && acceptor.is_none() {
                let what = format!(
                    "member '{name_}' has no role: say where it is a leader or an acceptor, as in \
                     acceptor = \"127.0.0.1:7201\""
                );
                return self.error(name.span(), what);
            }
            members.push(MemberConfig {
                name: name_,
                data: data.get_ref().clone(),
                leader,
                acceptor,
                bind: bind.as_ref().map(|bind| self.bind(bind)).transpose()?,
            });
        }
        for (member, written) in members.iter().zip(written) {
            if let Some(what) = address::no_way(member, &members) {
                return self.error(written.get_ref().name.span(), what);
            }
        }
        if members.len() > MAX_MEMBERS {
            let what = format!("{} members are too many: take up to {MAX_MEMBERS}", members.len());
            return self.error(self.0.len()..self.0.len(), what);
        }
        let leaders = members.iter().filter(|member| member.leader.is_some()).count();
        let acceptors = members.iter().filter(|member| member.acceptor.is_some()).count();
        if acceptors > MAX_ACCEPTORS {
            let what = format!("{acceptors} acceptors are too many: take up to {MAX_ACCEPTORS}");
            return self.error(self.0.len()..self.0.len(), what);
        }
        for (role, count) in [("leader", leaders), ("acceptor", acceptors)] {
            if count == 0 {
                let what = format!(
                    "no member is {role}: give at least one an address, as in {role} = \
                     \"127.0.0.1:7101\""
                );
                return self.error(self.0.len()..self.0.len(), what);
            }
        }
        Ok(members)
    }

    /// Checks that no other member has the same value.
    fn once<K: Ord + fmt::Debug>(
        &self,
        seen: &mut BTreeMap<K, usize>,
        key: K,
        span: Range<usize>,
        what: &str,
    ) -> Result<(), ConfigError> {
        let shown = format!("{key:?}");
        let shown = self.0.get(span.clone()).unwrap_or(&shown).to_owned();
        let line = self.0.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
        match seen.insert(key, line) {
            None => Ok(()),
            Some(first) => self.error(
                span,
                format!("{shown} stands in line {first} already: give each {what} of its own"),
            ),
        }
    }

    fn address(&self, written: &Spanned<String>) -> Result<Address, ConfigError> {
        let text = written.get_ref();
        match text.parse() {
            Ok(address) => match address::no_place(&address) {
                Some(what) => self.error(written.span(), what),
                None => Ok(address),
            },
            Err(()) => self.error(
                written.span(),
                format!(
                    "'{}' is no address: say host:port, as in 127.0.0.1:7101, [::1]:7101 or \
                     node1.example.org:7101",
                    text.escape_default()
                ),
            ),
        }
    }

    fn bind(&self, written: &Spanned<String>) -> Result<IpAddr, ConfigError> {
        let text = written.get_ref();
        text.parse().or_else(|_| {
            let what = format!(
                "'{}' is no address to listen at: say one of this machine without a port, \"0.0.0.0\" for \
                 all of IPv4, or \"::\" for all",
                text.escape_default()
            );
            self.error(written.span(), what)
        })
    }
}
