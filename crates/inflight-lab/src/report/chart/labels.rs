//! Labels that stand beside what they name, and never on each other.

/// Places for labels that would like to stand at `wanted`, at least `gap` apart and within `low..high`, in the order given. Each
/// stands as near to its wish as the others allow; if there is no room for all, they stand evenly.
pub(super) fn spread(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]).then(a.cmp(b)));
    let room = (high - low).max(0.0);
    let gap = gap.min(room / wanted.len().saturating_sub(1).max(1) as f64);
    // Blocks of labels that touch: each stands where the mean of its wishes is, so no label is favoured.
    let mut blocks: Vec<Block> = Vec::new();
    for &label in &order {
        let mut block = Block { labels: vec![label], top: wanted[label] };
        block.settle(wanted, gap, low, high);
        while blocks.last().is_some_and(|above| above.top + above.height(gap) > block.top) {
            let mut above = blocks.pop().expect("it was just looked at");
            above.labels.append(&mut block.labels);
            above.settle(wanted, gap, low, high);
            block = above;
        }
        blocks.push(block);
    }
    let mut places = vec![0.0; wanted.len()];
    for block in &blocks {
        for (i, &label) in block.labels.iter().enumerate() {
            places[label] = block.top + gap * i as f64;
        }
    }
    places
}

struct Block {
    labels: Vec<usize>,
    top: f64,
}

impl Block {
    fn height(&self, gap: f64) -> f64 {
        gap * self.labels.len() as f64
    }

    fn settle(&mut self, wanted: &[f64], gap: f64, low: f64, high: f64) {
        let wish = |(i, label): (usize, &usize)| wanted[*label] - gap * i as f64;
        let mean = self.labels.iter().enumerate().map(wish).sum::<f64>() / self.labels.len() as f64;
        let lowest = (high - gap * (self.labels.len() - 1) as f64).max(low);
        self.top = mean.clamp(low, lowest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_stay_where_they_are_if_there_is_room() {
        assert_eq!(spread(&[50.0, 10.0], 10.0, 0.0, 100.0), [50.0, 10.0]);
        assert_eq!(spread(&[50.0, 50.0], 10.0, 0.0, 100.0), [45.0, 55.0]);
        assert_eq!(spread(&[99.0, 100.0], 10.0, 0.0, 100.0), [90.0, 100.0]);
    }

    proptest! {
        #[test]
        fn no_two_labels_overlap_and_none_leaves_the_frame(wanted in proptest::collection::vec(-50.0..250.0f64, 1..15)) {
            let mut places = spread(&wanted, 12.0, 0.0, 200.0);
            places.sort_by(f64::total_cmp);
            prop_assert!(places.windows(2).all(|two| two[1] - two[0] >= 12.0 - 1e-6), "{places:?}");
            prop_assert!(places[0] >= -1e-6 && places[places.len() - 1] <= 200.0 + 1e-6, "{places:?}");
        }
    }
}
