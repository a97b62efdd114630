//! Inventory files.

use capstan_hub_core::interchange::InventoryFile;
use capstan_hub_core::limits::FILE_PROBLEMS_MAX;
use capstan_proto::SourceName;

use crate::Answer;

/// A file that is read says the same when it is written and read again; one that is not says where
/// and why, in bounded words.
pub fn inventory(bytes: &[u8]) -> Answer {
    let file = match InventoryFile::parse(bytes) {
        Ok(file) => file,
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused in silence");
            assert!(mistakes.len() <= FILE_PROBLEMS_MAX, "{}", mistakes.len());
            for mistake in &mistakes {
                assert!(mistake.line > 0 && mistake.column > 0, "{mistake}");
                assert!(mistake.to_string().len() <= 8_000, "too many words");
            }
            return Answer::Refused;
        }
    };
    let written = serde_json::to_vec(&file).expect("it is written");
    assert_eq!(
        InventoryFile::parse(&written).as_ref(),
        Ok(&file),
        "not what was written"
    );
    let source = SourceName::try_new("main").expect("a name");
    assert!(file.previous(&source).len() <= file.previous.len());
    assert_eq!(file.inventory().facts.len(), file.clusters.len());
    Answer::Good
}
