//! A database as Flowise 3.1 leaves it: the tables that an import reads, with their columns and types, and some that it only
//! counts.

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use std::path::Path;

pub(crate) const MOMENT: &str = "2026-01-31 10:00:00";

const TABLES: &str = r#"
    CREATE TABLE "apikey" ("id" varchar PRIMARY KEY NOT NULL, "apiKey" varchar NOT NULL, "apiSecret" varchar NOT NULL,
        "keyName" varchar NOT NULL, "updatedDate" datetime NOT NULL DEFAULT (datetime('now')), "workspaceId" TEXT,
        "permissions" TEXT NOT NULL DEFAULT '[]');
    CREATE TABLE "chat_flow" ("id" varchar PRIMARY KEY NOT NULL, "name" varchar NOT NULL, "flowData" text NOT NULL,
        "deployed" boolean, "isPublic" boolean, "apikeyid" varchar, "chatbotConfig" text,
        "createdDate" datetime NOT NULL DEFAULT (datetime('now')), "updatedDate" datetime NOT NULL DEFAULT (datetime('now')),
        "apiConfig" TEXT, "analytic" TEXT, "category" TEXT, "speechToText" TEXT, "type" TEXT NOT NULL DEFAULT 'CHATFLOW',
        "workspaceId" TEXT, "followUpPrompts" TEXT, "textToSpeech" TEXT, "mcpServerConfig" TEXT, "webhookSecret" TEXT);
    CREATE TABLE "chat_message" ("id" varchar PRIMARY KEY NOT NULL, "role" varchar NOT NULL, "chatflowid" varchar NOT NULL,
        "content" text NOT NULL, "sourceDocuments" text, "createdDate" datetime NOT NULL DEFAULT (datetime('now')),
        "chatType" VARCHAR NOT NULL DEFAULT 'INTERNAL', "chatId" VARCHAR NOT NULL, "memoryType" VARCHAR, "sessionId" VARCHAR,
        "usedTools" TEXT, "fileAnnotations" TEXT, "fileUploads" TEXT, "leadEmail" TEXT, "agentReasoning" TEXT, "action" TEXT,
        "artifacts" TEXT, "followUpPrompts" TEXT, "executionId" varchar, "reasonContent" TEXT);
    CREATE TABLE "chat_message_feedback" ("id" varchar PRIMARY KEY NOT NULL, "chatflowid" varchar NOT NULL,
        "content" text, "chatId" varchar NOT NULL, "messageId" varchar NOT NULL, "rating" varchar NOT NULL,
        "createdDate" datetime NOT NULL DEFAULT (datetime('now')));
    CREATE TABLE "variable" ("id" varchar PRIMARY KEY NOT NULL, "name" text NOT NULL, "value" text NOT NULL, "type" varchar,
        "createdDate" datetime NOT NULL DEFAULT (datetime('now')), "updatedDate" datetime NOT NULL DEFAULT (datetime('now')),
        "workspaceId" TEXT);
    CREATE TABLE "credential" ("id" varchar PRIMARY KEY NOT NULL, "name" varchar NOT NULL, "credentialName" varchar NOT NULL,
        "encryptedData" varchar NOT NULL);
    CREATE TABLE "tool" ("id" varchar PRIMARY KEY NOT NULL, "name" varchar NOT NULL);
"#;

/// A database that is open to be filled.
pub(crate) struct Flowise(pub(crate) Connection);

/// A key of Flowise's: id and text.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a>(pub(crate) &'a str, pub(crate) &'a str);

impl Flowise {
    pub(crate) fn new(path: &Path) -> Flowise {
        let connection = Connection::open(path).expect("a file");
        connection.execute_batch(TABLES).expect("tables");
        Flowise(connection)
    }

    pub(crate) fn run(&self, sql: &str) {
        self.0.execute_batch(sql).expect(sql);
    }

    pub(crate) fn key(&self, key: Key<'_>, name: &str, permissions: &[&str]) {
        self.0
            .execute(
                r#"INSERT INTO "apikey" ("id", "apiKey", "apiSecret", "keyName", "permissions", "updatedDate")
                   VALUES (?1, ?2, 'ab.cd', ?3, ?4, ?5)"#,
                params![key.0, key.1, name, json!(permissions).to_string(), MOMENT],
            )
            .expect("a key");
    }

