//! Invented names: word lists made up for this package, with accents, apostrophes and hyphens.

use crate::mix::{Draw, mix};

const GIVEN_HEADS: [&str; 40] = [
    "Ab", "Ami", "Bel", "Bri", "Cal", "Ce", "Da", "Del", "É", "Eli", "Fen", "Fio", "Gar", "Gwe",
    "Hal", "He", "Ira", "Jo", "Ka", "Kel", "Li", "Lu", "Ma", "Mi", "Na", "Ny", "O", "Per", "Qui",
    "Ra", "Ro", "Sa", "Si", "Ta", "Ti", "U", "Va", "Wil", "Ya", "Zo",
];
const GIVEN_TAILS: [&str; 36] = [
    "bero", "cinda", "dara", "dric", "fina", "gan", "hira", "isse", "jen", "kato", "lanna", "lio",
    "mara", "mond", "nael", "nessa", "nia", "ñita", "orin", "phie", "quel", "rane", "ria", "rón",
    "sandro", "sella", "tan", "thea", "tine", "umi", "vanne", "vin", "wen", "ïs", "yra", "zell",
];
const FAMILY_HEADS: [&str; 56] = [
    "Alder", "Amber", "Apple", "Arrow", "Badger", "Bark", "Bell", "Birch", "Bramble", "Brook",
    "Butter", "Candle", "Cinder", "Clover", "Copper", "Cotton", "Crane", "Dapple", "Drift",
    "Ember", "Feather", "Fern", "Flint", "Frost", "Ginger", "Glimmer", "Hazel", "Heather", "Honey",
    "Indigo", "Jasper", "Juniper", "Kettle", "Lantern", "Laurel", "Lily", "Marble", "Marsh",
    "Meadow", "Mellow", "Moss", "Nettle", "Oaken", "Olive", "Pebble", "Pepper", "Quill", "Raven",
    "River", "Saffron", "Silver", "Thistle", "Timber", "Velvet", "Willow", "Winter",
];
const FAMILY_TAILS: [&str; 40] = [
    "acre", "bank", "beck", "bloom", "bough", "bridge", "brow", "burrow", "by", "combe", "croft",
    "dale", "den", "fall", "field", "ford", "gate", "glen", "grove", "hatch", "hollow", "hurst",
    "kirk", "ley", "low", "mead", "mere", "moor", "nook", "ridge", "shaw", "side", "stead",
    "stone", "thorpe", "wald", "well", "wick", "wold", "worthy",
];
const FAMILY_ODD: [&str; 16] = [
    "O'Quillan",
    "D'Ambervale",
    "Nuñavera",
    "Müllenbach",
    "Lindqvöst",
    "de la Fontañera",
    "van der Moosburg",
    "Ó Brackán",
    "Çelimar",
    "Gonzarález",
    "M'Tabeki",
    "St. Cloverly",
    "Håkonsby",
    "Løsineck",
    "Zúñigara",
    "al-Rashidan",
];
const SCHOOL_HEADS: [&str; 48] = [
    "Acorn",
    "Aspen Lane",
    "Beacon Hill",
    "Blue Heron",
    "Bright Water",
    "Broken Arrow",
    "Cedar Hollow",
    "Chestnut",
    "Copper Creek",
    "Crescent",
    "Dogwood",
    "Eagle Rock",
    "East Meadow",
    "Elm Street",
    "Falcon Ridge",
    "Fox Run",
    "Golden Gate Road",
    "Granite Pass",
    "Harbor View",
    "Hickory",
    "Iron Bridge",
    "Juniper Flats",
    "Kingfisher",
    "Lake Shore",
    "Lark Rise",
    "Maple Grove",
    "Mill Pond",
    "Mountain View",
    "North Fork",
    "Oak Park",
    "Old Orchard",
    "Otter Creek",
    "Pine Bluff",
    "Prairie Star",
    "Quarry Hill",
    "Red Cliff",
    "Rolling Hills",
    "Sandstone",
    "Silver Lake",
    "South Fork",
    "Spring Valley",
    "Sunny Side",
    "Tall Timber",
    "Three Rivers",
    "Union",
    "West Wind",
    "White Oak",
    "Wildflower",
];
const SUFFIXES: [&str; 10] =
    ["", "", "", " II", " North", " South", " East", " West", " Annex", " Academy"];

fn pick<'a, const N: usize>(list: &[&'a str; N], number: u64) -> &'a str {
    list[usize::try_from(number % N as u64).unwrap_or(0)]
}

/// A given name. About one in thirty is a double name.
pub(crate) fn given(number: u64) -> String {
    let one = |n: u64| format!("{}{}", pick(&GIVEN_HEADS, n), pick(&GIVEN_TAILS, n / 64));
    match number % 31 {
        0 => format!("{}-{}", one(number >> 8), one(number >> 24)),
        1 => format!("{} {}", one(number >> 8), one(number >> 24)),
        _ => one(number >> 8),
    }
}

/// A family name. About one in forty has spaces, apostrophes or accents.
pub(crate) fn family(number: u64) -> String {
    if number.is_multiple_of(40) {
        return pick(&FAMILY_ODD, number >> 8).to_owned();
    }
    format!("{}{}", pick(&FAMILY_HEADS, number >> 8), pick(&FAMILY_TAILS, number >> 20))
}

