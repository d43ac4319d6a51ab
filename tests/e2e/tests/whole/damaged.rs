//! Exports that were damaged by people and programs on their way, each after a good night: what a
//! district would find in the morning. None of them may change the mirror.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use districts::{District, Size};
use e2e::{Application, Night};
use roster::run::RunState;
use roster::settings::Settings;
use roster::verdict::{Verdict, VerdictKind};

/// The files of an export by name.
struct Export(BTreeMap<String, String>);

impl Export {
    fn of(night: &districts::Night) -> Self {
        let files = night.files();
        let names = files.iter().map(|file| format!("{}.csv", file.name()));
        let names = names.chain(["manifest.csv".to_owned()]);
        Self(
            names
                .map(|name| {
                    let bytes = night.bytes_of(&name).expect("a file of the night");
                    (name, String::from_utf8(bytes).expect("UTF-8"))
                })
                .collect(),
        )
    }

    fn text(&mut self, file: &str) -> &mut String {
        self.0.get_mut(file).unwrap_or_else(|| panic!("there is no {file}"))
    }

    /// Changes the rows of a file: `change` gets a row with its columns by name, and returns whether
    /// the row stays.
    fn rows(&mut self, file: &str, mut change: impl FnMut(&mut BTreeMap<String, String>) -> bool) {
        let text = self.text(file);
        let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
        let header = reader.headers().expect("a header").clone();
        let mut writer = WriterBuilder::new().from_writer(Vec::new());
        writer.write_record(&header).expect("memory");
        for row in reader.records() {
            let row = row.expect("a row");
            let mut cells: BTreeMap<String, String> =
                header.iter().zip(&row).map(|(name, cell)| (name.into(), cell.into())).collect();
            if change(&mut cells) {
                let row: StringRecord = header.iter().map(|name| cells[name].as_str()).collect();
                writer.write_record(&row).expect("memory");
            }
        }
        *text = String::from_utf8(writer.into_inner().expect("memory")).expect("UTF-8");
    }

    fn column(&mut self, file: &str, column: &str, change: impl Fn(&str) -> String) {
        self.rows(file, |row| {
            let cell = row.get_mut(column).unwrap_or_else(|| panic!("there is no {column}"));
            *cell = change(cell);
            true
        });
    }

    fn write(&self, folder: &Path) {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).expect("a folder");
        for (name, text) in &self.0 {
            fs::write(folder.join(name), text).expect("a file");
        }
    }
}

/// A damaged export.
struct Damage {
    name: &'static str,
    damage: fn(&mut Export),
    ends: RunState,
    /// Part of the first reason, or of a finding.
    says: &'static str,
}

fn cut(export: &mut Export, file: &str) {
    let text = export.text(file);
    let end = text.len() * 4 / 5;
    // In the middle of a row.
    let end = text[..end].rfind(',').expect("a comma");
    text.truncate(end);
}

const DAMAGES: &[Damage] = &[
    Damage {
        name: "users.csv is cut off in the middle of a row",
        damage: |export| cut(export, "users.csv"),
        ends: RunState::Refused,
        says: "file_cut_off",
    },
    Damage {
        name: "enrollments.csv is cut off in the middle of a row",
        damage: |export| cut(export, "enrollments.csv"),
        ends: RunState::Refused,
        says: "file_cut_off",
    },
    Damage {
        name: "users.csv is cut off at the end of a row, and other files still refer to the rest",
        damage: |export| {
            let text = export.text("users.csv");
            let end = text[..text.len() * 7 / 10].rfind('\n').expect("a line") + 1;
            text.truncate(end);
        },
        ends: RunState::Held,
        says: "guardians are missing from the source, which still refers to them",
    },
    Damage {
        name: "no teacher enrollments",
        damage: |export| export.rows("enrollments.csv", |row| row["role"] != "teacher"),
        ends: RunState::Held,
        says: "the source has no enrollments of teachers",
    },
    Damage {
        name: "last year's terms",
        damage: |export| {
            for column in ["startDate", "endDate"] {
                export.column("academicSessions.csv", column, |date| {
                    date.replace("2026", "2024").replace("2027", "2025")
                });
            }
        },
        ends: RunState::Held,
        says: "active classes of the district would become inactive",
    },
    Damage {
        name: "a wrong year in the end date of every enrollment",
        damage: |export| {
            export.column("enrollments.csv", "beginDate", |_| "2025-08-15".into());
            export.column("enrollments.csv", "endDate", |_| "2026-06-15".into());
        },
        ends: RunState::Held,
        says: "would lose their teachers",
    },
    Damage {
        name: "no class has a school",
        damage: |export| export.column("classes.csv", "schoolSourcedId", |_| String::new()),
        ends: RunState::Held,
        says: "classes in the source cannot be read",
    },
    Damage {
        name: "teachers have a role that is not in the standard",
        damage: |export| {
            export.column("users.csv", "role", |role| role.replace("teacher", "Instructor"));
        },
        ends: RunState::Held,
        says: "teachers in the source cannot be read",
    },
    Damage {
        name: "enrollments use other ids of users",
        damage: |export| {
            export.column("enrollments.csv", "userSourcedId", |id| format!("SIS-{id}"));
        },
        ends: RunState::Held,
        says: "enrollments",
    },
    Damage {
        name: "every parent lost the children",
        damage: |export| export.column("users.csv", "agentSourcedIds", |_| String::new()),
        ends: RunState::Held,
        says: "links between guardians and students",
    },
    Damage {
        name: "all students are gone",
        damage: |export| export.rows("users.csv", |row| row["role"] != "student"),
        ends: RunState::Held,
        says: "students are missing from the source, which still has",
    },
];

async fn upload(application: &Application, damage: &Damage, night: &districts::Night) -> Night {
    let mut export = Export::of(night);
    (damage.damage)(&mut export);
    let folder = application.file("damaged");
    export.write(&folder);
    application.upload(&"oak".into(), &folder, Some(night.date())).await
}

#[tokio::test]
async fn r_h1_a_damaged_export_never_changes_what_people_see() {
    let application = Application::start().await;
    let mut settings = Settings::of_preset("sis");
    settings.overrides.insert("admit_guardians".into(), "unique_contact".into());
    let oak = application.district("oak", settings).await;
    let district = District::new(Size::students(300)).seed(14);
    let good = district.night(0);
    assert_eq!(application.night(&oak, &good).await.state(), RunState::Applied);
    let before = application.mirror(&oak).await;
    for damage in DAMAGES {
        let night = upload(&application, damage, &good).await;
        let name = damage.name;
        assert_eq!(night.state(), damage.ends, "{name}: {:?}", night.report.finding_totals);
        let reasons: Vec<&str> = night.report.holds.iter().map(|hold| &*hold.what).collect();
        let said =
            reasons.iter().any(|reason| reason.contains(damage.says)) || night.found(damage.says);
        assert!(said, "{name}: {reasons:?} {:?}", night.report.finding_totals);
        assert_eq!(application.mirror(&oak).await, before, "{name}");
        let verdict = Verdict::of(&night.report);
        assert!(
            matches!(verdict.kind, VerdictKind::Held | VerdictKind::Refused),
            "{name}: {verdict:?}"
        );
    }
    // The next good export is applied, and changes nothing.
    let again = application.night(&oak, &good).await;
    assert_eq!(
        Verdict::of(&again.report).kind,
        VerdictKind::Unchanged,
        "{:?}",
        again.report.left_out
    );
    assert!(application.failures().is_empty(), "{:?}", application.failures());
}
