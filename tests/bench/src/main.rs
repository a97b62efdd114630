//! Hub and spoke as one binary, for the benchmarks of this crate.

fn main() -> std::process::ExitCode {
    capstan_it::part::main()
}
