//! The ids of the rule book, as values that a change or a finding can carry.

use serde::{Deserialize, Serialize};

macro_rules! rules {
    ($($name:ident = $id:literal, $text:literal;)*) => {
        /// A rule of the rule book. Serialised as its id, `R-M1`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Rule { $(#[doc = $text] #[serde(rename = $id)] $name,)* }

        impl Rule {
            /// Every rule that the code knows.
            pub const ALL: &'static [Rule] = &[$(Rule::$name,)*];

            /// The id as the rule book writes it.
            pub fn id(self) -> &'static str { match self { $(Rule::$name => $id,)* } }

            /// What it says, in a few words.
            pub fn text(self) -> &'static str { match self { $(Rule::$name => $text,)* } }
        }
    };
}

rules! {
    M1 = "R-M1", "the mirror follows the source";
    M3 = "R-M3", "a class keeps the source's name";
    M5 = "R-M5", "administrators never come from a source";
    M6 = "R-M6", "an older snapshot never follows a newer one";
    M7 = "R-M7", "demographics only where the policy says so";
    M8 = "R-M8", "groups by demographic value";
    S1 = "R-S1", "a student comes in with an e-mail and an active class";
    S2 = "R-S2", "every shared student comes in";
    T1 = "R-T1", "every shared teacher has an account";
    T2 = "R-T2", "a class has one primary teacher, first";
    T5 = "R-T5", "more co-teachers than the source's limit";
    T7 = "R-T7", "a role in a class that the person does not have";
    C1 = "R-C1", "a class for every shared section";
    C3 = "R-C3", "custom data made in the source is source data";
    C4 = "R-C4", "a class without teacher, student or current term is inactive";
    G1 = "R-G1", "a guardian comes in with a unique contact";
    G2 = "R-G2", "one guardian under several ids";
    G3 = "R-G3", "relationships wait for both sides";
    A1 = "R-A1", "gone from the source";
    A2 = "R-A2", "an abandoned family, softly";
    A3 = "R-A3", "an abandoned family, completely";
    A4 = "R-A4", "who comes back gets the same account";
    A5 = "R-A5", "a class or a teacher gone from the source";
    A6 = "R-A6", "a school no longer shared";
    I1 = "R-I1", "an account's id never changes";
    I2 = "R-I2", "the same person under a new id";
    I3 = "R-I3", "a link made by support";
    I5 = "R-I5", "one e-mail, two people";
    H1 = "R-H1", "a dangerous run is held";
    H2 = "R-H2", "a held run is decided by a person";
    H3 = "R-H3", "unsafe data never becomes a plan";
}
