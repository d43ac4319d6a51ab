//! Checks 12 and 13, and encodings that occur in real exports.

use encoding_rs::WINDOWS_1252;
use insta::assert_snapshot;
use roster::personal::Personal;

use crate::support::Set;

fn accented() -> Set {
    Set::valid().change("users.csv", "Perrin", "Pérrin").change("orgs.csv", "Harbor", "Hårbor")
}

fn given(outcome: &crate::support::Outcome) -> String {
    outcome.student("st1").person.given.as_ref().map(Personal::reveal).unwrap().to_owned()
}

#[test]
fn check_12_not_utf_8_names_the_line_and_the_setting() {
    let latin = |set: Set, name: &str| {
        let text = set.text(name);
        set.bytes(name, WINDOWS_1252.encode(&text).0.into_owned())
    };
    assert_snapshot!(latin(accented(), "users.csv").import().found(), @"stop not_utf8 users.csv:3: the file is not encoded as UTF-8. Export as UTF-8, or set fallback_encoding (for example windows-1252).");
    let set = latin(latin(accented(), "users.csv"), "orgs.csv")
        .setting(|s| s.fallback_encoding = Some("windows-1252".into()));
    let outcome = set.import();
    assert_snapshot!(outcome.found(), @r"
    warn fallback_encoding orgs.csv:3: the file is not encoded as UTF-8 and was read in the district's fallback encoding. Export as UTF-8.
    warn fallback_encoding users.csv:3: the file is not encoded as UTF-8 and was read in the district's fallback encoding. Export as UTF-8.
    ");
    assert_eq!(given(&outcome), "Pérrin");
}

#[test]
fn check_12_invalid_bytes_and_utf_16_without_a_byte_order_mark() {
    let set = Set::valid();
    let mut bytes = set.text("users.csv").into_bytes();
    let at = bytes.windows(6).position(|w| w == b"Perrin").unwrap();
    bytes[at] = 0xff;
    assert_snapshot!(set.bytes("users.csv", bytes).import().found(), @"stop not_utf8 users.csv:3: the file is not encoded as UTF-8. Export as UTF-8, or set fallback_encoding (for example windows-1252).");
    let wide: Vec<u8> =
        Set::valid().text("users.csv").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_snapshot!(Set::valid().bytes("users.csv", wide).import().found(), @"stop not_utf8 users.csv:1: the header contains NUL bytes; the file may be UTF-16 without a byte order mark. Export as UTF-8, or set fallback_encoding (for example windows-1252).");
}

#[test]
fn check_13_byte_order_marks() {
    let with_mark = |set: Set, name: &str| {
        let text = format!("\u{feff}{}", set.text(name));
        set.file(name, &text)
    };
    let set = with_mark(with_mark(accented(), "users.csv"), "manifest.csv");
    let outcome = set.import();
    assert_snapshot!(outcome.found(), @"info byte_order_mark users.csv: the file starts with a byte order mark. Nothing to do.");
    assert_eq!(given(&outcome), "Pérrin");
}

#[test]
fn utf_16_with_a_byte_order_mark_is_read() {
    for little in [true, false] {
        let mut set = accented();
        for (_, bytes) in &mut set.files {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let units = std::iter::once(0xfeff).chain(text.encode_utf16().collect::<Vec<u16>>());
            *bytes = units
                .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
                .collect();
        }
        let outcome = set.import();
        assert_eq!(given(&outcome), "Pérrin");
        assert_eq!(
            outcome.found_of("utf16").lines().count(),
            7,
            "all but the manifest, which is read anyway"
        );
    }
}

#[test]
fn invalid_settings_are_named() {
    let refused = |change: fn(&mut roster::settings::SourceSettings)| {
        let outcome = Set::valid().setting(change).import();
        assert!(outcome.refused);
        outcome.found()
    };
    assert_snapshot!(refused(|s| s.fallback_encoding = Some("latin-ninety".into())), @"stop setting_invalid: the setting fallback_encoding has the invalid value `latin-ninety`. Ask an operator to correct the setting.");
    assert_snapshot!(refused(|s| s.fallback_encoding = Some("utf-16".into())), @"stop setting_invalid: the setting fallback_encoding has the invalid value `utf-16`. Ask an operator to correct the setting.");
    assert_snapshot!(refused(|s| s.phone_country = "Atlantis".into()), @"stop setting_invalid: the setting phone_country has the invalid value `Atlantis`. Ask an operator to correct the setting.");
    assert_snapshot!(refused(|s| drop(s.metadata.insert("shoe_size".into(), "metadata.shoes".into()))), @"stop setting_invalid: the setting metadata has the invalid value `shoe_size`. Ask an operator to correct the setting.");
}
