//! A few deadlines in order, in one place.

/// A deadline, and what tells equal deadlines apart: the order in which they were set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) deadline: u64,
    pub(super) key: u64,
}

/// How many entries a sorted row serves better than a tree: moving a few along costs less than a walk.
const ROW: usize = 64;
const ROOM: usize = 2 * ROW;
/// A search takes steps as long as this, then single ones.
const STRIDE: usize = 8;

/// At most [`ROW`] entries, the latest first, with room at both ends.
#[derive(Debug)]
pub(super) struct Row {
    places: [Entry; ROOM],
    start: usize,
    end: usize,
}

impl Row {
    pub(super) const fn new() -> Row {
        Row { places: [Entry { deadline: 0, key: 0 }; ROOM], start: ROOM / 2, end: ROOM / 2 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.end == self.start
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len() == ROW
    }

    #[inline]
    fn at(&self, place: usize) -> Entry {
        self.places[place % ROOM]
    }

    #[inline]
    fn deadline(&self, place: usize) -> u64 {
        self.places[place % ROOM].deadline
    }

    #[inline]
    fn put(&mut self, place: usize, entry: Entry) {
        self.places[place % ROOM] = entry;
    }

    #[inline]
    pub(super) fn latest(&self) -> Option<Entry> {
        if self.is_empty() { None } else { Some(self.at(self.start)) }
    }

    #[inline]
    pub(super) fn earliest(&self) -> Option<Entry> {
        if self.is_empty() { None } else { Some(self.at(self.end - 1)) }
    }

    /// Takes the earliest out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let entry = self.earliest()?;
        self.end -= 1;
        Some(entry)
    }

    /// Whether an entry can be put in as the others are placed now.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        !self.is_full() && self.start > 0 && self.end < ROOM
    }

    /// Puts in an entry that is newer than all with the same deadline. There must be room.
    #[inline(always)]
    pub(super) fn insert(&mut self, entry: Entry) {
        if self.is_empty() {
            self.put(self.end, entry);
            self.end += 1;
            return;
        }
        // Those on the shorter side move along, one by one: most of the time they are few. The middle tells which side that
        // is, and stays.
        let middle = self.start + self.len() / 2;
        if self.deadline(middle) > entry.deadline {
            let (row, behind) = self.places.split_at_mut(self.end);
            fill(&mut behind[0], row.iter_mut().rev(), entry, |other| other.deadline <= entry.deadline);
            self.end += 1;
        } else {
            let (before, row) = self.places.split_at_mut(self.start);
            fill(&mut before[self.start - 1], row.iter_mut(), entry, |other| other.deadline > entry.deadline);
            self.start -= 1;
        }
    }

    /// Takes an entry out; `false` if it is not there.
    #[inline]
    pub(super) fn remove(&mut self, entry: Entry) -> bool {
        let mut place = self.behind(|deadline| deadline < entry.deadline);
        loop {
            if place == self.start || self.deadline(place - 1) != entry.deadline {
                return false;
            }
            place -= 1;
            if self.at(place) == entry {
                break;
            }
        }
        if place - self.start < self.end - place {
            self.shift(self.start, place, self.start + 1);
            self.start += 1;
        } else {
            self.shift(place + 1, self.end, place);
            self.end -= 1;
        }
        true
    }

    /// The place from which on all deadlines are early, as `is_early` says. Most are not far from the end.
    #[inline]
    fn behind(&self, is_early: impl Fn(u64) -> bool) -> usize {
        let mut place = self.end;
        while place - self.start > STRIDE && is_early(self.deadline(place - STRIDE)) {
            place -= STRIDE;
        }
        while place > self.start && is_early(self.deadline(place - 1)) {
            place -= 1;
        }
        place
    }

    /// Moves the entries of some places to places that begin at `to`.
    #[inline]
    fn shift(&mut self, from: usize, until: usize, to: usize) {
        if from < until {
            self.places.copy_within(from..until, to);
        }
    }

    /// Takes out the latest half of a full row.
    pub(super) fn drain_late(&mut self) -> impl Iterator<Item = Entry> {
        let late = self.start..self.start + ROW / 2;
        self.start = late.end;
        late.map(|place| self.at(place))
    }

    /// Fills an empty row with entries, the earliest first, as many as it takes to half of it.
    #[cold]
    pub(super) fn refill(&mut self, mut next: impl FnMut() -> Option<Entry>) {
        (self.start, self.end) = (ROOM * 3 / 4, ROOM * 3 / 4);
        while self.len() < ROW / 2
            && let Some(entry) = next()
        {
            self.start -= 1;
            self.put(self.start, entry);
        }
    }

    /// Makes room at both ends.
    pub(super) fn centre(&mut self) {
        let start = (ROOM - self.len()) / 2;
        self.shift(self.start, self.end, start);
        (self.start, self.end) = (start, start + self.len());
    }
}

/// Moves those in the way into the gap, each into the one that the other before left, and puts `entry` into the last.
#[inline(always)]
fn fill<'a>(
    mut gap: &'a mut Entry,
    row: impl Iterator<Item = &'a mut Entry>,
    entry: Entry,
    is_in_the_way: impl Fn(&Entry) -> bool,
) {
    for place in row {
        if !is_in_the_way(place) {
            break;
        }
        *gap = *place;
        gap = place;
    }
    *gap = entry;
}
