//! `token`: what an identity provider would give a person or an application.

use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use roster::id::DistrictId;
use stack::{Claims, Issuer};

use super::outcome::print;
use super::{End, Fault, Place, district_id};

/// The roles that the API knows.
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

/// For whom, and where.
#[derive(Debug, Args)]
pub(super) struct Token {
    /// What the bearer may do
    #[arg(long, value_parser = PossibleValuesParser::new(ROLES))]
    role: String,
    /// The bearer's district; a token is good for no other
    #[arg(long, value_name = "ID", value_parser = district_id)]
    district: DistrictId,
    /// A school of the bearer's, as the mirror names it; may be given several times
    #[arg(long = "school", value_name = "ID")]
    schools: Vec<String>,
    /// The bearer's own record, for a teacher or guardian: its id in the mirror
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// Who the bearer is; kept on record with whatever is done with the token [default: local-ROLE]
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// How long it is good for
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
