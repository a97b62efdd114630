//! Cuts a stream of bytes into lines.

/// A line is one event; the largest holds an object of at most 1.5 MiB (etcd's limit) and its frame.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes that make no whole line yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Where the search for the next line end goes on.
    searched: usize,
}

/// A line that does not end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    /// Appends what arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.buffer.extend_from_slice(bytes);
        match self.buffer.len() > LINE_BYTES_MAX && self.find().is_none() {
            true => Err(TooLong),
            false => Ok(()),
        }
    }

    /// Takes the next whole line, without its end.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let end = self.find()?;
        let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
        line.pop();
        self.searched = 0;
        if self.buffer.is_empty() {
            // A large event must not pin its memory for the life of the watch.
            self.buffer = Vec::new();
        }
        Some(line)
    }

    fn find(&mut self) -> Option<usize> {
        let found = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| at + self.searched);
        self.searched = found.unwrap_or(self.buffer.len());
        found
    }
}

#[cfg(test)]
mod tests;
