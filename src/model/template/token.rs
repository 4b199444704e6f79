//! Reads an expression into tokens and paths, and writes it for MiniJinja with guards around what could grow.
//! May not know values. Promise: every `*` and `~` that is written has a guard on both of its operands, and no more paths
//! and growing operators pass than the caps allow.

use super::filters;
use super::path::{self, Path};

/// How many times one expression may join or add.
const MAX_GROWTHS: usize = 16;
/// How many paths one expression may hold.
const MAX_PATHS: usize = 32;
const KEYWORDS: [&str; 13] = [
    "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "null", "True", "False",
];
const LONG_OPERATORS: [&str; 6] = ["**", "//", "==", "!=", "<=", ">="];

/// Whether a word means something in expressions, so that no path consists of it.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// The variable that stands for a path.
pub(super) fn variable(index: usize) -> String {
    format!("p{index}")
}

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A text, a number, a keyword, a name after `.`, `|` or `is`, a path's variable.
    Word(String),
    /// `*`, `(`, `==` …
    Operator(&'static str),
}

/// Reads an expression into tokens and paths.
pub(super) struct Reader<'a> {
    text: &'a str,
    /// What was read so far.
    pub(super) tokens: Vec<Token>,
    /// The paths among it, by the number of their variable.
    pub(super) paths: Vec<Path>,
    growths: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `text`.
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader {
            text,
            tokens: Vec::new(),
            paths: Vec::new(),
            growths: 0,
        }
    }

    /// Reads all of it. The error says what is wrong.
    pub(super) fn read(&mut self) -> Result<(), String> {
        loop {
            self.text = self.text.trim_start();
            match self.text.chars().next() {
                None => return Ok(()),
                Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
                Some('0'..='9') => self.digits(),
                Some(c) if c.is_alphabetic() || c == '_' => self.word()?,
                Some(c) => self.operator(c)?,
            }
        }
    }

    /// The next `length` bytes.
    fn cut(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self
            .text
            .split_at_checked(length)
            .unwrap_or((self.text, ""));
        self.text = rest;
        taken
    }

    fn quoted(&mut self, quote: char) -> Result<(), String> {
        let mut escaped = false;
        for (position, c) in self.text.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                let text = self.cut(position + 1).to_owned();
                self.tokens.push(Token::Word(text));
                return Ok(());
            }
        }
        Err(format!("the text that begins with {quote} is not closed"))
    }

    fn digits(&mut self) {
        let after = |c: char| !(c.is_ascii_digit() || c == '_');
        let whole = self.text.find(after).unwrap_or(self.text.len());
        let mut length = whole;
        if let Some(fraction) = self
            .text
            .get(whole..)
            .and_then(|rest| rest.strip_prefix('.'))
            && fraction.starts_with(|c: char| c.is_ascii_digit())
        {
            length += 1 + fraction.find(after).unwrap_or(fraction.len());
        }
        let rest = self.text.get(length..).unwrap_or_default();
        if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
            let signed = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let digits = signed.find(after).unwrap_or(signed.len());
            if digits > 0 {
                length += 1 + (exponent.len() - signed.len()) + digits;
            }
        }
        let number = self.cut(length).to_owned();
        self.tokens.push(Token::Word(number));
    }

    fn word(&mut self) -> Result<(), String> {
        let plain = |text: &str| {
            text.find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(text.len())
        };
        match self.tokens.as_slice() {
            [.., Token::Operator(".")] => {
                let name = self.cut(plain(self.text)).to_owned();
                self.tokens.push(Token::Word(name));
                return Ok(());
            }
            [.., Token::Operator("|")] => {
                let name = self.cut(plain(self.text)).to_owned();
                filters::known("filter", &filters::FILTERS, &name)?;
                self.tokens.push(Token::Word(name));
                return Ok(());
            }
            _ => {}
        }
        let Some((segments, length)) = path::take(self.text) else {
            return Err("a name must begin with a letter or `_`".into());
        };
        let rest = self.text.get(length..).unwrap_or_default().trim_start();
        let argument = rest.starts_with('=') && !rest.starts_with("==");
        if let [word] = segments.as_slice()
            && (is_keyword(word) || argument || self.after_is(word)?)
        {
            let word = if word == "null" { "none" } else { word };
            self.tokens.push(Token::Word(word.to_owned()));
        } else if rest.starts_with('(') {
            return Err(format!(
                "`{}(…)`: there are no functions in templates, only filters such as `{{{{input.items | length}}}}`",
                segments.join(".")
            ));
        } else {
            if self.paths.len() == MAX_PATHS {
                return Err(format!("more than {MAX_PATHS} values are named; split it"));
            }
            self.tokens.push(Token::Word(variable(self.paths.len())));
            self.paths
                .push(Path::from_segments(segments).map_err(|error| error.message)?);
        }
        self.cut(length);
        Ok(())
    }

    /// Whether the word is the name of a test: `x is defined`, `x is not none`.
    fn after_is(&self, word: &str) -> Result<bool, String> {
        let is = |token: &Token, text: &str| matches!(token, Token::Word(word) if word == text);
        let test = match self.tokens.as_slice() {
            [.., before, last] if is(last, "not") => is(before, "is"),
            [.., last] => is(last, "is"),
            [] => false,
        };
        if test && !is_keyword(word) {
            filters::known("test", &filters::TESTS, word)?;
        }
        Ok(test)
    }

    fn operator(&mut self, first: char) -> Result<(), String> {
        let long = LONG_OPERATORS
            .into_iter()
            .find(|operator| self.text.starts_with(operator));
        let operator = long.unwrap_or(match first {
            '+' => "+",
            '-' => "-",
            '*' => "*",
            '/' => "/",
            '%' => "%",
            '~' => "~",
            '<' => "<",
            '>' => ">",
            '(' => "(",
            ')' => ")",
            '[' => "[",
            ']' => "]",
            '{' => "{",
            '}' => "}",
            '|' => "|",
            '.' => ".",
            ',' => ",",
            ':' => ":",
            '=' => "=",
            other => return Err(format!("`{other}` does not belong into a template")),
        });
        if matches!(operator, "+" | "~" | "*" | "**") {
            self.growths += 1;
            if self.growths > MAX_GROWTHS {
                return Err(format!(
                    "more than {MAX_GROWTHS} of `+`, `*` and `~` stand in it; split it"
                ));
            }
        }
        self.cut(operator.len());
        self.tokens.push(Token::Operator(operator));
        Ok(())
    }
}

