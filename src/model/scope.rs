//! Permissions, and the words that the three vocabularies have for them.
//! May not know keys or requests. Promise: the set is closed; an unknown word is refused, and nothing implies anything
//! but Flowise's `X:update`, which includes `X:view` (its documentation says so).

use super::limit::Category;
use std::fmt;

macro_rules! permissions {
    ($($name:ident = $word:literal $doc:literal,)*) => {
        /// Something that a key may do. The word is the native one where there is one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Permission {
            $(#[doc = $doc] $name,)*
        }

        impl Permission {
            /// Every permission, in the order of their bits.
            pub const ALL: &[Permission] = &[$(Permission::$name,)*];

            /// The one word by which refusals and documents name this permission.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Permission::$name => $word,)*
                }
            }

            /// One line for people: what it lets a key do.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Permission::$name => $doc,)*
                }
            }
        }
    };
}

impl Permission {
    /// What most requests do that it permits.
    pub fn category(self) -> Category {
        use Permission::*;
        match self {
            WorkflowsExecute | AppsExecute | PredictionsCreate => Category::Execute,
            WorkflowsRead | RunsRead | ConnectionsRead | TablesRead | KeysView | UsageRead
            | AuditRead | ChatflowsView | AgentflowsView | VariablesView | CredentialsView
            | ExecutionsView => Category::Read,
            _ => Category::Write,
        }
    }
}

permissions! {
    WorkflowsRead = "workflows:read" "List and read workflows and their versions.",
    WorkflowsWrite = "workflows:write" "Create, edit, activate, pause and archive workflows.",
    WorkflowsExecute = "workflows:execute" "Start, cancel and retry runs.",
    RunsRead = "runs:read" "List and read runs, their logs and events.",
    ConnectionsRead = "connections:read" "List connections, without their secrets.",
    ConnectionsWrite = "connections:write" "Create, change, test and delete connections.",
    SecretsWrite = "secrets:write" "List, set and delete the secrets of workflows.",
    TablesRead = "tables:read" "Read tables and their rows.",
    TablesWrite = "tables:write" "Create tables and change their rows.",
    KeysView = "keys:read" "List and read API keys, without their text.",
    KeysCreate = "apikeys:create" "Create API keys.",
    KeysUpdate = "apikeys:update" "Edit, disable, enable and rotate API keys.",
    KeysDelete = "apikeys:delete" "Revoke API keys.",
    UsageRead = "usage:read" "Read usage and credit balance.",
    AppsExecute = "apps:execute" "Run published apps.",
    AuditRead = "audit:read" "Read the audit log.",
    Admin = "admin" "Remove old runs, change settings, back up and restore.",
    ChatflowsView = "chatflows:view" "View chatflows.",
    ChatflowsCreate = "chatflows:create" "Create chatflows.",
    ChatflowsUpdate = "chatflows:update" "Update chatflows; includes viewing them.",
    ChatflowsDelete = "chatflows:delete" "Delete chatflows.",
    AgentflowsView = "agentflows:view" "View agentflows.",
    AgentflowsCreate = "agentflows:create" "Create agentflows.",
    AgentflowsUpdate = "agentflows:update" "Update agentflows; includes viewing them.",
    AgentflowsDelete = "agentflows:delete" "Delete agentflows.",
    PredictionsCreate = "predictions:create" "Send messages to chatflows and agentflows.",
    VariablesView = "variables:view" "View variables.",
    VariablesCreate = "variables:create" "Create variables.",
    VariablesUpdate = "variables:update" "Update variables; includes viewing them.",
    VariablesDelete = "variables:delete" "Delete variables.",
    CredentialsView = "credentials:view" "View credentials, without their secrets.",
    CredentialsCreate = "credentials:create" "Create credentials.",
    CredentialsUpdate = "credentials:update" "Update credentials; includes viewing them.",
    CredentialsDelete = "credentials:delete" "Delete credentials.",
    ExecutionsView = "executions:view" "View executions.",
    ExecutionsUpdate = "executions:update" "Update executions; includes viewing them.",
    ExecutionsDelete = "executions:delete" "Delete executions.",
}

