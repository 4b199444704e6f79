//! The HTML that Flowise's editor saves, as the Markdown that models and users are shown.
//! May not know references. Promise: a text that does not begin with a block of HTML stays as it is; reading is linear.

/// The blocks with which the editor's texts begin.
const BLOCKS: [&str; 13] = [
    "p",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "pre",
    "blockquote",
    "table",
];

/// How far lists within lists are indented: what comes out is no more than so many times longer than what went in.
const MAX_INDENTS: usize = 16;
/// The longest entity, in bytes.
const MAX_ENTITY_BYTES: usize = 10;

/// The text as Markdown, where it begins with a block of HTML; else as it is.
pub fn markdown(text: &str) -> String {
    let begins = text.trim_start().strip_prefix('<').is_some_and(|rest| {
        let name: String = rest
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        BLOCKS.contains(&name.to_ascii_lowercase().as_str())
    });
    if !begins {
        return text.to_owned();
    }
    let mut writer = Writer::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        // Where no tag ends any more, none begins.
        let Some((tag, after)) = after.split_once('>') else {
            break;
        };
        writer.text(&decoded(before));
        writer.tag(tag);
        rest = after;
    }
    writer.text(&decoded(rest));
    writer.finish()
}

/// What is written so far, and the lists around it.
#[derive(Default)]
struct Writer {
    out: String,
    lists: Vec<Option<u32>>,
    is_code: bool,
    links: Vec<String>,
    quotes: usize,
}

impl Writer {
    fn text(&mut self, text: &str) {
        // Between blocks there is nothing but layout.
        let is_layout = text.trim().is_empty() && text.contains('\n') && !self.is_code;
        if !is_layout {
            self.out.push_str(text);
        }
    }

    fn tag(&mut self, tag: &str) {
        let (is_end, tag) = match tag.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let name: String = tag
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        match name.to_ascii_lowercase().as_str() {
            "br" => self.out.push_str("  \n"),
            "hr" => {
                self.block();
                self.out.push_str("* * *");
                self.block();
            }
            "strong" | "b" => self.out.push_str("**"),
            "em" | "i" => self.out.push('_'),
            "code" if !self.is_code => self.out.push('`'),
            "pre" => {
                if !is_end {
                    self.block();
                }
                self.is_code = !is_end;
                self.out.push_str(if is_end { "\n```" } else { "```\n" });
                if is_end {
                    self.block();
                }
            }
            "a" => self.link(is_end, tag),
            "ul" | "ol" => self.list(is_end, name.eq_ignore_ascii_case("ol")),
            "li" => self.item(is_end),
            "blockquote" => {
                self.quotes = if is_end {
                    self.quotes.saturating_sub(1)
                } else {
                    self.quotes + 1
                };
                self.block();
                if !is_end {
                    self.out.push_str("> ");
                }
            }
            // The paragraph of an item or a quote stands on its line.
            "p" | "div" | "table" | "tr"
                if (self.lists.is_empty() && self.quotes == 0) || is_end =>
            {
                self.block();
            }
            heading if is_heading(heading) => {
                self.block();
                if !is_end {
                    let level = heading.as_bytes().get(1).map_or(1, |digit| digit - b'0');
                    self.out.push_str(&"#".repeat(level.into()));
                    self.out.push(' ');
                }
            }
            _ => {}
        }
    }

    fn link(&mut self, is_end: bool, tag: &str) {
        if is_end {
            let address = self.links.pop().unwrap_or_default();
            self.out.push_str(&format!("]({address})"));
        } else {
            let address = tag.split_once("href=\"").map_or("", |(_, rest)| rest);
            let address = address.split('"').next().unwrap_or_default();
            self.links.push(decoded(address));
            self.out.push('[');
        }
    }

    fn list(&mut self, is_end: bool, is_numbered: bool) {
        if is_end {
            self.lists.pop();
        } else {
            self.lists.push(is_numbered.then_some(0));
        }
        if self.lists.is_empty() || (!is_end && self.lists.len() == 1) {
            self.block();
        }
    }

