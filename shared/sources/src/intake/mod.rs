//! The one roster that every source fills, and the way from it to the lines of a snapshot.
//!
//! A source reads its own format and puts what it finds into the `roster`: ids (`ids`) are kept
//! once and numbered, texts lie in one arena (`texts`), an enrollment takes 24 bytes. `relationships`,
//! `seats` and `assemble` bring together what belongs together; `emit` and `gaps` write the lines,
//! `diagnostics` the findings. Whatever can refuse a source's data is found before the first record is
//! written.

pub(crate) mod assemble;
pub(crate) mod collected;
pub(crate) mod demographics;
pub(crate) mod diagnostics;
mod emit;
pub(crate) mod gaps;
pub(crate) mod ids;
mod index;
mod json;
pub(crate) mod phone;
mod relationships;
mod seats;
mod texts;
pub(crate) mod values;
