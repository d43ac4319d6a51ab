//! `token`: a token as an identity provider would issue it.

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
    /// The bearer's role
    #[arg(long, value_parser = PossibleValuesParser::new(ROLES))]
    role: String,
    /// The bearer's district; the token is valid for no other
    #[arg(long, value_name = "ID", value_parser = district_id)]
    district: DistrictId,
    /// A school of the bearer, by its mirror id; can be given several times
    #[arg(long = "school", value_name = "ID")]
    schools: Vec<String>,
    /// The bearer's own record (teacher or guardian), by its mirror id
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// The bearer's name in the record of every change made with the token [default: local-ROLE]
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Hours until the token expires
    #[arg(long, default_value_t = 12, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=8_760))]
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
