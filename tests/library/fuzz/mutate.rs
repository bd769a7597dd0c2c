//! How valid encodings are changed.

use fastrand::Rng;

/// Lengths that are not true, whatever follows.
pub(crate) const LIES: [u64; 6] = [251, 1 << 16, 1 << 32, 1 << 62, 1 << 63, u64::MAX];

/// The most random bytes.
const NOISE: usize = 64;

/// Changes valid encodings of one kind.
pub(crate) struct Mutator<'a>(&'a [Vec<u8>]);

/// A number as the codec writes it.
pub(crate) fn number(number: u64) -> Vec<u8> {
    bincode::serde::encode_to_vec(number, bincode::config::standard()).unwrap()
}

/// Bytes with each of them in turn replaced by each of these numbers.
pub(crate) fn every_claim(bytes: &[u8], claims: &[u64]) -> Vec<Vec<u8>> {
    let at = |at: usize| {
        claims.iter().map(move |claim| [&bytes[..at], &number(*claim), &bytes[at + 1..]].concat())
    };
    (0..bytes.len()).flat_map(at).collect()
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(bodies: &'a [Vec<u8>]) -> Self {
        Mutator(bodies)
    }

    /// Random bytes, or a valid encoding that was changed in a few places.
    pub(crate) fn next(&self, random: &mut Rng) -> Vec<u8> {
        if random.u8(..8) == 0 {
            return (0..random.usize(..NOISE)).map(|_| random.u8(..)).collect();
        }
        let mut bytes = self.any(random).to_vec();
        for _ in 0..random.u8(1..5) {
            self.change(&mut bytes, random);
        }
        bytes
    }

    fn any(&self, random: &mut Rng) -> &'a [u8] {
        &self.0[random.usize(..self.0.len())]
    }

    fn change(&self, bytes: &mut Vec<u8>, random: &mut Rng) {
        let at = place(bytes, random);
        let Some(byte) = bytes.get_mut(at) else { return bytes.push(random.u8(..)) };
        match random.u8(..10) {
            0 => *byte ^= 1 << random.u8(..8),
            1 => *byte = random.u8(..),
            // Small numbers are tags and lengths.
            2 => *byte = random.u8(..8),
            3 | 4 => {
                let claimed = claim(bytes.len() - at - 1, random);
                drop(bytes.splice(at..=at, claimed));
            }
            5 => bytes.truncate(at),
            6 => drop(bytes.remove(at)),
            7 => bytes.insert(at, random.u8(..)),
            8 => {
                let end = (at + random.usize(..40)).min(bytes.len());
                bytes.extend_from_within(at..end);
            }
            _ => {
                let other = self.any(random);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[place(other, random)..]);
            }
        }
    }
}

/// Somewhere; at the beginning more often, since there the tags and lengths are.
fn place(bytes: &[u8], random: &mut Rng) -> usize {
    let end = if random.bool() { bytes.len() } else { bytes.len().min(24) };
    if end == 0 { 0 } else { random.usize(..end) }
}

/// A length where so many bytes are left, true or not.
fn claim(left: usize, random: &mut Rng) -> Vec<u8> {
    let near = [0, left.saturating_sub(1) as u64, left as u64, left as u64 + 1];
    match random.u8(..10) {
        0..4 => number(near[random.usize(..near.len())]),
        4..9 => number(LIES[random.usize(..LIES.len())]),
        _ => number(random.u64(..)),
    }
}