/// Words that mean other permissions than the one they are named after: the three vocabularies' own.
const OTHER_WORDS: &[(&str, &[Permission])] = &[
    (
        "keys:write",
        &[
            Permission::KeysCreate,
            Permission::KeysUpdate,
            Permission::KeysDelete,
        ],
    ),
    ("apikeys:view", &[Permission::KeysView]),
    (
        "apikeys:update",
        &[Permission::KeysUpdate, Permission::KeysView],
    ),
    ("executions:read", &[Permission::RunsRead]),
    (
        "chatflows:update",
        &[Permission::ChatflowsUpdate, Permission::ChatflowsView],
    ),
    (
        "agentflows:update",
        &[Permission::AgentflowsUpdate, Permission::AgentflowsView],
    ),
    (
        "variables:update",
        &[Permission::VariablesUpdate, Permission::VariablesView],
    ),
    (
        "credentials:update",
        &[Permission::CredentialsUpdate, Permission::CredentialsView],
    ),
    (
        "executions:update",
        &[Permission::ExecutionsUpdate, Permission::ExecutionsView],
    ),
    ("chatflows:execute", &[Permission::PredictionsCreate]),
    ("agentflows:execute", &[Permission::PredictionsCreate]),
];

/// A set of permissions, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// No permission.
    pub const NONE: PermissionSet = PermissionSet(0);
    /// Every permission.
    pub const ALL: PermissionSet = PermissionSet((1 << Permission::ALL.len()) - 1);

    /// The set of these.
    pub fn of(permissions: &[Permission]) -> PermissionSet {
        PermissionSet(
            permissions
                .iter()
                .fold(0, |bits, permission| bits | 1 << *permission as u64),
        )
    }

    /// Whether the permission is in the set.
    #[inline]
    pub fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u64) != 0
    }

    /// Whether every permission of `other` is in this set.
    pub fn includes(self, other: PermissionSet) -> bool {
        self.0 & other.0 == other.0
    }

    /// The permissions of both sets.
    #[must_use]
    pub fn with(self, other: PermissionSet) -> PermissionSet {
        PermissionSet(self.0 | other.0)
    }

    /// The permissions in the set, in the order of their bits.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(move |permission| self.has(*permission))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Permission::word))
            .finish()
    }
}

/// A scope word that no vocabulary has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope `{word}`; did you mean `{nearest}`?")]
pub struct UnknownScope {
    /// The word as it was given, cut at 80 characters.
    pub word: String,
    /// The known word that is most like it.
    pub nearest: &'static str,
}

/// What a scope word of any vocabulary permits.
pub fn parse_scope(word: &str) -> Result<PermissionSet, UnknownScope> {
    if let Some((_, permissions)) = OTHER_WORDS.iter().find(|(other, _)| *other == word) {
        return Ok(PermissionSet::of(permissions));
    }
    match Permission::ALL
        .iter()
        .find(|permission| permission.word() == word)
    {
        Some(permission) => Ok(PermissionSet::of(&[*permission])),
        None => Err(UnknownScope {
            word: word.chars().take(80).collect(),
            nearest: nearest_word(word),
        }),
    }
}

/// What a list of scope words permits together; the first unknown word refuses the whole list.
pub fn parse_scopes<'a>(
    words: impl IntoIterator<Item = &'a str>,
) -> Result<PermissionSet, UnknownScope> {
    words
        .into_iter()
        .try_fold(PermissionSet::NONE, |set, word| {
            Ok(set.with(parse_scope(word)?))
        })
}

/// Every word of every vocabulary, each once.
pub fn all_words() -> impl Iterator<Item = &'static str> {
    let own = Permission::ALL.iter().map(|permission| permission.word());
    let other = OTHER_WORDS.iter().map(|(word, _)| *word);
    own.chain(other.filter(|word| {
        !Permission::ALL
            .iter()
            .any(|permission| permission.word() == *word)
    }))
}

