//! The ids of the rule book. Changes and findings carry them.

use serde::{Deserialize, Serialize};

macro_rules! rules {
    ($($name:ident = $id:literal, $text:literal;)*) => {
        /// A rule of the rule book. Serialized as its id, `R-M1`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Rule { $(#[doc = $text] #[serde(rename = $id)] $name,)* }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Rule] = &[$(Rule::$name,)*];

            /// The id, as in the rule book.
            pub fn id(self) -> &'static str { match self { $(Rule::$name => $id,)* } }

            /// A short description.
            pub fn text(self) -> &'static str { match self { $(Rule::$name => $text,)* } }
        }
    };
}

rules! {
    M1 = "R-M1", "the mirror follows the source";
    M2 = "R-M2", "a manual change to synced data lasts until the next run";
    M3 = "R-M3", "a class keeps the source's name";
    M4 = "R-M4", "a class keeps its custom name";
    M5 = "R-M5", "administrators never come from a source";
    M6 = "R-M6", "an older snapshot never follows a newer one";
    M7 = "R-M7", "demographics are stored only if the policy says so";
    M8 = "R-M8", "groups by demographic value";
    S1 = "R-S1", "a student is admitted with an e-mail address and an active class";
    S2 = "R-S2", "every shared student is admitted";
    S3 = "R-S3", "only the source adds students";
    S4 = "R-S4", "a student added to a synced class by hand";
    S5 = "R-S5", "only students in the school's directory can be added to a class";
    S6 = "R-S6", "what can be changed about a synced student";
    T1 = "R-T1", "every shared teacher has an account";
    T2 = "R-T2", "a class has one primary teacher, listed first";
    T3 = "R-T3", "a co-teacher added by hand who is not in the source";
    T4 = "R-T4", "co-teachers added by hand are all removed or all kept";
    T5 = "R-T5", "more co-teachers than the source supports";
    T6 = "R-T6", "single sign-on is ready after the primary teacher has signed in";
    T7 = "R-T7", "an enrollment with a role that the person does not have";
    C1 = "R-C1", "a class for every shared section";
    C2 = "R-C2", "a manual class and its students are kept";
    C3 = "R-C3", "custom data created in the source is source data";
    C4 = "R-C4", "a class without a teacher, a student or a current term is inactive";
    G1 = "R-G1", "a guardian is admitted with a unique contact";
    G2 = "R-G2", "one guardian with several ids";
    G3 = "R-G3", "a relationship needs both people";
    G4 = "R-G4", "a guardian added by hand or by a join code is kept";
    G5 = "R-G5", "invited users follow the source, active users own their data";
    G6 = "R-G6", "the source wins for everyone";
    A1 = "R-A1", "no longer in the source";
    A2 = "R-A2", "an abandoned family leaves its active classes";
    A3 = "R-A3", "an abandoned family leaves all classes and the school";
    A4 = "R-A4", "a person who returns gets the same account";
    A5 = "R-A5", "a class or a teacher is no longer in the source";
    A6 = "R-A6", "a school is no longer shared";
    I1 = "R-I1", "an account's id never changes";
    I2 = "R-I2", "the same person with a new id";
    I3 = "R-I3", "a link made by support";
    I4 = "R-I4", "a temporary e-mail address for signing in";
    I5 = "R-I5", "two people with one e-mail address";
    P1 = "R-P1", "a pin holds until its date";
    H1 = "R-H1", "a dangerous run is held";
    H2 = "R-H2", "a person decides about a held run";
    H3 = "R-H3", "unsafe data never becomes a plan";
    H4 = "R-H4", "a run can be undone, a snapshot restored";
    H5 = "R-H5", "only what tripped a guard waits";
    O1 = "R-O1", "a notification that a district shares data";
    O2 = "R-O2", "configured, reviewed, live";
    O3 = "R-O3", "data outside the scope is not read";
    O4 = "R-O4", "one pull each night";
    O5 = "R-O5", "a sync can be switched off and on";
    O6 = "R-O6", "a district can be erased";
    X1 = "R-X1", "why a record is not here";
    X2 = "R-X2", "which run changed what";
}
