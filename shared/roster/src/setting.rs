//! The description of a setting, from which `SETTINGS.md` is generated.

use crate::rule::Rule;

/// The description of one setting, for SETTINGS.md.
#[derive(Debug)]
pub struct Setting {
    /// The name in JSON.
    pub name: &'static str,
    /// The values that it accepts.
    pub values: Values,
    /// What it changes, in full sentences.
    pub effect: &'static str,
    /// The rules that depend on it.
    pub rules: &'static [Rule],
}

/// The values that a setting accepts.
#[derive(Debug)]
pub enum Values {
    /// One of these JSON strings. Each has a sentence that says what it does.
    OneOf(&'static [(&'static str, &'static str)]),
    /// Anything that fits this description, a phrase without a full stop.
    Described(&'static str),
}