    fn item(&mut self, is_end: bool) {
        if is_end {
            return;
        }
        while self.out.ends_with([' ', '\n']) {
            self.out.pop();
        }
        if !self.out.is_empty() {
            let is_first = self.lists.len() == 1
                && matches!(self.lists.last(), Some(None) | Some(Some(0)))
                && !self.out.lines().last().is_some_and(is_item);
            self.out.push_str(if is_first { "\n\n" } else { "\n" });
        }
        let level = self.lists.len().saturating_sub(1);
        let indent = "    ".repeat(level.min(MAX_INDENTS));
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{number}. ")
            }
            _ => "- ".to_owned(),
        };
        self.out.push_str(&indent);
        self.out.push_str(&mark);
    }

    /// What follows is a block of its own.
    fn block(&mut self) {
        if self.out.is_empty() {
            return;
        }
        while self.out.ends_with([' ', '\n']) {
            self.out.pop();
        }
        self.out.push_str("\n\n");
    }

    fn finish(self) -> String {
        self.out.trim().to_owned()
    }
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let after = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
    line.starts_with("- ") || (after != line && after.starts_with(". "))
}

fn is_heading(name: &str) -> bool {
    matches!(name.as_bytes(), [b'h', b'1'..=b'6'])
}

/// A text with its entities replaced.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let end = after
            .bytes()
            .take(MAX_ENTITY_BYTES)
            .position(|byte| byte == b';');
        match end.and_then(|end| Some((end + 1, character(after.get(..end)?)?))) {
            Some((length, letter)) => {
                out.push(letter);
                rest = after.get(length..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_editors_html_becomes_markdown_and_other_texts_stay() {
        for (html, expected) in [
            ("Say <p> twice", "Say <p> twice"),
            ("<b>bold</b>", "<b>bold</b>"),
            ("a < b & c", "a < b & c"),
            ("<p>Hello</p>", "Hello"),
            ("<p>One</p><p>Two &amp; three</p>", "One\n\nTwo & three"),
            (
                "<p>Ask <span class=\"variable\" data-type=\"mention\">{{ question }}</span> now</p>",
                "Ask {{ question }} now",
            ),
            ("<h2>Title</h2><p>a<br>b</p>", "## Title\n\na  \nb"),
            (
                "<p>x</p><ul><li><p>a</p></li><li>b</li></ul><p>y</p>",
                "x\n\n- a\n- b\n\ny",
            ),
            ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
            (
                "<p><strong>a</strong> <em>b</em> <code>c</code></p>",
                "**a** _b_ `c`",
            ),
            ("<pre><code>x\n  y</code></pre>", "```\nx\n  y\n```"),
            (
                "<p><a href=\"https://a.example/?b&amp;c\">d</a></p>",
                "[d](https://a.example/?b&c)",
            ),
            ("<blockquote><p>q</p></blockquote>", "> q"),
            ("<p>&lt;b&gt; &#39;&#x41; &nope; &", "<b> 'A &nope; &"),
            ("<p>unclosed <", "unclosed <"),
            ("<p>a <b &amp; <c", "a <b & <c"),
            ("<p>&€;&€€€€;&", "&€;&€€€€;&"),
        ] {
            assert_eq!(markdown(html), expected, "{html}");
        }
    }

    #[test]
    fn no_text_becomes_much_longer_or_is_read_more_than_once() {
        let lists = format!("{}{}", "<ul>".repeat(20_000), "<li>".repeat(20_000));
        assert!(markdown(&lists).len() < 20 * lists.len());
        for (piece, read) in [("<", "<"), ("&€", "&€"), ("<b", "<b")] {
            let text = piece.repeat(1 << 18);
            assert_eq!(markdown(&format!("<p>{text}")), read.repeat(1 << 18));
        }
    }
}
