//! Arithmetic: numbers, `+ - * / % ^`, parentheses, and a few functions.
//! Promise: reading is linear, and no deeper than a bound.

/// How deep parentheses may be nested.
const MAX_DEPTH: usize = 100;
const MAX_BYTES: usize = 2_000;

/// What an expression comes to, as text.
pub(super) fn evaluate(text: &str) -> Result<String, String> {
    if text.len() > MAX_BYTES {
        return Err(format!(
            "the expression has {} bytes, more than {MAX_BYTES}",
            text.len()
        ));
    }
    let mut reader = Reader {
        rest: text.trim(),
        depth: 0,
    };
    let value = reader.sum()?;
    if !reader.rest.is_empty() {
        return Err(format!("`{}` cannot stand there", reader.rest));
    }
    if !value.is_finite() {
        return Err("it comes to no number".to_owned());
    }
    Ok(value.to_string())
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn take(&mut self, letter: char) -> bool {
        let rest = self.rest.strip_prefix(letter);
        if let Some(rest) = rest {
            self.rest = rest.trim_start();
        }
        rest.is_some()
    }

    fn sum(&mut self) -> Result<f64, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        let mut value = self.product()?;
        loop {
            if self.take('+') {
                value += self.product()?;
            } else if self.take('-') {
                value -= self.product()?;
            } else {
                self.depth -= 1;
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.signed()?;
        loop {
            if self.rest.starts_with("**") {
                return Err("write `^` for powers".to_owned());
            } else if self.take('*') {
                value *= self.signed()?;
            } else if self.take('/') {
                value /= self.signed()?;
            } else if self.take('%') {
                value %= self.signed()?;
            } else {
                return Ok(value);
            }
        }
    }

    fn signed(&mut self) -> Result<f64, String> {
        let mut sign = 1.0;
        loop {
            if self.take('-') {
                sign = -sign;
            } else if !self.take('+') {
                break;
            }
        }
        Ok(sign * self.power()?)
    }

    fn power(&mut self) -> Result<f64, String> {
        let base = self.single()?;
        if !self.take('^') {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        let exponent = self.signed()?;
        self.depth -= 1;
        Ok(base.powf(exponent))
    }

    fn single(&mut self) -> Result<f64, String> {
        if self.take('(') {
            let value = self.sum()?;
            return self
                .take(')')
                .then_some(value)
                .ok_or_else(|| "a `)` is missing".to_owned());
        }
        let is_of = |fits: fn(char) -> bool| {
            let end = self
                .rest
                .find(|letter| !fits(letter))
                .unwrap_or(self.rest.len());
            self.rest.split_at(end)
        };
        let (name, after) = is_of(|letter| letter.is_ascii_alphabetic());
        if !name.is_empty() {
            self.rest = after.trim_start();
            return self.named(name);
        }
        let (digits, after) = is_of(|letter| letter.is_ascii_digit() || letter == '.');
        let value = digits.parse().map_err(|_| match self.rest {
            "" => "it breaks off".to_owned(),
            rest => format!("`{rest}` is no number"),
        })?;
        self.rest = after.trim_start();
        Ok(value)
    }

    fn named(&mut self, name: &str) -> Result<f64, String> {
        match name.to_ascii_lowercase().as_str() {
            "pi" => return Ok(std::f64::consts::PI),
            "e" => return Ok(std::f64::consts::E),
            _ => {}
        }
        if !self.take('(') {
            return Err(format!("there is no `{name}`"));
        }
        let mut values = vec![self.sum()?];
        while self.take(',') {
            values.push(self.sum()?);
        }
        if !self.take(')') {
            return Err("a `)` is missing".to_owned());
        }
        let first = values[0];
        Ok(match (name.to_ascii_lowercase().as_str(), values.len()) {
            ("sqrt", 1) => first.sqrt(),
            ("abs", 1) => first.abs(),
            ("sin", 1) => first.sin(),
            ("cos", 1) => first.cos(),
            ("tan", 1) => first.tan(),
            ("exp", 1) => first.exp(),
            ("log" | "ln", 1) => first.ln(),
            ("round", 1) => first.round(),
            ("floor", 1) => first.floor(),
            ("ceil", 1) => first.ceil(),
            ("pow", 2) => first.powf(values[1]),
            ("min", _) => values.into_iter().fold(f64::INFINITY, f64::min),
            ("max", _) => values.into_iter().fold(f64::NEG_INFINITY, f64::max),
            (_, count) => return Err(format!("there is no function `{name}` of {count} numbers")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_come_to_numbers_or_to_a_reason() {
        for (text, expected) in [
            ("2 + 3 * 4", Ok("14")),
            ("(2+3)*4", Ok("20")),
            ("-2^2", Ok("-4")),
            ("2^3^2", Ok("512")),
            ("10 / 4 % 2", Ok("0.5")),
            ("sqrt(16) + max(1, 5, 3)", Ok("9")),
            ("1 / 0", Err("no number")),
            ("2 +", Err("breaks off")),
            ("2 2", Err("cannot stand")),
            ("(1", Err("`)` is missing")),
            ("x", Err("no `x`")),
            ("nope(1)", Err("no function `nope`")),
            ("1..2", Err("is no number")),
        ] {
            match (evaluate(text), expected) {
                (Ok(value), Ok(expected)) => assert_eq!(value, expected, "{text}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
                (other, _) => panic!("{text}: {other:?}"),
            }
        }
        assert!(evaluate(&"(".repeat(1_500)).is_err());
    }
}
