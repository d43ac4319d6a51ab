//! A small district's set of files that tests change and import. All names are invented.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "every test file uses its part of this"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Cursor, Read, Write as _};

use jiff::civil::Date;
use roster::finding::Finding;
use roster::policy::Policy;
use roster::records::{Class, Course, Guardian, RecordKind, School, Student, Teacher, Term};
use roster::report::FindingList;
use roster::settings::SourceSettings;
use roster::snapshot::{PartName, SnapshotSink, UnreadableRecord};
use serde::{Serialize, de::DeserializeOwned};
use sources::oneroster_csv::{
    FolderPackage, Job, Limits, OpenError, OpenNamed, Package, PackagedFile, Refusal, ZipPackage,
    import,
};
use sources::{Import, ImportError};

pub const TODAY: Date = Date::constant(2026, 10, 1);

pub struct Set {
    pub files: Vec<(String, Vec<u8>)>,
    pub settings: SourceSettings,
    pub policy: Policy,
    pub today: Date,
    pub has_base: bool,
    earlier: Vec<Vec<(String, Vec<u8>)>>,
}

const MANIFEST: &str = "propertyName,value
manifest.version,1.0
oneroster.version,1.1
file.academicSessions,bulk
file.categories,absent
file.classes,bulk
file.classResources,absent
file.courses,bulk
file.courseResources,absent
file.demographics,bulk
file.enrollments,bulk
file.lineItems,absent
file.orgs,bulk
file.resources,absent
file.results,absent
file.users,bulk
source.systemName,Invented SIS
source.systemCode,1
";

const ORGS: &str = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId
d1,,,Lantern Unified,district,,
s1,,,Harbor School,school,NC-1,d1
s2,,,Meadow School,school,NC-2,d1
";

const SESSIONS: &str =
    "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear
y27,,,2026-27,schoolYear,2026-08-01,2027-07-01,,2027
t1,,,Fall,term,2026-08-01,2027-01-15,y27,2027
";

const COURSES: &str =
    "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes
co1,,,y27,Reading,RD,03,s1,English,01001
";

const CLASSES: &str = "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods
c1,,,Reading A,03,co1,RD-1,scheduled,Room 4,s1,t1,English,01001,\"1,3\"
c2,,,Reading B,03,co1,RD-2,scheduled,,s2,t1,English,01001,1
";

const USERS: &str = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password
te1,,,true,\"s1,s2\",teacher,ovale,,Orla,Vale,,T-1,Orla.Vale@lantern.example,,,,,
st1,,,true,s1,student,pmoss,{LDAP:pmoss},Perrin,Moss,J,1001,pmoss@lantern.example,,,gu1,03,
st2,,,true,s2,student,dfenn,,Dita,Fenn,,1002,dfenn@lantern.example,,,gu1,03,
gu1,,,true,s1,parent,rmoss,,Runa,Moss,,,runa@mail.example,(312) 555-0142,,\"st1,st2\",,
";

const ENROLLMENTS: &str =
    "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate
e1,,,c1,s1,te1,teacher,true,,
e2,,,c1,s1,st1,student,false,2026-08-20,
e3,,,c2,s2,te1,teacher,true,,
e4,,,c2,s2,st2,student,,,
";

const DEMOGRAPHICS: &str = "sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,hispanicOrLatinoEthnicity,countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,publicSchoolResidenceStatus
st1,,,2018-02-03,female,false,true,false,false,true,,false,,,,
";

const USERS_12: &str = "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns
te1,,,true,ovale,,Orla,Vale,,T-1,orla.vale@lantern.example,,,,,,,,,,s2,
st1,,,true,pmoss,,Perrin,Moss,,1001,pmoss@lantern.example,,,gu1,03,,,Perry,,,s1,
st2,,,true,dfenn,,Dita,Fenn,,1002,dfenn@lantern.example,,,gu1,\"03,04\",,,,,,,
gu1,,,true,rmoss,,Runa,Moss,,,runa@mail.example,,,\"st1,st2\",,,,,,,,
";

const ROLES: &str =
    "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId
