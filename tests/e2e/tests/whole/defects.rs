//! Every defect of district files, read by the OneRoster import: refused exactly where it must be,
//! and all data that is not read is reported as unknown, never as removed (R-H3).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor};

use districts::{Defect, District, Night, Size, Version};
use roster::policy::Policy;
use roster::records::RecordKind;
use roster::report::FindingList;
use roster::settings::{DateOrder, SourceSettings};
use roster::snapshot::{PartName, SnapshotSink, UnreadableRecord};
use serde_json::{Map, Value};
use sources::Import;
use sources::oneroster_csv::{Job, Limits, OpenError, ZipPackage, import};

#[derive(Default)]
struct Lines(BTreeMap<PartName, Vec<Value>>);

impl SnapshotSink for Lines {
    fn line(&mut self, part: PartName, json: &[u8]) -> io::Result<()> {
        self.0.entry(part).or_default().push(serde_json::from_slice(json)?);
        Ok(())
    }
}

/// Changes one setting of a source.
type Setting = fn(&mut SourceSettings);

/// Result of importing a set.
struct Read {
    refused: bool,
    findings: FindingList,
    records: BTreeSet<(RecordKind, String)>,
    /// Class id and person id of every enrollment.
    enrollments: BTreeSet<(String, String)>,
    unreadable: Vec<UnreadableRecord>,
}

fn read(night: &Night, settings: &SourceSettings) -> Read {
    let mut zip = Cursor::new(Vec::new());
    night.write_zip(&mut zip).expect("writing to memory");
    let mut read = Read {
        refused: true,
        findings: FindingList::default(),
        records: BTreeSet::new(),
        enrollments: BTreeSet::new(),
        unreadable: Vec::new(),
    };
    zip.set_position(0);
    let package = match ZipPackage::open(zip, &Limits::default()) {
        Ok(package) => package,
        Err(OpenError::Refused(refusal)) => {
            read.findings.push(*refusal.0);
            return read;
        }
        Err(OpenError::Read(error)) => panic!("reading from memory: {error}"),
    };
    let policy = Policy::from_preset("clever", &Map::new()).expect("a preset");
    let job = Job {
        packages: vec![Box::new(package)],
        has_base: false,
        settings,
        policy: &policy,
        today: night.date(),
        progress: None,
    };
    let mut sink = Lines::default();
    match import(job, &mut sink).expect("no fault") {
        Import::Staged(staged) => (read.refused, read.findings) = (false, staged.findings),
        Import::Refused(refused) => read.findings = refused.findings,
    }
    for (part, lines) in sink.0 {
        for line in lines {
            let id = line["id"].as_str().unwrap_or_default().to_owned();
            match part {
                PartName::Unreadable => read
                    .unreadable
                    .push(serde_json::from_value(line).expect("an unreadable record")),
                PartName::Findings => {}
                PartName::Records(kind) => {
                    for role in ["teachers", "students"] {
                        for enrollment in line[role]
                            .as_array()
                            .into_iter()
                            .flatten()
                            .filter(|_| kind == RecordKind::Class)
                        {
                            // An enrollment with only a person is plain text.
                            let person = enrollment
                                .as_str()
                                .or_else(|| enrollment["id"].as_str())
                                .expect("an enrollment has a person");
                            read.enrollments.insert((id.clone(), person.to_owned()));
                        }
                    }
                    read.records.insert((kind, id));
                }
            }
        }
    }
    read
}

impl Read {
    fn codes(&self) -> Vec<&str> {
        self.findings.totals.keys().map(String::as_str).collect()
    }

    fn is_unknown(&self, of: RecordKind, key: &str) -> bool {
        self.unreadable.iter().any(|record| match record {
            UnreadableRecord::Record { kind, id, .. } => *kind == of && id.as_str() == key,
            UnreadableRecord::Kind { kind } => *kind == of,
            UnreadableRecord::Enrollment { .. } | UnreadableRecord::Demographics { .. } => false,
        })
    }