    /// A flow, with these columns beside the usual ones.
    pub(crate) fn flow(
        &self,
        id: &str,
        name: &str,
        kind: &str,
        drawing: &Value,
        more: &[(&str, &str)],
    ) {
        self.0
            .execute(
                r#"INSERT INTO "chat_flow" ("id", "name", "type", "flowData", "createdDate", "updatedDate")
                   VALUES (?1, ?2, ?3, ?4, ?5, '2026-02-01 10:00:00.500')"#,
                params![id, name, kind, drawing.to_string(), MOMENT],
            )
            .expect("a flow");
        for (column, value) in more {
            let sql = format!(r#"UPDATE "chat_flow" SET "{column}" = ?2 WHERE "id" = ?1"#);
            self.0.execute(&sql, [id, value]).expect(column);
        }
    }

    /// A message of a session, at this minute.
    pub(crate) fn message(
        &self,
        id: &str,
        flow: &str,
        role: &str,
        content: &str,
        session: &str,
        minute: u32,
    ) {
        self.0
            .execute(
                r#"INSERT INTO "chat_message" ("id", "role", "chatflowid", "content", "chatType", "chatId", "sessionId",
                       "memoryType", "usedTools", "createdDate", "executionId")
                   VALUES (?1, ?2, ?3, ?4, 'EXTERNAL', ?5, ?5, NULL, '[{"tool":"calculator"}]', ?6, 'e0000000-0000')"#,
                params![id, role, flow, content, session, format!("2026-01-31 10:{minute:02}:00")],
            )
            .expect("a message");
    }

    pub(crate) fn feedback(
        &self,
        id: &str,
        flow: &str,
        message: &str,
        session: &str,
        rating: &str,
    ) {
        self.0
            .execute(
                r#"INSERT INTO "chat_message_feedback" ("id", "chatflowid", "content", "chatId", "messageId", "rating")
                   VALUES (?1, ?2, 'well said', ?3, ?4, ?5)"#,
                [id, flow, session, message, rating],
            )
            .expect("feedback");
    }

    pub(crate) fn variable(&self, id: &str, name: &str, value: &str, kind: Option<&str>) {
        self.0
            .execute(
                r#"INSERT INTO "variable" ("id", "name", "value", "type") VALUES (?1, ?2, ?3, ?4)"#,
                params![id, name, value, kind],
            )
            .expect("a variable");
    }
}

/// An agentflow that answers with this text.
pub(crate) fn reply(text: &str) -> Value {
    json!({
        "nodes": [
            node("startAgentflow_0", "startAgentflow", json!({ "startInputType": "chatInput" })),
            node("directReplyAgentflow_0", "directReplyAgentflow", json!({ "directReplyMessage": text })),
        ],
        "edges": [edge("startAgentflow_0", "directReplyAgentflow_0")],
    })
}

/// An agentflow whose model remembers what was said.
pub(crate) fn talk() -> Value {
    let inputs = json!({ "llmModel": "chatOpenAI", "llmModelConfig": { "modelName": "small" }, "llmEnableMemory": true });
    json!({
        "nodes": [
            node("startAgentflow_0", "startAgentflow", json!({ "startInputType": "chatInput" })),
            node("llmAgentflow_0", "llmAgentflow", inputs),
        ],
        "edges": [edge("startAgentflow_0", "llmAgentflow_0")],
    })
}

/// An agentflow with a node that no server but Flowise has.
pub(crate) fn retriever() -> Value {
    json!({
        "nodes": [
            node("startAgentflow_0", "startAgentflow", json!({ "startInputType": "chatInput" })),
            node("retrieverAgentflow_0", "retrieverAgentflow", json!({ "retrieverQuery": "{{question}}" })),
        ],
        "edges": [edge("startAgentflow_0", "retrieverAgentflow_0")],
    })
}

pub(crate) fn node(id: &str, name: &str, inputs: Value) -> Value {
    json!({ "id": id, "type": "agentFlow", "position": { "x": 0, "y": 0 },
        "data": { "id": id, "label": id, "name": name, "inputs": inputs } })
}

pub(crate) fn edge(from: &str, to: &str) -> Value {
    json!({ "id": "e", "source": from, "target": to, "type": "agentFlow",
        "sourceHandle": format!("{from}-output-x"), "targetHandle": to })
}
