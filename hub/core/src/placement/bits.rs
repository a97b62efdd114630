//! Sets of clusters as machine words: one bit a cluster, in the order of names.

/// A set of numbers below a length that is given when it is made. Two sets that meet have the same
/// length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Box<[u64]>,
}

/// Clusters in one word.
pub(crate) const LANES: usize = 64;

impl Bits {
    /// No number.
    pub(crate) fn empty(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(LANES)].into(),
        }
    }

    /// Every number below `len`.
    pub(crate) fn full(len: usize) -> Self {
        let mut words = vec![u64::MAX; len.div_ceil(LANES)];
        if let Some(last) = words.last_mut()
            && !len.is_multiple_of(LANES)
        {
            *last = (1 << (len % LANES)) - 1;
        }
        Self {
            words: words.into(),
        }
    }

    /// These numbers.
    pub(crate) fn of(len: usize, numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut bits = Self::empty(len);
        for number in numbers {
            bits.insert(number);
        }
        bits
    }

    /// The words, the lowest numbers first.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        let number = number as usize;
        self.words
            .get(number / LANES)
            .is_some_and(|word| word >> (number % LANES) & 1 == 1)
    }

    pub(crate) fn insert(&mut self, number: u32) {
        let number = number as usize;
        self.words[number / LANES] |= 1 << (number % LANES);
    }

    pub(crate) fn remove(&mut self, number: u32) {
        let number = number as usize;
        self.words[number / LANES] &= !(1 << (number % LANES));
    }

    pub(crate) fn set(&mut self, number: u32, there: bool) {
        if there {
            self.insert(number);
        } else {
            self.remove(number);
        }
    }

    fn each(&mut self, other: &Self, change: impl Fn(&mut u64, u64)) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            change(word, *other);
        }
    }

    /// Keeps what is in both.
    pub(crate) fn and(&mut self, other: &Self) {
        self.each(other, |word, other| *word &= other);
    }

    /// Adds what is in the other.
    pub(crate) fn or(&mut self, other: &Self) {
        self.each(other, |word, other| *word |= other);
    }

    /// Takes away what is in the other.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.each(other, |word, other| *word &= !other);
    }

    /// Adds what is in exactly one of two others.
    pub(crate) fn or_difference(&mut self, one: &Self, other: &Self) {
        for (word, (one, other)) in self
            .words
            .iter_mut()
            .zip(one.words.iter().zip(&other.words))
        {
            *word |= one ^ other;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(crate) fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// The numbers, the lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        (0..)
            .zip(&self.words)
            .flat_map(|(index, word)| lanes(*word).map(move |lane| index * LANES as u32 + lane))
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.words)
    }
}

/// The bits that are set in a word, the lowest first.
pub(crate) fn lanes(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lane = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(lane)
    })
}
