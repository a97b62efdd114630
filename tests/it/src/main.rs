//! Hub and spoke as one binary, for the tests of this crate.

fn main() -> std::process::ExitCode {
    capstan_it::part::main()
}
