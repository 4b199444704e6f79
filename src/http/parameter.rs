//! What may stand in a path where an endpoint has a parameter. May not know what it names.
//! Promise: what is none is no path of the endpoint, and so a 404 before anything is looked up.

use crate::id::is_id;

/// Parameters that are no ids but what clients call something: a moment, a conversation.
const WORDED: [&str; 2] = [":since", ":chatId"];

/// The parameter that is the text of a key. Imported ones may have any form; what a path cannot carry is percent-encoded.
const KEY: &str = ":apikey";

/// Longer than any key, each of whose characters is encoded.
const LONGEST_KEY: usize = 2_400;

/// Whether a text may stand where the pattern of an endpoint has this parameter.
pub(super) fn is_parameter(name: &str, text: &str) -> bool {
    if name == KEY {
        return (1..=LONGEST_KEY).contains(&text.len());
    }
    if WORDED.contains(&name) {
        return is_worded(text);
    }
    is_id(text)
}

fn is_worded(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~+:@".contains(&byte))
        && text.bytes().any(|byte| byte != b'.')
}
