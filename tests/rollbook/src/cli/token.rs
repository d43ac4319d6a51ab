//! `token`: prints an API token like those of an identity provider.

use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use roster::id::DistrictId;
use stack::{Claims, Issuer};

use super::outcome::print;
use super::{End, Fault, Place, district_id};

/// The roles of the API.
const ROLES: [&str; 8] = [
    "operator",
    "support",
    "district_leader",
    "school_leader",
    "teacher",
    "users_manager",
    "guardian",
    "application",
];

/// Arguments of `token`.
#[derive(Debug, Args)]
pub(super) struct Token {
    /// The caller's role
    #[arg(long, value_parser = PossibleValuesParser::new(ROLES))]
    role: String,
    /// The caller's district; the token is valid for no other
    #[arg(long, value_name = "ID", value_parser = district_id)]
    district: DistrictId,
    /// The mirror id of one of the caller's schools; can be repeated
    #[arg(long = "school", value_name = "ID")]
    schools: Vec<String>,
    /// The mirror id of the caller's own record, for a teacher or a guardian
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// The caller's name; stored with every change made with this token [default: local-ROLE]
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Hours until the token expires
    #[arg(
        long,
        default_value_t = 12,
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u64).range(1..=8_760)
    )]
    hours: u64,
    #[command(flatten)]
    place: Place,
}

impl Token {
    pub(super) fn run(self) -> Result<End, Fault> {
        let (folder, _) = self.place.folder();
        let mut claims = self
            .schools
            .iter()
            .fold(Claims::new(&self.role, self.district.as_str()), |claims, id| claims.school(id));
        if let Some(record) = &self.record {
            claims = claims.record(record);
        }
        if let Some(subject) = &self.subject {
            claims = claims.subject(subject);
        }
        let issuer = Issuer::open(&folder)?;
        print(&issuer.token(&claims, Duration::from_secs(self.hours * 3600))?)?;
        Ok(End::Done)
    }
}
