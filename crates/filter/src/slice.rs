//! The stable partition of points by a hash of their ids.

use model::PointId;
use siphasher::sip::SipHasher24;

/// Whether `id` falls into part `index` of `total`: SipHash-2-4 with a zero key over the 8
/// little-endian bytes of a number, the 16 bytes of a UUID or the bytes of a text.
pub(crate) fn holds(id: &PointId, total: u32, index: u32) -> bool {
    let hasher = SipHasher24::new();
    let hash = match id {
        PointId::Num(n) => hasher.hash(&n.to_le_bytes()),
        PointId::Uuid(bytes) => hasher.hash(bytes),
        PointId::Text(text) => hasher.hash(text.as_bytes()),
    };
    hash.checked_rem(u64::from(total)) == Some(u64::from(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_a_partition() {
        for n in 0..200 {
            let id = PointId::Num(n);
            assert_eq!((0..7).filter(|&part| holds(&id, 7, part)).count(), 1);
        }
        assert!(!holds(&PointId::Num(1), 0, 0));
    }

    #[test]
    fn the_hash_is_that_of_the_reference() {
        // First vectors of the reference implementation use the key 00..0f; with a zero key the
        // hash of the empty text is 0x1e924b9d737700d7.
        let empty = PointId::Text("".into());
        let hash = 0x1e92_4b9d_7377_00d7_u64;
        let total = 1_000_003;
        assert!(holds(&empty, total, (hash % u64::from(total)) as u32));
    }
}
