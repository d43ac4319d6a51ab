//! The same synthetic district, as files and from a server: the same snapshot.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use districts::{District, File, Night, Size, Version};
use roster::policy::Policy;
use roster::settings::{OneRosterVersion, SourceSettings};
use serde_json::{Map, Value};
use sources::oneroster_csv::{Package, PackagedFile};
use sources::oneroster_rest::Resource;

use crate::support::*;

/// The files of a night in memory. Enrollments are sorted by id as from a server, because the order
/// of co-teachers is that of the source.
struct Files(Vec<PackagedFile>, Vec<Vec<u8>>);

impl Files {
    fn of(night: &Night) -> Self {
        let mut zip = Cursor::new(Vec::new());
        night.write_zip(&mut zip).unwrap();
        let mut zip = zip::ZipArchive::new(zip).unwrap();
        let mut files = Self(Vec::new(), Vec::new());
        for number in 0..zip.len() {
            let mut file = zip.by_index(number).unwrap();
            let (name, mut text) = (file.name().unwrap().into_owned(), String::new());
            file.read_to_string(&mut text).unwrap();
            if name == "enrollments.csv" {
                let mut lines: Vec<&str> = text.split_inclusive("\r\n").collect();
                lines[1..].sort_by_key(|line| line.split(',').next());
                text = lines.concat();
            }
            files.0.push(PackagedFile { name, size: text.len() as u64 });
            files.1.push(text.into_bytes());
        }
        files
    }
}

impl Package for Files {
    fn files(&self) -> &[PackagedFile] {
        &self.0
    }

    fn open(&mut self, index: usize) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(&self.1[index][..]))
    }
}

fn from_files(night: &Night, settings: &SourceSettings, policy: &Policy) -> Snapshot {
    let job = sources::oneroster_csv::Job {
        packages: vec![Box::new(Files::of(night))],
        has_base: false,
        settings,
        policy,
        today: TODAY,
        progress: None,
    };
    let mut lines = Lines::default();
    let sources::Import::Staged(staged) = sources::oneroster_csv::import(job, &mut lines).unwrap()
    else {
        panic!("refused");
    };
    Snapshot { lines, findings: staged.findings, refused: false, enrollments: staged.enrollments }
}

async fn from_server(night: &Night, mut world: World) -> Snapshot {
    if night.version() == Version::V1_2 {
        world.oneroster.version = OneRosterVersion::V1p2;
        world.oneroster.url = "https://sis.example.org/ims/oneroster/rostering/v1p2".into();
    }
    world.oneroster.page_size = 100;
    for list in Resource::ALL {
        let file = File::ALL.into_iter().find(|file| file.name() == list.name()).unwrap();
        let mut records: Vec<(String, Arc<str>)> = Vec::new();
        night.objects(file, |id, object| records.push((id.to_owned(), object.to_string().into())));
        world.server.put_all(list, records);
    }
    world.snapshot().await
}

/// Returns findings without their place (a file's name and line, or a list's name and number), and
/// without those that only files have.
fn codes(snapshot: &Snapshot) -> Vec<(&str, u64)> {
    let totals = snapshot.findings.totals.iter();
    let of_files = ["status_in_bulk", "byte_order_mark", "password_filled"];
    totals
        .map(|(code, total)| (code.as_str(), total.count))
        .filter(|(code, _)| !of_files.contains(code))
        .collect()
}

#[tokio::test]
async fn files_and_server_give_the_same_snapshot_bytes() {
    let metadata = [
        ("state_id", "metadata.stateId"),
        ("ell", "metadata.ell"),
        ("frl", "metadata.frl"),
        ("iep", "metadata.iep"),
    ];
    for version in [Version::V1_1, Version::V1_2] {
        for preset in ["sis", "family-directory"] {
            for night in [0, 3] {
                let night = District::new(Size::students(400))
                    .version(version)
                    .metadata(true)
                    .churn(5.0)
                    .night(night);
                let world = World::new().read_by(preset, &metadata);
                let policy = Policy::from_preset(preset, &Map::new()).unwrap();
                let files = from_files(&night, &world.source, &policy);
                let server = from_server(&night, world).await;
                for part in files
                    .lines
                    .0
                    .keys()
                    .chain(server.lines.0.keys())
                    .filter(|part| **part != "findings")
                {
                    let (one, other) = (&files.lines.0.get(part), &server.lines.0.get(part));
                    assert!(one == other, "{part} differ in {version:?} under {preset}");
                }
                assert_eq!(codes(&files), codes(&server));
                assert_eq!(files.enrollments, server.enrollments);
                let kinds: Vec<&str> = files
                    .lines
                    .0
                    .keys()
                    .copied()
                    .filter(|part| !matches!(*part, "gaps" | "findings"))
                    .collect();
                assert_eq!(
                    kinds,
                    ["class", "course", "guardian", "school", "student", "teacher", "term"]
                );
            }
        }
    }
}

#[tokio::test]
async fn files_and_server_give_the_same_finding_codes() {
    let world = World::new();
    world.server.put(
        Resource::Users,
        &user("st2", "student", serde_json::json!({ "email": "nobody", "phone": "12" })),
    );
    world.server.put(
        Resource::Enrollments,
        &enrollment("e9", "c1", "st77", "student", serde_json::json!({})),
    );
    let snapshot = world.snapshot().await;
    for (code, list) in [
        ("email_malformed", "users"),
        ("phone_malformed", "users"),
        ("reference_missing", "enrollments"),
    ] {
        assert_eq!((snapshot.count(code), snapshot.found(code).0.as_str()), (1, list), "{code}");
    }
    let lines = snapshot.all("findings");
    assert!(
        lines.iter().all(|line: &Value| !line["place"]["file"]
            .as_str()
            .unwrap_or_default()
            .ends_with(".csv")),
        "{lines:?}"
    );
}
