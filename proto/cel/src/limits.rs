//! Every limit of the language, each with its arithmetic: hub and spoke must count alike.

/// Longest expression, in bytes: 40 lines of 100.
pub const BYTES_MAX: usize = 4 * 1024;

/// Most nodes of an expression: 4 KiB of `a||a||` hold 1,400 operands; a list of 500 names with
/// what is around it fits.
pub const NODES_MAX: usize = 1024;

/// Deepest nesting of an expression by brackets and `?:` while it is read. Each level is at most
/// ten calls; unoptimised they take less than 32 KiB, so that all fit into half of a stack of 2 MiB.
pub const NESTING_MAX: usize = 32;

/// Deepest tree of an expression. `a + b + c` is as deep as it has operators; each level is at
/// most three calls; unoptimised they take less than 16 KiB: half of a stack of 2 MiB.
pub const DEPTH_MAX: usize = 64;

/// Most steps of one evaluation. A step takes about 50 ns, so 5,000 are 0.25 ms: the worst
/// expression costs 2.5 s over 10,000 clusters, or over 10,000 objects. Every node of the largest
/// expression is 1,024 steps, `exists` over 50 labels with ten nodes is 600.
pub const STEPS_MAX: usize = 5_000;

/// Bytes of a string that count as one step: what is compared or copied in the time of one node.
/// With the steps above an evaluation writes at most 80 KB.
pub const STEP_BYTES: usize = 16;