    fn is_unknown_enrollment(&self, class_id: &str, person_id: &str) -> bool {
        let fits = |id: &Option<roster::id::SourceId>, of: &str| {
            id.as_ref().is_none_or(|id| id.as_str() == of)
        };
        let people = [RecordKind::Student, RecordKind::Teacher];
        self.is_unknown(RecordKind::Class, class_id)
            || people.into_iter().any(|kind| self.is_unknown(kind, person_id))
            || self.unreadable.iter().any(|record| match record {
                UnreadableRecord::Enrollment { class, person } => {
                    fits(class, class_id) && fits(person, person_id)
                }
                UnreadableRecord::Record { .. }
                | UnreadableRecord::Kind { .. }
                | UnreadableRecord::Demographics { .. } => false,
            })
    }
}

fn night(version: Version) -> Night {
    District::new(Size::students(150)).seed(11).version(version).night(0)
}

/// Defects that do not affect the import: valid in CSV or in an edition of the standard, handled by
/// the sync rules, or relevant only to deltas.
const LEGAL: [Defect; 13] = [
    Defect::ResourceColumn,
    Defect::NoLastLineEnd,
    Defect::BlankLines,
    Defect::MixedCaseStatus,
    Defect::InactiveStatus,
    Defect::DateForDateTime,
    Defect::LooseDateTime,
    Defect::EmailsMissing,
    Defect::EmailShared,
    Defect::SessionsWithoutParent,
    Defect::SeveralPrimaries,
    Defect::NoPrimary,
    Defect::HugeClass,
];

/// Defects whose rows are read and remove a person from a class: the row names another person,
/// another class or no class.
const LEAVES_A_CLASS: [Defect; 3] =
    [Defect::DanglingUser, Defect::DanglingClass, Defect::StudentWithoutClasses];

fn version_of(defect: Defect) -> Version {
    match defect {
        Defect::NoRole | Defect::TwoPrimaryRoles | Defect::ResourceColumn => Version::V1_2,
        _ => Version::V1_1,
    }
}

#[test]
fn a_set_without_defects_has_no_warnings() {
    for version in [Version::V1_1, Version::V1_2] {
        let read = read(&night(version), &SourceSettings::default());
        assert!(!read.refused, "{:?}", read.findings);
        assert!(read.unreadable.is_empty());
        // The files contain principals, who get no accounts.
        assert_eq!(read.codes(), ["role_not_rostered"]);
    }
}

#[test]
fn r_h3_every_defect_is_refused_or_imported_without_lost_records() {
    let mut wrong = Vec::new();
    for defect in Defect::ALL {
        let clean = read(&night(version_of(*defect)), &SourceSettings::default());
        let spoiled = read(&night(version_of(*defect)).with(*defect), &SourceSettings::default());
        if spoiled.codes() == clean.codes() && !LEGAL.contains(defect) {
            wrong.push(format!("{defect}: no finding reports it"));
        }
        if spoiled.refused != defect.is_fatal() {
            wrong.push(format!("{defect}: refused is {}", spoiled.refused));
        }
        if spoiled.refused || matches!(defect, Defect::OddIds | Defect::LongIds) {
            continue;
        }
        for (kind, id) in clean
            .records
            .difference(&spoiled.records)
            .filter(|(kind, id)| !spoiled.is_unknown(*kind, id))
        {
            wrong.push(format!("{defect}: {} {id} would be removed", kind.name()));
        }
        let lost: Vec<_> = clean
            .enrollments
            .difference(&spoiled.enrollments)
            .filter(|(class, person)| !spoiled.is_unknown_enrollment(class, person))
            .collect();
        if !lost.is_empty() && !LEAVES_A_CLASS.contains(defect) {
            wrong.push(format!("{defect}: {} enrollments would be removed", lost.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn settings_make_special_formats_readable() {
    let cases: [(Defect, Setting); 4] = [
        (Defect::Windows1252, |settings| settings.fallback_encoding = Some("windows-1252".into())),
        (Defect::UsDates, |settings| settings.date_order = Some(DateOrder::Mdy)),
        (Defect::DayFirstDates, |settings| settings.date_order = Some(DateOrder::Dmy)),
        (Defect::StatusInBulk, |settings| settings.bulk_with_status = true),
    ];
    let clean = read(&night(Version::V1_1), &SourceSettings::default());
    for (defect, set) in cases {
        let mut settings = SourceSettings::default();
        set(&mut settings);
        let read = read(&night(Version::V1_1).with(defect), &settings);
        assert!(!read.refused && read.unreadable.is_empty(), "{defect}: {:?}", read.codes());
        assert!(read.records == clean.records && read.enrollments == clean.enrollments, "{defect}");
    }
}