r1,,,te1,secondary,teacher,,,s1,
r2,,,te1,primary,teacher,,,s2,
r3,,,st1,primary,student,2026-08-01,2027-07-01,s1,
r4,,,st2,primary,student,,,s2,
r5,,,gu1,primary,parent,,,s1,
";

pub fn sis() -> Policy {
    Policy::from_preset("sis", &serde_json::Map::new()).unwrap()
}

impl Set {
    /// A valid set of 1.1.
    pub fn valid() -> Self {
        Self::of(&[
            ("manifest.csv", MANIFEST),
            ("orgs.csv", ORGS),
            ("academicSessions.csv", SESSIONS),
            ("courses.csv", COURSES),
            ("classes.csv", CLASSES),
            ("users.csv", USERS),
            ("enrollments.csv", ENROLLMENTS),
            ("demographics.csv", DEMOGRAPHICS),
        ])
    }

    /// The same set as 1.2.
    pub fn valid_1_2() -> Self {
        let more = "file.lineItemLearningObjectiveIds,absent\nfile.lineItemScoreScales,absent\nfile.resultLearningObjectiveIds,absent\n\
            file.resultScoreScales,absent\nfile.roles,bulk\nfile.scoreScales,absent\nfile.userProfiles,absent\nfile.userResources,absent\n";
        Self::valid()
            .file("manifest.csv", &(MANIFEST.replace("version,1.1", "version,1.2") + more))
            .file("users.csv", USERS_12)
            .file("roles.csv", ROLES)
    }

    pub fn of(files: &[(&str, &str)]) -> Self {
        Self {
            files: files
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
                .collect(),
            settings: SourceSettings::default(),
            policy: sis(),
            today: TODAY,
            has_base: false,
            earlier: Vec::new(),
        }
    }

    /// A delta set: the manifest lists these files as delta and all others as absent.
    pub fn delta(files: &[(&str, &str)]) -> Self {
        let manifest = MANIFEST.replace(",bulk", ",absent");
        let manifest = files.iter().fold(manifest, |manifest, (name, _)| {
            let stem = name.trim_end_matches(".csv");
            manifest.replace(&format!("file.{stem},absent"), &format!("file.{stem},delta"))
        });
        files.iter().fold(Self::of(&[("manifest.csv", &manifest)]), |set, (name, rows)| {
            set.file(name, &(header(name) + rows))
        })
    }

    /// Adds or replaces a file.
    pub fn file(self, name: &str, text: &str) -> Self {
        self.bytes(name, text.as_bytes().to_vec())
    }

    pub fn bytes(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.files.retain(|(n, _)| n != name);
        self.files.push((name.to_owned(), bytes));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.files.retain(|(n, _)| n != name);
        self
    }

    /// Appends rows to a file.
    pub fn rows(self, name: &str, rows: &str) -> Self {
        let text = self.text(name) + rows + "\n";
        self.file(name, &text)
    }

    /// Replaces a text in a file.
    pub fn change(self, name: &str, from: &str, to: &str) -> Self {
        let text = self.text(name);
        assert!(text.contains(from), "{name} does not hold {from}");
        let text = text.replace(from, to);
        self.file(name, &text)
    }

    pub fn text(&self, name: &str) -> String {
        let (_, bytes) = self.files.iter().find(|(n, _)| n == name).unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    }

