//! Shuffle sharding: a flow's hand of queues. Two flows seldom have all of their queues in common, so one that fills
//! its own leaves the others some. Source: KEP-1040, "Dealing".

use smallvec::SmallVec;

/// As many cards as any hand has; validation allows no more bits of a hash.
const MOST: usize = 15;

pub type Hand = SmallVec<[usize; MOST]>;

/// `hand` different queues of `deck`, the same for the same hash.
pub fn deal(mut hash: u64, deck: usize, hand: usize) -> Hand {
    let hand = hand.min(deck).min(MOST);
    let mut cards = Hand::new();
    for dealt in 0..hand {
        let left = (deck - dealt) as u64;
        // Of the cards that are left, so its rank is below their number.
        let mut card = usize::try_from(hash % left).unwrap_or(0);
        hash /= left;
        let mut sorted = cards.clone();
        sorted.sort_unstable();
        for taken in sorted {
            if card >= taken {
                card += 1;
            }
        }
        cards.push(card);
    }
    cards
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn hands_have_different_cards_of_the_deck() {
        let check = |deck: usize, hand: usize| {
            let mut seen = BTreeSet::new();
            for n in 0..2000_u64 {
                let cards = deal(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), deck, hand);
                let unique: BTreeSet<usize> = cards.iter().copied().collect();
                assert_eq!(unique.len(), hand.min(deck), "{cards:?}");
                assert!(cards.iter().all(|card| *card < deck), "{cards:?}");
                seen.extend(unique);
            }
            assert_eq!(seen.len(), deck, "every card is dealt to somebody");
        };
        check(1, 1);
        check(2, 5);
        check(64, 6);
        check(128, 8);
        assert!(deal(1, 0, 3).is_empty());
    }
}
