//! Which sequences go into a batch together.

/// Puts neighbours of `order` together while they fit, padded to the longest, into a batch of `most` tokens.
pub fn pack(order: &[usize], most: usize, length: impl Fn(usize) -> usize) -> Vec<Vec<usize>> {
    let mut packs: Vec<Vec<usize>> = Vec::new();
    let mut longest = 0;
    for at in order {
        longest = longest.max(length(*at));
        match packs.last_mut() {
            Some(pack) if longest * (pack.len() + 1) <= most => pack.push(*at),
            _ => {
                packs.push(vec![*at]);
                longest = length(*at);
            }
        }
    }
    packs
}

/// As many of `items`, from the first, as have `most` tokens together; at least one.
pub fn first<T>(items: &[T], most: usize, length: impl Fn(&T) -> usize) -> &[T] {
    let mut sum = 0;
    let fits = |item: &&T| {
        sum += length(item);
        sum <= most
    };
    let count = items.iter().take_while(fits).count();
    &items[..count.max(1).min(items.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_by_hand() {
        let lengths = [3, 3, 4, 9, 2];
        let packs = pack(&[0, 1, 2, 3, 4], 9, |at| lengths[at]);
        assert_eq!(packs, [vec![0, 1], vec![2], vec![3], vec![4]]);
    }

    #[test]
    fn the_first_by_hand() {
        assert_eq!(first(&[3, 3, 4], 7, |item| *item), [3, 3]);
        assert_eq!(first(&[30, 3], 7, |item| *item), [30]);
        assert!(first(&[0; 0], 7, |item| *item).is_empty());
    }
}
