//! How much may be removed without asking, and the counting.

use crate::limits;

/// How much may be removed within the window without an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Percent of a placement's clusters.
    pub clusters_percent: usize,
    /// Clusters of a placement that may always be lost.
    pub clusters_min: usize,
    /// Percent of a cluster's objects.
    pub objects_percent: usize,
    /// Objects of a cluster that may always be removed.
    pub objects_min: usize,
    /// The window, in milliseconds.
    pub window_ms: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            clusters_percent: limits::REMOVED_CLUSTERS_PERCENT,
            clusters_min: limits::REMOVED_CLUSTERS_MIN,
            objects_percent: limits::REMOVED_OBJECTS_PERCENT,
            objects_min: limits::REMOVED_OBJECTS_MIN,
            window_ms: limits::REMOVAL_WINDOW_MS,
        }
    }
}

impl Budget {
    /// How many of `of` clusters of one placement may be lost; the share is rounded down.
    #[must_use]
    pub fn clusters(&self, of: usize) -> usize {
        (of * self.clusters_percent / 100).max(self.clusters_min)
    }

    /// How many of `of` objects of one cluster may be removed; the share is rounded down.
    #[must_use]
    pub fn objects(&self, of: usize) -> usize {
        (of * self.objects_percent / 100).max(self.objects_min)
    }
}
