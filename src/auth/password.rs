//! Which passwords the dashboard takes. May not know how they are kept or who signs in.
//! Promise: what is tried first by those who guess is not taken.

use crate::secret::SecretText;

/// How many characters a password has at least.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// How many bytes it has at most.
const MAX_PASSWORD_BYTES: usize = 1_024;
/// With fewer different characters it is guessed soon.
const MIN_DIFFERENT_CHARS: usize = 5;

/// What people choose most, of those that would be long enough. A password that is one of these, whatever its case and with
/// whatever digits and signs at its end, is not taken.
const COMMON: [&str; 40] = [
    "password",
    "passwordpassword",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "qwertyuiop",
    "qwertyuiopasdfghjkl",
    "qwerty",
    "qwertz",
    "qwertzuiop",
    "azerty",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "1qaz2wsx",
    "qazwsxedc",
    "iloveyou",
    "iloveyouforever",
    "letmein",
    "letmeinplease",
    "welcome",
    "administrator",
    "admin",
    "adminadmin",
    "changeme",
    "changemeplease",
    "default",
    "secret",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "trustno",
    "correcthorsebatterystaple",
    "flowlatch",
    "workflow",
    "abcdefghijkl",
];

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too few characters.
    #[error("The password has fewer than {MIN_PASSWORD_CHARS} characters.")]
    Short,
    /// Too many bytes.
    #[error("The password is longer than {MAX_PASSWORD_BYTES} bytes.")]
    Long,
    /// One of those that are tried first.
    #[error(
        "The password is one of those that are tried first. Take several words that do not belong together."
    )]
    Common,
}

/// Whether a password is taken.
pub(super) fn check_strength(password: &SecretText) -> Result<(), WeakPassword> {
    let text = password.expose();
    if text.chars().count() < MIN_PASSWORD_CHARS {
        return Err(WeakPassword::Short);
    }
    if text.len() > MAX_PASSWORD_BYTES {
        return Err(WeakPassword::Long);
    }
    let mut different: Vec<char> = text.chars().collect();
    different.sort_unstable();
    different.dedup();
    let lower = text.to_lowercase();
    let word = lower.trim_matches(|char: char| !char.is_alphabetic());
    let is_common = |text: &str| COMMON.contains(&text);
    let is_run_of_digits = lower.chars().all(|char| char.is_ascii_digit());
    if different.len() < MIN_DIFFERENT_CHARS
        || is_run_of_digits
        || is_common(word)
        || is_common(&lower)
    {
        return Err(WeakPassword::Common);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_long_and_common_passwords_are_not_taken() {
        let long = "ab cd ef".repeat(200);
        let table: [(&str, Option<WeakPassword>); 14] = [
            ("", Some(WeakPassword::Short)),
            ("elevenchars", Some(WeakPassword::Short)),
            ("grün-blau-ü", Some(WeakPassword::Short)),
            (&long, Some(WeakPassword::Long)),
            ("Password1234!", Some(WeakPassword::Common)),
            ("qwertyuiop12", Some(WeakPassword::Common)),
            ("1q2w3e4r5t6y", Some(WeakPassword::Common)),
            ("administrator", Some(WeakPassword::Common)),
            ("aaaaaaaaaaaaaaaa", Some(WeakPassword::Common)),
            ("abababababab", Some(WeakPassword::Common)),
            ("314159265358", Some(WeakPassword::Common)),
            ("three small boats", None),
            ("grün-blau-gelb", None),
            ("password of a good friend", None),
        ];
        for (password, weakness) in table {
            let found = check_strength(&SecretText::new(password.to_owned())).err();
            assert_eq!(found, weakness, "{password:.20}");
        }
    }
}