    pub fn setting(mut self, change: impl FnOnce(&mut SourceSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    pub fn preset(mut self, name: &str) -> Self {
        self.policy = Policy::from_preset(name, &serde_json::Map::new()).unwrap();
        self
    }

    /// Imports the set over earlier sets, oldest first.
    pub fn after(mut self, earlier: Vec<Set>) -> Self {
        self.earlier = earlier.into_iter().map(|set| set.files).collect();
        self
    }

    pub fn with_base(mut self) -> Self {
        self.has_base = true;
        self
    }

    pub fn zip(&self) -> Vec<u8> {
        zip(&self.files)
    }

    pub fn import(self) -> Outcome {
        self.import_bytes(None)
    }

    /// Imports these bytes instead of the set's own zip.
    pub fn import_bytes(self, bytes: Option<Vec<u8>>) -> Outcome {
        let bytes = bytes.unwrap_or_else(|| self.zip());
        let newest = ZipPackage::open(Cursor::new(bytes), &Limits::default());
        let newest = match newest {
            Ok(package) => package,
            Err(OpenError::Refused(refusal)) => return Outcome::refused_by(refusal),
            Err(OpenError::Read(error)) => panic!("{error}"),
        };
        let mut packages: Vec<Box<dyn Package>> = Vec::new();
        for files in &self.earlier {
            packages.push(Box::new(
                ZipPackage::open(Cursor::new(zip(files)), &Limits::default()).unwrap(),
            ));
        }
        packages.push(Box::new(newest));
        self.run(packages)
    }

    pub fn import_folder(self) -> Outcome {
        let files = self
            .files
            .iter()
            .map(|(name, bytes)| PackagedFile { name: name.clone(), size: bytes.len() as u64 })
            .collect();
        let package = FolderPackage::new(files, Opener(self.files.clone()));
        self.run(vec![Box::new(package)])
    }

    pub fn run(&self, packages: Vec<Box<dyn Package>>) -> Outcome {
        let mut sink = Lines::default();
        let job = Job {
            packages,
            has_base: self.has_base,
            settings: &self.settings,
            policy: &self.policy,
            today: self.today,
            progress: None,
        };
        let import = import(job, &mut sink);
        let mut outcome = Outcome { lines: sink.0, ..Outcome::default() };
        match import {
            Ok(Import::Staged(staged)) => {
                outcome.enrollments = Some(staged.enrollments);
                outcome.findings = staged.findings;
                outcome.check_lines();
            }
            Ok(Import::Refused(refused)) => {
                outcome.refused = true;
                outcome.findings = refused.findings;
                assert!(outcome.lines.is_empty(), "a refused set emits nothing");
            }
            Err(ImportError::NeedsBase) => outcome.needs_base = true,
            Err(error) => panic!("the set can be read: {error}"),
        }
        outcome
    }
}

/// The header line of a file of the valid set.
pub fn header(name: &str) -> String {
    let set = if name == "roles.csv" { Set::valid_1_2() } else { Set::valid() };
    set.text(name).lines().next().unwrap().to_owned() + "\n"
}

struct Opener(Vec<(String, Vec<u8>)>);

impl OpenNamed for Opener {
    fn open(&mut self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        let (_, bytes) = self.0.iter().find(|(n, _)| n == name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(&bytes[..]))
    }
}

pub fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[derive(Default)]
struct Lines(BTreeMap<PartName, Vec<String>>);

impl SnapshotSink for Lines {
    fn line(&mut self, part: PartName, json: &[u8]) -> io::Result<()> {
        self.0.entry(part).or_default().push(String::from_utf8(json.to_vec()).unwrap());
        Ok(())
    }
}

#[derive(Default)]
pub struct Outcome {
    pub refused: bool,
    pub needs_base: bool,
    pub enrollments: Option<u64>,
    pub findings: FindingList,
    pub lines: BTreeMap<PartName, Vec<String>>,
}

impl Outcome {
    fn refused_by(refusal: Refusal) -> Self {
        let mut outcome = Self { refused: true, ..Self::default() };
        outcome.findings.push(*refusal.0);
        outcome
    }

    /// The findings, one per line.
    pub fn found(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings.findings {
            text.push_str(&render(finding));
        }
        text.trim_end().to_owned()
    }

    /// The findings of one code.
    pub fn found_of(&self, code: &str) -> String {
        let of_code = self.findings.findings.iter().filter(|finding| finding.code == code);
        of_code.map(render).collect::<String>().trim_end().to_owned()
    }

    pub fn codes(&self) -> Vec<&str> {
        self.findings.totals.keys().map(String::as_str).collect()
    }

    /// The lines of a kind.
    pub fn records(&self, kind: RecordKind) -> String {
        self.part(PartName::Records(kind))
    }

    pub fn unreadable(&self) -> String {
        self.part(PartName::Unreadable)
    }

    pub fn part(&self, part: PartName) -> String {
        self.lines.get(&part).map(|lines| lines.join("\n")).unwrap_or_default()
    }

    /// The number of records of each kind.
    pub fn counts(&self) -> String {
        let mut text = String::new();
        for kind in RecordKind::ALL {
            let count = self.lines.get(&PartName::Records(kind)).map_or(0, Vec::len);
            let _ = write!(text, "{} {count}  ", kind.name());
        }
        text.trim_end().to_owned()
    }

    /// The records of a kind, parsed.
    pub fn all<T: DeserializeOwned>(&self, kind: RecordKind) -> Vec<T> {
        let lines = self.lines.get(&PartName::Records(kind)).cloned().unwrap_or_default();
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn student(&self, id: &str) -> Student {
        self.all::<Student>(RecordKind::Student)
            .into_iter()
            .find(|student| student.id.as_str() == id)
            .unwrap()
    }

    pub fn teacher(&self, id: &str) -> Teacher {
        self.all::<Teacher>(RecordKind::Teacher)
            .into_iter()
            .find(|teacher| teacher.id.as_str() == id)
            .unwrap()
    }

    pub fn class(&self, id: &str) -> Class {
        self.all::<Class>(RecordKind::Class)
            .into_iter()
            .find(|class| class.id.as_str() == id)
            .unwrap()
    }

    pub fn ids(&self, kind: RecordKind) -> Vec<String> {
        let lines = self.lines.get(&PartName::Records(kind)).cloned().unwrap_or_default();
        let mut ids: Vec<String> = lines
            .iter()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        ids.sort();
        ids
    }

    /// Checks that every line is in serde's form, and every part in the order of the table.
    fn check_lines(&self) {
        fn check<T: Serialize + DeserializeOwned>(line: &str) {
            let value: T = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert_eq!(serde_json::to_string(&value).unwrap(), line);
        }
        for (part, lines) in &self.lines {
            for line in lines {
                match part {
                    PartName::Records(RecordKind::School) => check::<School>(line),
                    PartName::Records(RecordKind::Term) => check::<Term>(line),
                    PartName::Records(RecordKind::Course) => check::<Course>(line),
                    PartName::Records(RecordKind::Class) => check::<Class>(line),
                    PartName::Records(RecordKind::Teacher) => check::<Teacher>(line),
                    PartName::Records(RecordKind::Student) => check::<Student>(line),
                    PartName::Records(RecordKind::Guardian) => check::<Guardian>(line),
                    PartName::Unreadable => check::<UnreadableRecord>(line),
                    PartName::Findings => check::<Finding>(line),
                }
            }
            if let PartName::Records(_) = part {
                let id = |line: &str| {
                    serde_json::from_str::<serde_json::Value>(line).unwrap()["id"]
                        .as_str()
                        .unwrap()
                        .to_owned()
                };
                assert!(
                    lines
                        .windows(2)
                        .all(|w| roster::id::table_order(&id(&w[0]), &id(&w[1])).is_lt()),
                    "order of {part:?}"
                );
            }
        }
        let memberships: usize = self
            .all::<Class>(RecordKind::Class)
            .iter()
            .map(|c| c.teachers.len() + c.students.len())
            .sum();
        assert_eq!(self.enrollments, Some(memberships as u64));
        let listed = self.lines.get(&PartName::Findings).map_or(0, Vec::len);
        assert_eq!(
            self.findings.totals.values().map(|total| total.count).sum::<u64>(),
            listed as u64
        );
    }
}

fn render(finding: &Finding) -> String {
    let severity = serde_json::to_value(finding.severity).unwrap();
    let mut text = format!("{} {}", severity.as_str().unwrap(), finding.code);
    if let Some(place) = &finding.place {
        let _ = write!(text, " {}", place.file);
        if let Some(line) = place.line {
            let _ = write!(text, ":{line}");
        }
        if let Some(column) = &place.column {
            let _ = write!(text, " {column}");
        }
    }
    if let Some(entity) = &finding.entity {
        let _ = write!(text, " [{} {}]", entity.kind, entity.id.as_str());
    }
    let _ = writeln!(text, ": {}", finding.message);
    text
}

/// The part of a kind by its name.
pub fn records(kind: &str) -> PartName {
    PartName::all().find(|part| part.name() == kind).unwrap()
}
