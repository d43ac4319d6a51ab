//! Names of demographic values.

/// Races, by the names of OneRoster's columns, in the order of their bits.
pub(crate) const RACES: [&str; 6] = [
    "americanIndianOrAlaskaNative",
    "asian",
    "blackOrAfricanAmerican",
    "nativeHawaiianOrOtherPacificIslander",
    "white",
    "demographicRaceTwoOrMoreRaces",
];
