//! E-mail addresses and phone numbers: what is valid, and the normalized form.
//!
//! Sources and the API share these rules, so that an address that a person enters equals the same
//! address from the source.

/// Longest address, local part and domain label, in bytes (RFC 5321).
const LONGEST_ADDRESS: usize = 254;
const LONGEST_LOCAL: usize = 64;
const LONGEST_LABEL: usize = 63;

/// Appends an e-mail address to `into`, trimmed and lower-cased. Returns false, and leaves `into`
/// unchanged, if the address is malformed.
pub fn write_email(text: &str, into: &mut String) -> bool {
    let text = text.trim();
    if !is_email(text) {
        return false;
    }
    if text.is_ascii() {
        let begin = into.len();
        into.push_str(text);
        into[begin..].make_ascii_lowercase();
    } else {
        into.push_str(&text.to_lowercase());
    }
    true
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    !local.is_empty()
        && local.len() <= LONGEST_LOCAL
        && text.len() <= LONGEST_ADDRESS
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && is_local(local)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

/// Whether all characters before the `@` are allowed.
fn is_local(local: &str) -> bool {
    // Nearly all addresses pass this cheap test.
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'+');
    if local.bytes().all(is_plain) {
        return true;
    }
    let is_reserved = |c: char| "@,;:<>()[]\\\"".contains(c);
    !local.chars().any(|c| c.is_whitespace() || c.is_control() || is_reserved(c))
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= LONGEST_LABEL
        && !label.starts_with('-')
        && !label.ends_with('-')
        && (label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
            || label.chars().all(|c| {
                c.is_ascii_alphanumeric() || c == '-' || (!c.is_ascii() && c.is_alphanumeric())
            }))
}

/// Whether a text is a phone number in E.164 format, `+12025550100`: a plus sign and 7 to 15
/// digits, the first of which is not zero. Does not check whether the country assigns the number.
pub fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|c| c.is_ascii_digit())
        && !digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_trimmed_and_lower_cased_or_rejected() {
        let read = |text: &str| {
            let mut into = String::from("before");
            let is_valid = write_email(text, &mut into);
            assert!(is_valid || into == "before", "{text}");
            is_valid.then(|| into["before".len()..].to_owned())
        };
        assert_eq!(read(" Mira.Voss@Example.ORG ").as_deref(), Some("mira.voss@example.org"));
        assert_eq!(read("Ämy@Schüle.example").as_deref(), Some("ämy@schüle.example"));
        for bad in [
            "",
            "mira",
            "mira@",
            "@example.org",
            "mira@example",
            "mi ra@example.org",
            "a@b@example.org",
            "mira@exa_mple..org",
            "a@.org",
            "kim@-x.org",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn e164_numbers_have_a_plus_and_seven_to_fifteen_digits() {
        assert!(is_e164("+12025550100"));
        for bad in ["2025550100", "+0123456789", "+12", "+1 202 555 0100", "+1234567890123456"] {
            assert!(!is_e164(bad), "{bad}");
        }
    }
}
