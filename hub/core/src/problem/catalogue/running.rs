//! E05xx and E06xx: removals, and clusters that report.

use super::{Entry, Example};
use crate::problem::Code;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: Code::RemovalHeld,
        about: "A change would take away more than the removal budget, empty a selection or a cluster, or remove a Namespace, CustomResourceDefinition or PersistentVolumeClaim. Nothing of it is removed until somebody approves that set; everything else of the change is applied.",
        example: Example::Words(
            "A commit that removes the placement of a bundle from thirty clusters at once.",
        ),
        mend: "Look at the set, then approve it with the command that the hint gives (`hub approve DIGEST --reason ...`), or revert the change. See [safety](../safety.md).",
    },
    Entry {
        code: Code::SafetyNotAllowed,
        about: "A placement sets a removal budget of its own in `safety`, and the hub's configuration does not allow it. The hub's own budget counts.",
        example: Example::Words(
            "```yaml\nspec: {bundles: [web], clusters: [{}], safety: {maxRemovedClusters: 100%}}\n```\n\nat a hub that allows at most 50%.",
        ),
        mend: "Stay within what the hub allows, or leave `safety` out.",
    },
    Entry {
        code: Code::SelectionLost,
        about: "The hub's record of the clusters that a placement with a `count` selected is lost, and clusters that were given something did not say yet what they run. Until they do, the placement stays where it is known to be and goes nowhere else, and nothing is said to the clusters that are awaited: a lost record moves no work.",
        example: Example::Words(
            "A hub whose `store` directory was removed, while one of its clusters is away.",
        ),
        mend: "Connect the clusters. One that will not come back is left out with `hub recover CLUSTER --confirm` or `hub cluster ban CLUSTER`.",
    },
    Entry {
        code: Code::ModeNotCarried,
        about: "A cluster's mode travels in its snapshot, and in the policy of each bundle there. A bundle that stays as it is (it is broken, suspended, or its removal waits) gets its last policy with the present mode; here that policy is lost from the hub's content, so the bundle says what it said before. While bundles of a cluster say different things, nothing is changed there.",
        example: Example::Words(
            "A cluster is set to `Paused` while its only bundle does not render, at a hub whose content directory was removed.",
        ),
        mend: "Mend the bundle, or place it again: it is rendered with the present mode then.",
    },
    Entry {
        code: Code::TagMoved,
        about: "A tag that a placement pins led to one commit, and leads to another one now. It is followed, as a branch would be: what that takes away counts against the removal budget like any other removal. This is told until the tag leads to the first commit again or nothing pins it any more, because who wrote the tag down may have meant the first commit. A hub whose derived store is lost takes the commit that it finds then for the first one.",
        example: Example::Words(
            "`git tag --force v1.42.0` and a push of it, while a placement has `revision: v1.42.0`.",
        ),
        mend: "To keep what was there, write the first commit, which the message names, in place of the tag; a commit never moves. Where the new one was meant, write that commit, or a tag of another name.",
    },
    Entry {
        code: Code::NotRenamed,
        about: "`renamedFrom` moves the identity of an enrolled cluster to a new name. Here it cannot: no cluster is enrolled under the former name, another cluster is enrolled under the new one, or the cluster is banned. Only the hub can tell, because who is enrolled does not stand in files. Nothing is taken away: a cluster that is enrolled under a name which is not declared keeps what it has.",
        example: Example::Words(
            "```yaml\nkind: Cluster\nmetadata: {name: shop-es-1}\nspec: {renamedFrom: shop-1}\n```\n\nafter another cluster enrolled as `shop-es-1`.",
        ),
        mend: "Never enrolled: check the former name, or remove `renamedFrom`. Both enrolled: a name stays with the cluster that enrolled under it; declare the former name again, or choose one that is free. Banned: lift the ban, and the cluster moves by itself.",
    },
    Entry {
        code: Code::UnknownClaim,
        about: "A spoke says that it runs a snapshot which this hub never gave it: the hub was restored from an older copy, or the cluster was moved here. Nothing is pruned there until the two agree.",
        example: Example::Words("A hub whose data directory was restored from last week's backup."),
        mend: "Look at the differences with `hub get clusters`, then confirm with the command that the hint gives (`hub recover CLUSTER --confirm`).",
    },
    Entry {
        code: Code::UpgradeNeeded,
        about: "The agent of a cluster is too old for something that is declared for it. That is not sent; the cluster keeps what it has.",
        example: Example::Words("A bundle with a policy that the agent's version does not know."),
        mend: "Upgrade the agent, then the rest follows by itself.",
    },
    Entry {
        code: Code::SnapshotRefused,
        about: "A spoke refused a snapshot, and says why: its own policy forbids something in it, or it is older than what the spoke has.",
        example: Example::Words("A cluster whose administrator forbids objects in `kube-system`."),
        mend: "The reason is the spoke's own words. Change what is declared for the cluster, or let the cluster's administrator change its policy.",
    },
    Entry {
        code: Code::MoreTroubles,
        about: "Of one cluster at most 100 things that are wrong are listed, so that a cluster on which everything fails does not bury all others. This says how many more there are. Nothing else hangs on it: what is left out counts in states and numbers as what is listed does.",
        example: Example::Words(
            "A cluster on which 250 objects cannot be applied, because its API server refuses them.",
        ),
        mend: "Mend what is listed: the rest often has the same cause. `hub get cluster NAME` shows all that the cluster says.",
    },
];
