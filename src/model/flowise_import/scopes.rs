//! What a key of Flowise's may do here.
//! Promise: an imported key holds nothing that a key in Flowise could not do, whatever stands in its row.

/// The words of Flowise's that have a meaning here. Flowise does not check what stands in a key's row, so that a word of
/// another vocabulary could stand there too: none of those counts.
const KNOWN: &[&str] = &[
    "chatflows:view",
    "chatflows:create",
    "chatflows:update",
    "chatflows:delete",
    "agentflows:view",
    "agentflows:create",
    "agentflows:update",
    "agentflows:delete",
    "apikeys:view",
    "apikeys:create",
    "apikeys:update",
    "apikeys:delete",
    "variables:view",
    "variables:create",
    "variables:update",
    "variables:delete",
    "credentials:view",
    "credentials:create",
    "credentials:update",
    "credentials:delete",
    "executions:view",
    "executions:update",
    "executions:delete",
    PREDICT,
];

/// What every imported key holds: in Flowise any key asks any flow that is bound to none, and no key can hold the word.
const PREDICT: &str = "predictions:create";

/// How much of a word that means nothing here is told.
const MAX_WORD_CHARS: usize = 40;

/// What an imported key may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedScopes {
    /// Its scope words.
    pub words: Vec<String>,
    /// The words that mean nothing here.
    pub dropped: Vec<String>,
}

/// Reads the `permissions` of a key's row: a list in JSON.
pub fn imported_scopes(permissions: Option<&str>) -> Result<ImportedScopes, String> {
    let read: Result<Vec<String>, _> = serde_json::from_str(permissions.unwrap_or_default());
    let found = read.map_err(|_| "`permissions` is no list of words in JSON".to_owned())?;
    let mut words = Vec::new();
    let mut dropped = Vec::new();
    for word in found {
        let (list, word) = if KNOWN.contains(&word.as_str()) {
            (&mut words, word)
        } else {
            (&mut dropped, word.chars().take(MAX_WORD_CHARS).collect())
        };
        if !list.contains(&word) {
            list.push(word);
        }
    }
    if !words.iter().any(|word| word == PREDICT) {
        words.push(PREDICT.to_owned());
    }
    Ok(ImportedScopes { words, dropped })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::model::scope::parse_scope;

    #[test]
    fn every_word_that_is_taken_over_is_one_of_ours_too() {
        for word in KNOWN {
            assert!(parse_scope(word).is_ok(), "{word}");
        }
    }

    #[test]
    fn words_of_other_vocabularies_are_dropped_and_asking_is_added() {
        let text = r#"["chatflows:view","admin","keys:write","tools:view","chatflows:view","workflows:execute"]"#;
        let scopes = imported_scopes(Some(text)).expect("a list");
        assert_eq!(scopes.words, ["chatflows:view", "predictions:create"]);
        assert_eq!(
            scopes.dropped,
            ["admin", "keys:write", "tools:view", "workflows:execute"]
        );
        let none = imported_scopes(Some("[]")).expect("a list");
        assert_eq!(none.words, ["predictions:create"]);
    }

    #[test]
    fn what_is_no_list_of_words_makes_no_key() {
        for text in ["", "{}", "[1]", "chatflows:view", "[\"a\"", "null"] {
            assert!(imported_scopes(Some(text)).is_err(), "{text}");
        }
        assert!(imported_scopes(None).is_err());
    }
}
