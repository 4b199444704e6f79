//! Every query of usage, of alerts and of looking around in the audit log, with what its plan has to hold.

use super::super::{alerts, audit_search, usage, usage_hours};

/// Those of usage.
pub(super) const USAGE_QUERIES: [(&str, &str); 7] = [
    (
        usage::OF_ACCOUNT,
        "SEARCH usage USING PRIMARY KEY (account=? AND hour>? AND hour<?)",
    ),
    (usage::OF_RUN, "SEARCH run USING INTEGER PRIMARY KEY"),
    (usage_hours::FORGET, "usage_by_hour (hour<?)"),
    (usage_hours::UNFOLDED, "usage_unfolded (hour<?)"),
    (
        usage_hours::REFUSALS,
        "SEARCH refusal USING PRIMARY KEY (hour>? AND hour<?)",
    ),
    (
        usage_hours::FORGET_REFUSALS,
        "SEARCH refusal USING PRIMARY KEY (hour<?)",
    ),
    (usage_hours::UNFOLDED_REFUSALS, "refusal_unfolded (hour<?)"),
];

/// Those of alerts, and of looking around in the audit log.
pub(super) const ALERT_QUERIES: [(&str, &str); 12] = [
    (alerts::NEWEST_OF_KIND, "alert_by_type (type=?)"),
    (alerts::NEWEST_OF_KEY, "alert_by_key (key_id=?)"),
    (alerts::DUE, "alert_untold (next_try_ms<?)"),
    (alerts::SAME, "alert_by_cause (cause=? AND at_ms>?)"),
    (alerts::SINCE, "alert_by_time (at_ms>?)"),
    (alerts::OF_KEY_SINCE, "alert_by_time (at_ms>?)"),
    (alerts::FORGET, "alert_by_time (at_ms<?)"),
    (
        alerts::NETWORKS,
        "SEARCH key_network USING PRIMARY KEY (key=?)",
    ),
    (
        audit_search::OF_ACTOR,
        "audit_by_actor (actor=? AND rowid<?)",
    ),
    (
        audit_search::OF_ACTION,
        "audit_by_action (action=? AND rowid<?)",
    ),
    (
        audit_search::OF_KEY,
        "audit_by_target (target=? AND rowid<?)",
    ),
    (audit_search::OF_TIME, "audit_by_time (at_ms>? AND at_ms<?"),
];
