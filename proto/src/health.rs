//! The words for sync and health. What earns an object such a word is judged elsewhere.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The one word, as people and files write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// Whether what is declared is what runs. A wait is not an error.
    Sync {
        /// The live objects say what the snapshot says.
        Synced,
        /// On the way there.
        Applying,
        /// A field that we declare was changed by somebody else.
        Drifted,
        /// Another bundle must be healthy first.
        WaitingForDependency,
        /// A rollout waits for a person.
        WaitingForApproval,
        /// A rollout waits for its time window.
        WaitingForWindow,
        /// A rollout may not make more clusters unavailable.
        BlockedByBudget,
        /// A removal waits for the approval of its set.
        Held,
        /// Somebody else owns the object or the field.
        Conflict,
        /// The agent is too old for what is declared.
        UpgradeNeeded,
        /// The API server refused it.
        Failed,
        /// Not known now; never shown as good or bad.
        Unknown,
    }
}

words! {
    /// Whether what runs works.
    Health {
        /// It works.
        Healthy,
        /// It is getting there.
        Progressing,
        /// It does not work.
        Degraded,
        /// Switched off on purpose.
        Suspended,
        /// It is not there.
        Missing,
        /// Not known now; never shown as good or bad.
        Unknown,
    }
}

impl Sync {
    /// How badly a person is needed: the largest of a set stands for the set.
    #[must_use]
    pub const fn severity(self) -> u8 {
        match self {
            Self::Synced => 0,
            Self::Applying => 1,
            Self::WaitingForDependency | Self::WaitingForWindow => 2,
            Self::WaitingForApproval | Self::BlockedByBudget => 3,
            Self::Held => 4,
            Self::Unknown => 5,
            Self::Drifted => 6,
            Self::UpgradeNeeded => 7,
            Self::Conflict => 8,
            Self::Failed => 9,
        }
    }
}

impl Health {
    /// How badly a person is needed: the largest of a set stands for the set.
    #[must_use]
    pub const fn severity(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Suspended => 1,
            Self::Progressing => 2,
            Self::Unknown => 3,
            Self::Missing => 4,
            Self::Degraded => 5,
        }
    }
}
