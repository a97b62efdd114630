//! `hub schema`: the language of fleet files for editors.

use capstan_hub_core::spec::language;

use super::Outcome;
use super::args::Format;
use super::writer::Writer;

pub(super) fn run(writer: &mut Writer<'_>) -> Outcome {
    writer.value(&language::json_schema(), Format::Json)
}
