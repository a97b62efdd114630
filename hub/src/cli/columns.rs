//! What the columns of `hub get` say, for its help; a test compares the words with the tables.

/// Examples, then every column of every table.
pub(super) const HELP: &str = "\
Examples:
  hub get clusters
  hub get clusters prod-eu-1 -o yaml
  hub get problems
  hub get drift --watch

Columns of clusters:
  CONNECTION      Connected, Connecting (may connect and has not yet), Stale (its stream ended, or
                  silent for 30 s), Offline (90 s), NeverSeen (never enrolled), NeedsToken,
                  Quarantined, Banned
  SYNC            the worst of its bundles: is what Git says what runs? Of a Stale cluster: what it
                  said last, which may have changed since. Unknown: it is not heard any more
  HEALTH          the worst of its bundles: does what runs work?
  BUNDLES SYNCED  bundles that are Synced / bundles that it should have
  OBJECTS         Kubernetes objects in these bundles
  HEARD           when it last said anything; `-` is never
  FLAGS           what explains the rest; `hub get clusters NAME` says it in full.
                  Of the cluster: Recovering, Stale, Undeclared, LastGood (a file is broken, and its
                  last good version counts), NotOffered and NotPruned (what it should have, or a
                  removal, waits).
                  Of its worst bundle, in the hub's words: RemovalHeld, Kept, Suspended, Shadowed,
                  NoOpinion, NotDeclared, NotRendered, RevisionUnknown, NotDelivered, Delivering, NotReported,
                  UpgradeNeeded, Refused, ObjectConflict, or its CONNECTION; else in the cluster's
                  own, such as WrongType, UnknownField, DuplicateField, Immutable, Invalid, Forbidden
  AGENT, HOLDS, WANTED, CERTIFICATE UNTIL, LABELS (wide)
                  its agent's version, the snapshot that it accepted, the one that it should accept

Columns of bundles:
  CLUSTERS        clusters that it is on
  SYNCED ON       clusters where it is Synced
  HEALTHY ON      clusters where it is Healthy
  SYNC, HEALTH    the worst of them
  PROBLEMS        how many `hub get problems` lists of it
  PATH, DECLARED AT, DEPENDS ON (wide)
                  its directory, its document, the bundles that must be ready before

Columns below one cluster or bundle:
  OBJECTS SYNCED  objects that are Synced / objects; those that are not well stand below
  COMMIT          commit of the bundle's source that is reported upon
  CHANGED         when the cluster last reported something else than before
  MESSAGE         why, as the cluster or the hub says it
  PLACEMENT (wide)

Columns of placements:
  PRIORITY        where two placements bring one bundle, the higher one owns it
  BUNDLES         what it places
  CLUSTERS        how many it selects
  STATE           Held (its removals wait for `hub approve`, also where no document declares it any
                  more), Suspended, or `-`
  RANK, SCORE, REASON, DETAIL (below one placement)
                  the place among the selected clusters with the sum of the weights that match,
                  or `-`; how it came there or why not, and by which line of a file
  HELD (wide)     the command that lets it go on

Columns of problems:
  SEVERITY        error: something that was asked for does not happen; warning: see for yourself
  CODE            E and digits: of files and sessions; a word such as Failed: what clusters report
  CLUSTERS        where it is
  WHERE           line of a file, or bundle and object
  SINCE           since when clusters report it; `-` for files
  MESSAGE         what, and below it what to do
  HINT (wide)     what to do

Columns of drift:
  OBJECT, FIELD   what was changed in the cluster and not in Git
  DECLARED        what Git says
  FOUND           what the cluster had
  BY              field manager that wrote it, as Kubernetes names it
  WHEN            how long ago it was written; the moment itself with -o wide
  OUTCOME         Open, Healed (put back), Reported (left, as the bundle wants), Fought (left,
                  because somebody keeps writing it)
  BUNDLE, OPERATION, TIMES (wide)";