/// A school's name without its level. Unique for some hundred schools, then numbered.
pub(crate) fn school(seed: u64, index: u64) -> String {
    let order = mix(seed, Draw::SchoolName, 0, 0);
    let turn = index / SCHOOL_HEADS.len() as u64;
    let head = pick(&SCHOOL_HEADS, order.wrapping_add(index));
    match turn {
        0 => head.to_owned(),
        1..=7 => format!("{head}{}", SUFFIXES[usize::try_from(turn).unwrap_or(0) + 2]),
        _ => format!("{head} No. {}", turn + 1),
    }
}

/// The district's name, and its short form for email addresses.
pub(crate) fn district(seed: u64) -> (String, String) {
    let number = mix(seed, Draw::District, 0, 0);
    let name = format!("{}{}", pick(&FAMILY_HEADS, number), pick(&FAMILY_TAILS, number >> 16));
    let slug = name.to_lowercase();
    (format!("{name} Unified School District"), slug)
}

/// A name in an email address: lower-case ASCII letters only.
pub(crate) fn mail_part(name: &str, out: &mut String) {
    for letter in name.chars() {
        let plain = match letter {
            'a'..='z' => letter,
            'A'..='Z' => letter.to_ascii_lowercase(),
            'á' | 'å' | 'ä' => 'a',
            'é' | 'É' => 'e',
            'í' | 'ï' => 'i',
            'ó' | 'Ó' | 'ö' => 'o',
            'ú' | 'ü' => 'u',
            'ñ' => 'n',
            'Ç' => 'c',
            'ø' => 'o',
            _ => continue,
        };
        out.push(plain);
    }
}

/// North American area codes for which libphonenumber accepts 555-0100 to 555-0199. These numbers
/// are reserved for fiction.
const AREAS: [u16; 276] = [
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 220, 223,
    224, 225, 228, 229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270,
    272, 276, 281, 301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318,
    319, 320, 321, 323, 325, 330, 331, 334, 336, 337, 339, 347, 351, 352, 360, 361, 386, 401, 402,
    404, 405, 406, 407, 408, 409, 410, 412, 413, 414, 415, 417, 419, 423, 424, 425, 430, 432, 434,
    435, 440, 443, 469, 470, 475, 478, 479, 480, 484, 501, 502, 503, 504, 505, 507, 508, 509, 510,
    512, 513, 515, 516, 517, 518, 520, 530, 540, 541, 551, 559, 561, 562, 563, 567, 570, 571, 573,
    574, 575, 580, 585, 586, 601, 602, 603, 605, 606, 607, 608, 609, 610, 612, 614, 615, 616, 617,
    618, 619, 620, 623, 626, 630, 631, 636, 641, 646, 650, 651, 660, 661, 662, 678, 682, 701, 702,
    703, 704, 706, 707, 708, 712, 713, 714, 715, 716, 717, 718, 719, 720, 724, 727, 731, 732, 734,
    740, 754, 757, 760, 763, 765, 770, 772, 773, 774, 775, 781, 785, 786, 801, 802, 803, 804, 805,
    806, 808, 810, 812, 813, 814, 815, 816, 817, 818, 828, 830, 831, 832, 843, 845, 847, 848, 850,
    856, 857, 858, 859, 860, 862, 863, 864, 865, 870, 901, 903, 904, 906, 907, 908, 909, 910, 912,
    913, 914, 915, 916, 917, 918, 919, 920, 925, 928, 931, 936, 937, 940, 941, 949, 951, 952, 954,
    956, 970, 971, 972, 973, 978, 979, 980, 985, 989,
];

/// Number of different phone numbers.
pub(crate) const PHONES: u64 = AREAS.len() as u64 * 100;

/// The phone number with this index, in one of several common formats.
pub(crate) fn phone(index: u64, style: u64) -> String {
    let index = index % PHONES;
    let area = AREAS[usize::try_from(index / 100).unwrap_or(0)];
    let line = 100 + index % 100;
    match style % 4 {
        0 => format!("+1{area}5550{line}"),
        1 => format!("({area}) 555-0{line}"),
        2 => format!("{area}-555-0{line}"),
        _ => format!("+1 {area} 555 0{line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phone_number_is_valid_in_every_format() {
        for index in (0..PHONES).step_by(100).chain(0..100) {
            for style in 0..4 {
                let text = phone(index, style);
                let parsed =
                    phonenumber::parse(Some(phonenumber::country::US), &text).expect("parses");
                assert!(phonenumber::is_valid(&parsed), "{text}");
                let full = phonenumber::parse(None, phone(index, 0)).expect("parses");
                assert_eq!(full.national().value(), parsed.national().value());
            }
        }
    }

    #[test]
    fn mail_addresses_are_plain() {
        for number in 0..2_000u64 {
            let mut out = String::new();
            mail_part(&given(mix(1, Draw::StudentName, number, 0)), &mut out);
            mail_part(&family(mix(1, Draw::FamilyName, number, 0)), &mut out);
            assert!(out.len() > 3 && out.bytes().all(|b| b.is_ascii_lowercase()), "{out}");
        }
    }
}