fn nearest_word(word: &str) -> &'static str {
    let start: String = word.chars().take(80).collect();
    all_words()
        .min_by_key(|known| strsim::damerau_levenshtein(known, &start))
        .unwrap_or_else(|| Permission::WorkflowsRead.word())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    #[test]
    fn every_word_of_the_three_vocabularies_is_known() {
        let native = "workflows:read workflows:write workflows:execute runs:read connections:read connections:write \
                      secrets:write tables:read tables:write keys:read keys:write usage:read apps:execute audit:read admin";
        let wireflow = "workflows:read workflows:write workflows:execute executions:read usage:read apps:execute";
        let flowise = "chatflows:view chatflows:create chatflows:update chatflows:delete agentflows:view \
                       agentflows:create agentflows:update agentflows:delete predictions:create apikeys:view \
                       apikeys:create apikeys:update apikeys:delete";
        for word in [native, wireflow, flowise]
            .iter()
            .flat_map(|words| words.split_whitespace())
        {
            assert!(parse_scope(word).is_ok(), "{word}");
        }
    }

    #[test]
    fn update_includes_view_and_nothing_else_implies_anything() {
        for word in all_words() {
            let set = parse_scope(word).expect("a word of the table");
            let expected = match word {
                "keys:write" => 3,
                _ if word.ends_with(":update") => 2,
                _ => 1,
            };
            assert_eq!(set.iter().count(), expected, "{word} = {set:?}");
        }
        let update = parse_scope("chatflows:update").expect("known");
        assert!(update.has(Permission::ChatflowsView) && !update.has(Permission::AgentflowsView));
    }

    #[test]
    fn each_word_permits_exactly_what_the_table_says() {
        use Permission::*;
        let special: &[(&str, &[Permission])] = &[
            ("keys:read", &[KeysView]),
            ("apikeys:view", &[KeysView]),
            ("apikeys:create", &[KeysCreate]),
            ("apikeys:update", &[KeysUpdate, KeysView]),
            ("apikeys:delete", &[KeysDelete]),
            ("keys:write", &[KeysCreate, KeysUpdate, KeysDelete]),
            ("runs:read", &[RunsRead]),
            ("executions:read", &[RunsRead]),
            ("executions:view", &[ExecutionsView]),
            ("executions:update", &[ExecutionsUpdate, ExecutionsView]),
            ("chatflows:update", &[ChatflowsUpdate, ChatflowsView]),
            ("agentflows:update", &[AgentflowsUpdate, AgentflowsView]),
            ("variables:update", &[VariablesUpdate, VariablesView]),
            ("credentials:update", &[CredentialsUpdate, CredentialsView]),
            ("predictions:create", &[PredictionsCreate]),
            ("chatflows:execute", &[PredictionsCreate]),
            ("agentflows:execute", &[PredictionsCreate]),
            ("workflows:write", &[WorkflowsWrite]),
            ("admin", &[Admin]),
        ];
        for (word, permissions) in special {
            let set = parse_scope(word).expect("a known word");
            assert_eq!(set, PermissionSet::of(permissions), "{word}");
        }
        for word in all_words().filter(|word| special.iter().all(|(known, _)| known != word)) {
            let set = parse_scope(word).expect("a word of the table");
            let names: Vec<&str> = set.iter().map(Permission::word).collect();
            assert_eq!(names, [word], "a plain word permits what it says");
        }
    }

    #[test]
    fn the_word_of_a_permission_says_what_its_requests_do() {
        for permission in Permission::ALL {
            let word = permission.word();
            let expected = match word.rsplit(':').next() {
                _ if word == "predictions:create" => Category::Execute,
                Some("execute") => Category::Execute,
                Some("read" | "view") => Category::Read,
                _ => Category::Write,
            };
            assert_eq!(permission.category(), expected, "{word}");
        }
    }

    #[test]
    fn an_unknown_word_names_the_nearest() {
        let error = parse_scope("workflow:read").expect_err("no such word");
        assert_eq!(
            error.to_string(),
            "unknown scope `workflow:read`; did you mean `workflows:read`?"
        );
        for bad in ["*", "", "Workflows:Read", "workflows:read ", "workflows"] {
            assert!(parse_scope(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn all_holds_each_permission_once() {
        assert_eq!(PermissionSet::ALL.iter().count(), Permission::ALL.len());
        assert!(PermissionSet::ALL.includes(PermissionSet::of(&[
            Permission::Admin,
            Permission::ExecutionsDelete
        ])));
    }
}
