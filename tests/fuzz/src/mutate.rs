//! Seeded damage: the same seed gives the same inputs on every machine.

/// Pieces that mean something to one of the readers.
const PIECES: [&[u8]; 48] = [
    b"\n",
    b"---\n",
    b"...\n",
    b"- ",
    b": ",
    b"? ",
    b"[",
    b"]",
    b"{",
    b"}",
    b"*t",
    b"&t ",
    b"<<: ",
    b"!!binary ",
    b"null",
    b"~",
    b"'",
    b"\"",
    b"|\n",
    b">-\n",
    b"#",
    b"\t",
    b"\r\n",
    b"\xff",
    b"\xc0\x80",
    b"\0",
    b"\xef\xbb\xbf",
    b"%YAML 1.1\n",
    b"${",
    b"$${",
    b":-",
    b"}",
    b"=",
    b"*",
    b"?",
    b"||",
    b"&&",
    b"(",
    b")",
    b".",
    b"in",
    b"!",
    b"-9223372036854775808",
    b"1e999",
    b"\n===\n",
    b"\n== w/a.yaml\n",
    b"\n@Cluster a\n",
    b"@",
];

/// Numbers that follow from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.next() % end.max(1)).unwrap_or_default()
    }

    /// A short range within `bytes`.
    fn range(&mut self, bytes: &[u8], most: usize) -> std::ops::Range<usize> {
        let from = self.below(bytes.len() + 1);
        let most = most.min(bytes.len() - from);
        from..from + self.below(most + 1)
    }
}

/// A seed with one or two wounds; `other` is another seed of the same target.
#[must_use]
pub fn mutate(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(2) {
        let hole = random.range(&bytes, 8);
        let piece = match random.below(8) {
            0 => Vec::new(),
            1 => {
                let byte = bytes.get(hole.start).copied().unwrap_or_default();
                vec![byte ^ (1 << random.below(8))]
            }
            2 => bytes[random.range(&bytes, 64)].to_vec(),
            3 => other[random.range(other, 64)].to_vec(),
            4 => bytes[random.range(&bytes, 16)].repeat(random.below(40)),
            5 => line(&bytes, random),
            _ => PIECES[random.below(PIECES.len())].to_vec(),
        };
        let hole = match random.below(3) {
            0 => hole,
            _ => hole.start..hole.start,
        };
        bytes.splice(hole, piece);
    }
    bytes
}

/// One whole line, with its end: structure moves by lines.
fn line(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    lines
        .get(random.below(lines.len()))
        .map_or_else(Vec::new, |line| line.to_vec())
}
