//! Measuring: time by the clock, memory, and one JSON line a figure.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Runs something once, and says how long it took by the clock. What the system says of one
/// thread's share of the processor grows in ticks of milliseconds: too coarse for what is measured.
pub fn once<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let value = run();
    (value, began.elapsed())
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// Milliseconds of several rounds: the least and the middle one.
#[must_use]
pub fn spread(rounds: &[Duration]) -> Value {
    let mut times = rounds.to_vec();
    times.sort_unstable();
    json!({"min": ms(times[0]), "p50": ms(times[times.len() / 2])})
}

/// The most memory that this process has had, and what it has, in MiB; 0 where the system does not
/// say.
#[must_use]
pub fn memory() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or_default() / 1024
    };
    (of("VmHWM:"), of("VmRSS:"))
}

/// Prints one figure with the machine's facts.
#[expect(
    clippy::print_stdout,
    reason = "the figures are what a benchmark is for"
)]
pub fn print(benchmark: &str, (clusters, placements): (usize, usize), figures: &Value) {
    let mut line = json!({
        "benchmark": benchmark, "clusters": clusters, "placements": placements,
        "machine": {"cores": std::thread::available_parallelism().map_or(0, usize::from), "arch": std::env::consts::ARCH, "cpu": processor()},
    });
    if let (Some(line), Some(figures)) = (line.as_object_mut(), figures.as_object()) {
        line.extend(figures.clone());
    }
    println!("{line}");
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|rest| rest.split(':').nth(1));
    model.unwrap_or("unknown").trim().to_owned()
}
