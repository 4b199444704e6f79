//! What of a flow's `chatbotConfig` means something to the server: from which pages it may be asked, and what may be sent.

use serde_json::{Map, Value};

/// What is said to a page that may not ask, where the flow says nothing else.
const REFUSED: &str = "This site is not allowed to access this chatbot";

/// A flow's `chatbotConfig`, parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatbotConfig(Map<String, Value>);

impl ChatbotConfig {
    /// Reads the text; what is no JSON object says nothing.
    pub fn read(text: Option<&str>) -> ChatbotConfig {
        ChatbotConfig(
            text.and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default(),
        )
    }

    /// What a page with this `Origin` is refused with; `None`: it may ask. Hosts are compared, not schemes and ports, as
    /// Flowise does. A flow without a list of origins may be asked from everywhere.
    pub fn refuses_origin(&self, origin: &str) -> Option<&str> {
        let mut allowed = self.allowed_origins().peekable();
        // A list that begins with an empty entry is what the editor leaves of no list.
        if allowed.peek().is_none_or(|first| first.is_empty()) || self.allows_origin(origin) {
            return None;
        }
        let said = self.0.get("allowedOriginsError").and_then(Value::as_str);
        Some(said.filter(|text| !text.is_empty()).unwrap_or(REFUSED))
    }

    /// Whether the flow names the host of this `Origin`.
    pub fn allows_origin(&self, origin: &str) -> bool {
        let host = host_of(origin);
        !host.is_empty()
            && self
                .allowed_origins()
                .any(|allowed| host_of(allowed).eq_ignore_ascii_case(host))
    }

    fn allowed_origins(&self) -> impl Iterator<Item = &str> {
        let listed = self.0.get("allowedOrigins").and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Whether a script changes the answer at its end; such an answer is not streamed.
    pub fn is_post_processed(&self) -> bool {
        self.post_processing().is_some()
    }

    /// The script that changes the answer at its end. The editor writes it as a text of JSON within the text.
    pub fn post_processing(&self) -> Option<String> {
        let processing = self.0.get("postProcessing")?;
        let code = processing["customFunction"].as_str()?;
        let code = serde_json::from_str(code).unwrap_or_else(|_| code.to_owned());
        Some(code).filter(|code| processing["enabled"] == true && !code.trim().is_empty())
    }

    /// The media types of files whose text is read for questions, none for any; `None`: the flow takes none.
    pub fn file_types(&self) -> Option<Vec<&str>> {
        let upload = self.0.get("fullFileUpload")?;
        let listed = upload["allowedUploadFileTypes"]
            .as_str()
            .unwrap_or_default();
        let types = listed.split(',').map(str::trim);
        (upload["status"] == true).then(|| types.filter(|kind| !kind.is_empty()).collect())
    }

    /// What a widget may see: everything but which origins are allowed, and the script.
    pub fn shown(mut self) -> Map<String, Value> {
        self.0
            .retain(|name, _| !name.starts_with("allowedOrigins") && name != "postProcessing");
        self.0
    }
}

/// The host of a URL or an origin; of a bare host itself.
fn host_of(text: &str) -> &str {
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = after_scheme
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    if let Some(end) = authority.find(']') {
        return authority.get(..=end).unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_without_a_list_is_asked_from_everywhere() {
        for text in [
            None,
            Some("no JSON"),
            Some("[]"),
            Some("{}"),
            Some(r#"{"allowedOrigins":[]}"#),
            Some(r#"{"allowedOrigins":[""]}"#),
            Some(r#"{"allowedOrigins":"https://a.example"}"#),
        ] {
            let config = ChatbotConfig::read(text);
            assert_eq!(config.refuses_origin("https://b.example"), None, "{text:?}");
            assert!(!config.allows_origin("https://b.example"), "{text:?}");
        }
    }

    #[test]
    fn a_list_is_of_hosts_whole_and_in_any_letter_case() {
        let text = r#"{"allowedOrigins":["https://A.example","b.example:8080","http://[::1]:3"],"allowedOriginsError":"Not here"}"#;
        let config = ChatbotConfig::read(Some(text));
        for good in [
            "https://a.example",
            "http://a.example:8080",
            "http://b.example",
            "http://[::1]:9",
        ] {
            assert_eq!(config.refuses_origin(good), None, "{good}");
        }
        for bad in [
            "https://xa.example",
            "https://a.example.evil.example",
            "https://evil.example/a.example",
            "null",
            "",
        ] {
            assert_eq!(config.refuses_origin(bad), Some("Not here"), "{bad}");
        }
        let silent =
            ChatbotConfig::read(Some(r#"{"allowedOrigins":["a"],"allowedOriginsError":""}"#));
        assert_eq!(silent.refuses_origin("http://b"), Some(REFUSED));
    }

    #[test]
    fn a_widget_does_not_see_which_origins_there_are_nor_the_script() {
        let config = ChatbotConfig::read(Some(
            r#"{"allowedOrigins":["a"],"allowedOriginsError":"x","postProcessing":{"customFunction":"y"},"starterPrompts":{"0":{"prompt":"Hi"}}}"#,
        ));
        assert_eq!(
            Value::Object(config.shown()),
            serde_json::json!({ "starterPrompts": { "0": { "prompt": "Hi" } } })
        );
    }

    #[test]
    fn files_are_taken_where_that_is_on_and_of_the_types_that_are_listed() {
        let types = |upload: &str| {
            let text = format!(r#"{{"fullFileUpload":{upload}}}"#);
            let config = ChatbotConfig::read(Some(&text));
            config.file_types().map(|types| types.join("|"))
        };
        assert_eq!(types("{}"), None);
        assert_eq!(types(r#"{"status":"true"}"#), None);
        assert_eq!(types(r#"{"status":true}"#), Some(String::new()));
        let some = r#"{"status":true,"allowedUploadFileTypes":"text/css, text/csv,"}"#;
        assert_eq!(types(some).as_deref(), Some("text/css|text/csv"));
        assert_eq!(ChatbotConfig::read(None).file_types(), None);
    }
}
