//! What a browser would find in a page: where it leads, and what a strict page has none of.

/// Where a page leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// `href`, `src`, the action of a form that only asks.
    Page(String),
    /// The action of a form that changes something.
    Form(String),
}

impl Link {
    pub(super) fn text(&self) -> &str {
        match self {
            Link::Page(text) | Link::Form(text) => text,
        }
    }
}

/// A tag: its name and its attributes, each with its value where it has one.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, Option<&'a str>)>,
}

impl Tag<'_> {
    fn value(&self, name: &str) -> Option<String> {
        let (_, value) = self.attributes.iter().find(|(found, _)| *found == name)?;
        value.map(plain)
    }
}

/// The text that an attribute's value stands for.
fn plain(value: &str) -> String {
    let mut text = value.to_owned();
    for (entity, letter) in [
        ("&#38;", "&"),
        ("&amp;", "&"),
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
    ] {
        text = text.replace(entity, letter);
    }
    text
}

/// Every opening tag. Values stand in double quotes, and hold no `<` and no quote.
fn tags(html: &str) -> Vec<Tag<'_>> {
    let opening = html.split('<').skip(1).filter(|text| {
        let first = text.chars().next();
        first.is_some_and(|first| first.is_ascii_alphabetic())
    });
    opening.map(tag).collect()
}

fn tag(text: &str) -> Tag<'_> {
    let end = text.find([' ', '>', '/', '\n']).expect("the end of a name");
    let (name, mut rest) = text.split_at(end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\n', '/']);
        if rest.is_empty() || rest.starts_with('>') {
            return Tag { name, attributes };
        }
        let end = rest.find([' ', '=', '>', '\n', '/']).unwrap_or(rest.len());
        let (attribute, after) = rest.split_at(end);
        match after.strip_prefix("=\"") {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"').expect("the end of a value");
                attributes.push((attribute, Some(value)));
                rest = after;
            }
            None => {
                assert!(!after.starts_with('='), "a value without quotes: {text}");
                attributes.push((attribute, None));
                rest = after;
            }
        }
    }
}

/// Where a page leads to, but for its own places.
pub(super) fn links(html: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for tag in tags(html) {
        let is_post = tag.value("method").as_deref() == Some("post");
        for name in ["href", "src", "action", "formaction"] {
            let Some(text) = tag.value(name) else {
                continue;
            };
            if text.starts_with('#') {
                continue;
            }
            found.push(match name {
                "action" if is_post => Link::Form(text),
                "formaction" => Link::Form(text),
                _ => Link::Page(text),
            });
        }
    }
    found
}

/// What a page has that it should have none of.
pub(super) fn mistakes(html: &str) -> Vec<String> {
    let mut mistakes = Vec::new();
    for tag in tags(html) {
        let name = tag.name;
        if ["style", "iframe", "object", "embed", "base", "marquee"].contains(&name) {
            mistakes.push(format!("<{name}>"));
        }
        if name == "script" && tag.value("src").is_none() {
            mistakes.push("a script in the page".to_owned());
        }
        for (attribute, value) in &tag.attributes {
            let attribute = attribute.to_ascii_lowercase();
            if attribute == "style" || attribute.starts_with("on") || attribute == "srcdoc" {
                mistakes.push(format!("<{name} {attribute}>"));
            }
            if value.is_some_and(|value| plain(value).trim().starts_with("javascript:")) {
                mistakes.push(format!("<{name} {attribute}> is a script"));
            }
        }
    }
    let scripts = html.match_indices("<script").filter(|(at, _)| {
        let whole = html.get(*at..).unwrap_or_default();
        let after = whole.split_once('>').map(|(_, after)| after);
        !after.is_some_and(|after| after.starts_with("</script>"))
    });
    mistakes.extend(scripts.map(|_| "a script with text".to_owned()));
    mistakes
}

#[test]
fn what_a_strict_page_has_none_of_is_found() {
    for (html, count) in [
        ("<p class=\"a\">style=\"x\" onclick=\"y\"</p>", 0),
        ("<script type=\"module\" src=\"./script.js\"></script>", 0),
        ("<p title=\"on the way\" hidden>one</p><ol></ol>", 0),
        ("<p style=\"color: red\">", 1),
        ("<p\nonclick=\"x()\">", 1),
        ("<script>x()</script>", 2),
        ("<script src=\"a.js\">x()</script>", 1),
        ("<a href=\"javascript:x()\">", 1),
        ("<style>", 1),
        ("<iframe srcdoc=\"&#60;p&#62;\">", 2),
    ] {
        assert_eq!(mistakes(html).len(), count, "{html}: {:?}", mistakes(html));
    }
}

#[test]
fn every_way_out_of_a_page_is_found() {
    let html = "<a href=\"#main\">x</a> <a class=\"b\" href=\"../a?b=1&#38;c=2\">y</a><form method=\"post\" action=\"./x\">\
                <form action=\"y\"><button formaction=\"z\"><img src=\"i.svg\"/><br>href=\"no\"";
    let form = |text: &str| Link::Form(text.to_owned());
    let page = |text: &str| Link::Page(text.to_owned());
    assert_eq!(
        links(html),
        [
            page("../a?b=1&c=2"),
            form("./x"),
            page("y"),
            form("z"),
            page("i.svg")
        ]
    );
}
