//! Argon2id, and nothing else: how the text of a key is kept at rest.
//! May not know which keys exist. Promise: the only place that knows the parameters; each PHC string carries its own, so
//! a later change of parameters leaves older keys working.

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};

/// The parameters for machine-made texts: 1 MiB, one pass, one lane. Their strength is their length (107 bits and more),
/// so the hash has to be one-way, not slow.
const KEY_MEMORY_KIB: u32 = 1_024;

/// The parameters for what people think up: 19 MiB, two passes, one lane, as OWASP recommends.
const PASSWORD_MEMORY_KIB: u32 = 19_456;
const PASSWORD_PASSES: u32 = 2;

/// A text could not be hashed: no random bytes for the salt, or no memory.
#[derive(Debug, thiserror::Error)]
#[error("it could not be hashed: {0}")]
pub(super) struct HashError(String);

/// Argon2id of a key's text under a fresh salt, as a PHC string. Takes some 0.4 ms: not for an async worker.
pub(super) fn hash_key(text: &[u8]) -> Result<String, HashError> {
    hash(text, KEY_MEMORY_KIB, 1)
}

/// Argon2id of a password under a fresh salt, as a PHC string. Takes some 20 ms and 19 MiB: not for an async worker.
pub(super) fn hash_password(text: &[u8]) -> Result<String, HashError> {
    hash(text, PASSWORD_MEMORY_KIB, PASSWORD_PASSES)
}

fn hash(text: &[u8], memory_kib: u32, passes: u32) -> Result<String, HashError> {
    let params =
        Params::new(memory_kib, passes, 1, None).map_err(|error| HashError(error.to_string()))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(text)
        .map(|hash| hash.to_string())
        .map_err(|error| HashError(error.to_string()))
}

/// Whether `text` is what the PHC string was made of, by the parameters that it carries; the comparison takes the same
/// time wherever the difference is. Not for an async worker. A string that cannot be read matches nothing.
pub(super) fn matches(text: &[u8], phc: &str) -> bool {
    match PasswordHash::new(phc) {
        Ok(hash) => Argon2::default().verify_password(text, &hash).is_ok(),
        Err(error) => {
            log::warn!(
                "the stored hash of a key or password cannot be read, so it lets nobody in: {error}"
            );
            false
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    #[test]
    fn a_hash_is_argon2id_with_its_parameters_and_a_fresh_salt() {
        let [one, two] = [(); 2].map(|()| hash_key(b"sk-text").expect("hashed"));
        assert!(one.starts_with("$argon2id$v=19$m=1024,t=1,p=1$"), "{one}");
        assert_ne!(one, two);
        assert!(matches(b"sk-text", &one) && matches(b"sk-text", &two));
    }

    #[test]
    fn the_hash_of_a_password_is_a_slower_one() {
        let hash = hash_password(b"three small boats").expect("hashed");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(matches(b"three small boats", &hash));
        assert!(!matches(b"three small boat", &hash));
    }

    #[test]
    fn another_text_or_a_broken_hash_does_not_match() {
        let hash = hash_key(b"sk-text").expect("hashed");
        for other in [&b"sk-texT"[..], b"sk-tex", b"sk-text ", b""] {
            assert!(!matches(other, &hash));
        }
        for broken in [
            "",
            "sk-text",
            "$argon2id$v=19$m=1024,t=1,p=1$",
            &hash[..hash.len() - 4],
        ] {
            assert!(!matches(b"sk-text", broken), "{broken}");
        }
    }

    #[test]
    fn the_parameters_of_the_string_decide() {
        let params = Params::new(64, 2, 1, None).expect("parameters");
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(b"sk-text")
            .expect("hashed")
            .to_string();
        assert!(matches(b"sk-text", &hash));
    }
}