/// The expression as MiniJinja gets it: around `*` numbers only, around `~` bounded texts only.
pub(super) fn guarded(tokens: &[Token]) -> String {
    let mut guards: Vec<(usize, &str)> = Vec::new();
    for (position, token) in tokens.iter().enumerate() {
        let guard = match token {
            Token::Operator("*") => " |number ",
            Token::Operator("~") => " |text ",
            _ => continue,
        };
        guards.push((position, guard));
        guards.push((end_of_operand(tokens, position + 1), guard));
    }
    let mut out = String::new();
    for position in 0..=tokens.len() {
        for (_, guard) in guards.iter().filter(|(at, _)| *at == position) {
            out.push_str(guard);
        }
        match tokens.get(position) {
            // No blank around a dot: `a . b` is no attribute everywhere.
            Some(Token::Operator(".")) => out.push('.'),
            Some(Token::Operator(text)) => {
                out.push(' ');
                out.push_str(text);
                out.push(' ');
            }
            Some(Token::Word(text)) => {
                if !out.ends_with(['.', ' ']) {
                    out.push(' ');
                }
                out.push_str(text);
            }
            None => {}
        }
    }
    out
}

/// Where the operand that begins at `position` ends: signs, one value, then `.name`, `[…]`, `(…)` and filters.
fn end_of_operand(tokens: &[Token], mut position: usize) -> usize {
    while matches!(tokens.get(position), Some(Token::Operator("-" | "+"))) {
        position += 1;
    }
    position = after_group(tokens, position).unwrap_or(position + 1);
    loop {
        match tokens.get(position) {
            Some(Token::Operator("." | "|")) => position += 2,
            Some(Token::Operator("[" | "(")) => match after_group(tokens, position) {
                Some(after) => position = after,
                None => return tokens.len(),
            },
            _ => return position.min(tokens.len()),
        }
    }
}

/// The position after the group that is opened at `position`, if one is.
fn after_group(tokens: &[Token], position: usize) -> Option<usize> {
    let mut open = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(position) {
        match token {
            Token::Operator("(" | "[" | "{") => open += 1,
            Token::Operator(")" | "]" | "}") => open = open.checked_sub(1)?,
            _ => {}
        }
        if open == 0 {
            return (at > position).then_some(at + 1);
        }
    }
    None
}
