//! A few entries in order, in one place.

/// A deadline in the upper 64 bits, and below them what tells equal deadlines apart.
pub(super) type Entry = u128;

/// How many entries a sorted row serves better than a tree: moving a few along costs less than a walk.
pub(super) const ROW: usize = 64;
const ROOM: usize = 2 * ROW;

/// At most [`ROW`] entries, the latest first, with room at both ends.
#[derive(Debug)]
pub(super) struct Row {
    places: [Entry; ROOM],
    start: usize,
    end: usize,
}

impl Row {
    pub(super) const fn new() -> Row {
        Row { places: [0; ROOM], start: ROOM / 2, end: ROOM / 2 }
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

    /// Puts in an entry that is newer than all with the same deadline. The row must not be full.
    #[inline]
    pub(super) fn insert(&mut self, entry: Entry) {
        if self.start == 0 || self.end == ROOM {
            self.centre();
        }
        if self.latest().is_none_or(|latest| latest < entry) {
            self.start -= 1;
            self.places[self.start % ROOM] = entry;
            return;
        }
        // The earlier ones move along. Most who come do not have far to go.
        self.end += 1;
        let row = &mut self.places[self.start..self.end];
        let mut place = row.len() - 1;
        while let Some(before) = place.checked_sub(1)
            && (row[before] >> 64) as u64 <= (entry >> 64) as u64
        {
            row[place] = row[before];
            place = before;
        }
        row[place] = entry;
    }

    /// Where `entry` stands, if it is there. Without a branch that would have to be guessed.
    #[inline]
    fn find(&self, entry: Entry) -> Option<usize> {
        let (mut place, mut rest) = (self.start, self.len());
        while rest > 1 {
            let half = rest / 2;
            place = if self.at(place + half) >= entry { place + half } else { place };
            rest -= half;
        }
        if rest == 1 && self.at(place) == entry { Some(place) } else { None }
    }

    /// Takes an entry out; `false` if it is not there.
    #[inline]
    pub(super) fn remove(&mut self, entry: Entry) -> bool {
        let Some(place) = self.find(entry) else { return false };
        if place - self.start < self.end - place {
            self.places.copy_within(self.start..place, self.start + 1);
            self.start += 1;
        } else {
            self.places.copy_within(place + 1..self.end, place);
            self.end -= 1;
        }
        true
    }

    /// Takes out the latest half of a full row.
    pub(super) fn drain_late(&mut self) -> impl Iterator<Item = Entry> {
        let late = self.start..self.start + ROW / 2;
        self.start = late.end;
        late.map(|place| self.places[place])
    }

    /// Fills an empty row with entries, the earliest first, as many as it takes to half of it.
    pub(super) fn refill(&mut self, mut next: impl FnMut() -> Option<Entry>) {
        (self.start, self.end) = (ROOM * 3 / 4, ROOM * 3 / 4);
        while self.len() < ROW / 2
            && let Some(entry) = next()
        {
            self.start -= 1;
            self.places[self.start] = entry;
        }
    }

    #[cold]
    fn centre(&mut self) {
        let start = (ROOM - self.len()) / 2;
        self.places.copy_within(self.start..self.end, start);
        (self.start, self.end) = (start, start + self.len());
    }
}
