//! Checks 1, 2 and 8 to 11: the archive and its files.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write as _};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use insta::assert_snapshot;
use sources::oneroster_csv::{Job, Limits, OpenError, Package, ZipPackage, import};
use sources::{Import, ImportError};

use crate::support::{Set, zip};

/// Opens a zip with limits and returns the finding that refuses it.
fn refusal(bytes: Vec<u8>, limits: &Limits) -> String {
    match ZipPackage::open(Cursor::new(bytes), limits) {
        Ok(_) => "opened".into(),
        Err(OpenError::Refused(refusal)) => format!("{}: {}", refusal.0.code, refusal.0.message),
        Err(OpenError::Read(error)) => panic!("{error}"),
    }
}

#[test]
fn check_1_not_a_zip() {
    assert_snapshot!(Set::valid().import_bytes(Some(b"sourcedId,status\n".to_vec())).found(), @"stop zip_unreadable: the upload is a single CSV file, not a zip file with all files. Export again and upload the zip file without changing it.");
}

#[test]
fn check_1_truncated_zip() {
    let bytes = Set::valid().zip();
    let half = bytes[..bytes.len() / 2].to_vec();
    assert_snapshot!(Set::valid().import_bytes(Some(half)).found(), @"stop zip_unreadable: the zip file was cut off: its end is missing. Export again and upload the zip file without changing it.");
}

#[test]
fn check_1_damage_inside_a_member() {
    let mut bytes = Set::valid().zip();
    let at = bytes.len() / 3;
    bytes[at..at + 40].fill(0x5a);
    let outcome = Set::valid().import_bytes(Some(bytes));
    assert!(outcome.refused);
    assert_snapshot!(outcome.found_of("zip_unreadable"), @"stop zip_unreadable classes.csv: the zip file is incomplete or damaged. Export again and upload the zip file without changing it.");
}

#[test]
fn check_1_empty_zip() {
    assert_snapshot!(refusal(zip(&[]), &Limits::default()), @"zip_empty: the zip file contains no files. Export again and check whether the export reports errors.");
    let folder_only = {
        let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_directory("export/", ::zip::write::SimpleFileOptions::default()).unwrap();
        writer.finish().unwrap().into_inner()
    };
    assert_snapshot!(refusal(folder_only, &Limits::default()), @"zip_empty: the zip file contains no files. Export again and check whether the export reports errors.");
}

#[test]
fn check_1_encrypted_zip() {
    // The encryption flag, in every header of the archive.
    let mut bytes = Set::valid().zip();
    for (signature, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let places: Vec<usize> =
            bytes.windows(4).enumerate().filter(|(_, w)| w == signature).map(|(i, _)| i).collect();
        places.into_iter().for_each(|at| bytes[at + flags] |= 1);
    }
    assert_snapshot!(refusal(bytes, &Limits::default()), @"zip_encrypted: the zip file is protected by a password. Export without a password. The upload itself is encrypted.");
}

#[test]
fn check_1_path_traversal() {
    for name in
        ["../users.csv", "a/../../users.csv", "/etc/users.csv", "C:\\users.csv", "..\\users.csv"]
    {
        let bytes = zip(&[(name.to_owned(), b"sourcedId\n".to_vec())]);
        assert!(refusal(bytes, &Limits::default()).starts_with("zip_path"), "{name}");
    }
}

#[test]
fn check_1_duplicate_member_names() {
    let mut bytes =
        zip(&[("users.csv".into(), b"a\n".to_vec()), ("usera.csv".into(), b"b\n".to_vec())]);
    let places: Vec<usize> =
        bytes.windows(9).enumerate().filter(|(_, w)| w == b"usera.csv").map(|(i, _)| i).collect();
    places.into_iter().for_each(|at| bytes[at + 4] = b's');
    assert_snapshot!(refusal(bytes, &Limits::default()), @"zip_duplicate_member: the zip file contains two files with the same name. Keep only one of the two files.");
    assert_snapshot!(Set::valid().file("Users.csv", "sourcedId\n").import().found_of("zip_duplicate_member"), @"stop zip_duplicate_member: the export contains users.csv twice. Keep only one of the two files.");
}

#[test]
fn check_1_too_many_members() {
    let limits = Limits { members: 3, ..Limits::default() };
    assert_snapshot!(refusal(Set::valid().zip(), &limits), @"zip_too_large: the zip file contains 8 entries, more than the limit of 3. Upload only the OneRoster files. If the export really is this large, contact support.");
}

#[test]
fn check_1_zip_bomb_is_detected_by_its_unpacked_size() {
    let run = |limits: Limits, users: Vec<u8>| {
        let set = Set::valid().bytes("users.csv", users);
        let package = ZipPackage::open(Cursor::new(set.zip()), &limits).unwrap();
        set.run(vec![Box::new(package)]).found()
    };
    let mut bomb = Set::valid().text("users.csv").into_bytes();
    bomb.resize(64 << 20, b'\n');
    assert_snapshot!(run(Limits::default(), bomb.clone()), @"stop zip_too_large users.csv: a file unpacks to more than 200 times its packed size. Upload only the OneRoster files. If the export really is this large, contact support.");
    // The size alone counts, whatever the directory declares: its sizes are changed to small ones.
    let limits = Limits { unpacked: 1 << 20, ratio: u64::MAX, ..Limits::default() };
    let set = Set::valid().bytes("users.csv", bomb);
    let mut bytes = set.zip();
    let places: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, w)| w == b"PK\x01\x02").map(|(i, _)| i).collect();
    places
        .into_iter()
        .for_each(|at| bytes[at + 24..at + 28].copy_from_slice(&100_u32.to_le_bytes()));
    let package = ZipPackage::open(Cursor::new(bytes), &limits).unwrap();
    let outcome = set.run(vec![Box::new(package)]);
    assert!(outcome.refused, "{}", outcome.found());
    assert!(outcome.codes().iter().any(|code| code.starts_with("zip_")), "{}", outcome.found());
}

#[test]
fn check_2_all_files_in_one_folder() {
    let mut set = Set::valid();
    for (name, _) in &mut set.files {
        *name = format!("export 2026/{name}");
    }
    let outcome = set.import();
    assert_snapshot!(outcome.found(), @"warn files_in_folder: the files are in a folder inside the zip. Zip the files themselves, not their folder.");
    assert_eq!(
        outcome.lines[&crate::support::records("class")],
        Set::valid().import().lines[&crate::support::records("class")]
    );
}

#[test]
fn check_2_files_in_several_folders() {
    let mut set = Set::valid();
    set.files[3].0 = "more/courses.csv".into();
    assert_snapshot!(set.import().found(), @"stop files_in_several_folders: the files are in several folders inside the zip. Put all files at the top level of the zip.");
}

#[test]
fn archive_files_of_macos_are_skipped() {
    let outcome = Set::valid().file("__MACOSX/._users.csv", "x").file(".DS_Store", "x").import();
    assert_snapshot!(outcome.found(), @r"
    info file_unknown: `__MACOSX/._users.csv` was added by macOS when the files were zipped. The file is ignored. If it is a OneRoster file, correct its name.
    info file_unknown: `.DS_Store` was added by macOS when the files were zipped. The file is ignored. If it is a OneRoster file, correct its name.
    ");
    assert_eq!(outcome.counts(), Set::valid().import().counts());
}

#[test]
fn check_8_listed_but_missing_or_present_but_not_listed() {
    assert_snapshot!(Set::valid().without("users.csv").import().found(), @"stop file_missing users.csv: manifest.csv lists users.csv, but the file is missing. Export again and include this file.");
    assert_snapshot!(Set::valid().without("demographics.csv").import().found(), @"warn file_listed_missing demographics.csv: manifest.csv lists a file that is not in the export. Export again with all files.");
    assert_snapshot!(Set::valid().change("manifest.csv", "file.demographics,bulk", "file.demographics,absent").import().found(), @"warn file_not_listed demographics.csv: the export contains a file that manifest.csv marks as absent or does not list. Export again with a manifest.csv that matches the files.");
    assert_snapshot!(Set::valid().change("manifest.csv", "file.users,bulk", "file.users,absent").import().found(), @"stop manifest_mode users.csv: the export contains users.csv, but manifest.csv marks it as absent. Set the file's property in manifest.csv to bulk or delta.");
}

#[test]
fn check_9_a_needed_file_is_missing() {
    let set = Set::valid().without("users.csv").change(
        "manifest.csv",
        "file.users,bulk",
        "file.users,absent",
    );
    assert_snapshot!(set.without("orgs.csv").change("manifest.csv", "file.orgs,bulk", "file.orgs,absent").import().found(), @r"
    stop file_missing orgs.csv: orgs.csv is missing. Export again and include this file.
    stop file_missing users.csv: users.csv is missing. Export again and include this file.
    ");
    let set = Set::valid_1_2().without("roles.csv").change(
        "manifest.csv",
        "file.roles,bulk",
        "file.roles,absent",
    );
    assert_snapshot!(set.import().found(), @"stop file_missing roles.csv: roles.csv is missing. Export again and include this file.");
}

#[test]
fn check_10_unknown_and_unneeded_files() {
    let set = Set::valid()
        .file("diagnostics.txt", "x")
        .file("enrolments.csv", "x")
        .file("lineItems.csv", "sourcedId\n");
    assert_snapshot!(set.import().found(), @r"
    info file_unknown: the export contains `diagnostics.txt`, which is not a OneRoster file. The file is ignored. If it is a OneRoster file, correct its name.
    info file_unknown: the export contains `enrolments.csv`, which is not a OneRoster file; perhaps enrollments.csv is meant. The file is ignored. If it is a OneRoster file, correct its name.
    info file_not_used: a roster does not need lineItems.csv. Nothing to do: the file is ignored.
    ");
}

#[test]
fn check_11_file_names_in_another_case() {
    let set = Set::valid();
    let text = set.text("academicSessions.csv");
    assert_snapshot!(set.without("academicSessions.csv").file("academicsessions.CSV", &text).import().found(), @"warn file_name_case: `academicsessions.CSV` should be named academicSessions.csv. Use the file name exactly as OneRoster spells it.");
}

#[test]
fn files_of_microsoft_school_data_sync_are_recognized() {
    let users = "sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email,phone,sms\nu1,a,b,c,,,,,\n";
    assert_snapshot!(Set::of(&[("users.csv", users), ("orgs.csv", "sourcedId,name,type\n")]).import().found(), @"stop sds_files: these are Microsoft School Data Sync files, not OneRoster files. Choose OneRoster 1.1 or 1.2 as the export format in the student information system.");
    assert_snapshot!(Set::of(&[("School.csv", "SIS ID,Name\n1,a\n"), ("Section.csv", "SIS ID\n1\n")]).import().found(), @r"
    info file_unknown: the export contains `School.csv`, which is not a OneRoster file. The file is ignored. If it is a OneRoster file, correct its name.
    info file_unknown: the export contains `Section.csv`, which is not a OneRoster file. The file is ignored. If it is a OneRoster file, correct its name.
    stop sds_files: these are Microsoft School Data Sync files, not OneRoster files. Choose OneRoster 1.1 or 1.2 as the export format in the student information system.
    ");
    assert_snapshot!(Set::valid().file("users.csv", users).import().found_of("sds_files"), @"stop sds_files users.csv:1: the column `activeDirectoryMatchId` belongs to Microsoft School Data Sync, not to OneRoster. Choose OneRoster 1.1 or 1.2 as the export format in the student information system.");
}

/// A file on a connection that breaks when the test says so.
struct Failing(Cursor<Vec<u8>>, Arc<AtomicBool>);

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.1.load(Ordering::Relaxed) {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            self.0.read(buf)
        }
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_failed_read_is_an_error_and_not_a_refusal() {
    let set = Set::valid();
    let is_broken = Arc::new(AtomicBool::new(true));
    let file = || Failing(Cursor::new(set.zip()), is_broken.clone());
    assert!(matches!(ZipPackage::open(file(), &Limits::default()), Err(OpenError::Read(_))));
    is_broken.store(false, Ordering::Relaxed);
    let Ok(package) = ZipPackage::open(file(), &Limits::default()) else {
        panic!("the zip is whole")
    };
    is_broken.store(true, Ordering::Relaxed);
    let mut sink = Nothing;
    let job = Job {
        packages: vec![Box::new(package) as Box<dyn Package>],
        has_base: false,
        settings: &set.settings,
        policy: &set.policy,
        today: set.today,
        progress: None,
    };
    assert!(matches!(import(job, &mut sink), Err(ImportError::Read(_))));
}

struct Nothing;

impl roster::snapshot::SnapshotSink for Nothing {
    fn line(&mut self, _: roster::snapshot::PartName, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn progress_and_sink_failures_are_reported() {
    struct Full;
    impl roster::snapshot::SnapshotSink for Full {
        fn line(&mut self, _: roster::snapshot::PartName, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let set = Set::valid();
    let job = |progress| Job {
        packages: vec![Box::new(
            ZipPackage::open(Cursor::new(set.zip()), &Limits::default()).unwrap(),
        ) as Box<dyn Package>],
        has_base: false,
        settings: &set.settings,
        policy: &set.policy,
        today: set.today,
        progress,
    };
    assert!(matches!(import(job(None), &mut Full), Err(ImportError::Write(_))));
    let mut read = Vec::new();
    let mut lines = 0;
    let mut progress = |progress: sources::oneroster_csv::Progress| {
        read.push((progress.read, progress.of));
        lines = progress.lines;
    };
    assert!(matches!(import(job(Some(&mut progress)), &mut Nothing).unwrap(), Import::Staged(_)));
    // Seven files, and a block of records for each of seven kinds.
    assert!(read.is_sorted() && read.len() == 14, "{read:?}");
    assert!(read.last().unwrap().0 <= read[0].1);
    assert_eq!(lines, 11);
}

#[test]
fn uncompressed_members_are_read_like_compressed_ones() {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in &Set::valid().files {
        let options = ::zip::write::SimpleFileOptions::default()
            .compression_method(::zip::CompressionMethod::Stored);
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    let outcome = Set::valid().import_bytes(Some(writer.finish().unwrap().into_inner()));
    assert_eq!(outcome.lines, Set::valid().import().lines);
}

#[test]
fn r_h3_a_member_shorter_than_the_directory_says_is_refused() {
    // The size of users.csv in the directory, and in the member's own header.
    let set = Set::valid();
    let mut bytes = set.zip();
    let more = u32::try_from(set.text("users.csv").len() + 500).unwrap().to_le_bytes();
    for (signature, name, size) in [(b"PK\x03\x04", 30, 22), (b"PK\x01\x02", 46, 24)] {
        let at = bytes
            .windows(4)
            .enumerate()
            .position(|(at, w)| w == signature && bytes[at + name..].starts_with(b"users.csv"));
        bytes[at.unwrap() + size..at.unwrap() + size + 4].copy_from_slice(&more);
    }
    let outcome = set.import_bytes(Some(bytes));
    assert!(outcome.refused);
    assert_snapshot!(outcome.found(), @"stop file_cut_off users.csv: `users.csv` in the zip is shorter than the zip says (508 of 1008 bytes). Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.");
}

#[test]
fn check_1_what_is_uploaded_instead_of_a_zip_is_named() {
    let mut tar = vec![0; 600];
    tar[257..262].copy_from_slice(b"ustar");
    let zip = Set::valid().zip();
    let uploads: [(&str, Vec<u8>); 12] = [
        ("nothing", Vec::new()),
        ("gzip", b"\x1f\x8b\x08\x00rest".to_vec()),
        ("7z", b"7z\xbc\xaf\x27\x1c\x00".to_vec()),
        ("rar", b"Rar!\x1a\x07\x01".to_vec()),
        ("bzip2", b"BZh91AY".to_vec()),
        ("tar", tar),
        ("sign-in page", b"\n<!DOCTYPE HTML><html><title>Sign in</title>".to_vec()),
        ("xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec()),
        ("csv", Set::valid().text("users.csv").into_bytes()),
        ("cut zip", zip[..zip.len() - 60].to_vec()),
        ("json", b"{\"users\": []}".to_vec()),
        ("two bytes", b"PK".to_vec()),
    ];
    let found = uploads
        .map(|(name, bytes)| format!("{name}: {}", Set::valid().import_bytes(Some(bytes)).found()));
    assert_snapshot!(found.join("\n"), @r"
    nothing: stop zip_unreadable: the upload is empty (0 bytes). Export again and upload the zip file without changing it.
    gzip: stop zip_unreadable: the upload is a gzip file (.gz or .tar.gz), not a zip file. Export again and upload the zip file without changing it.
    7z: stop zip_unreadable: the upload is a 7-Zip file (.7z), not a zip file. Export again and upload the zip file without changing it.
    rar: stop zip_unreadable: the upload is a RAR file (.rar), not a zip file. Export again and upload the zip file without changing it.
    bzip2: stop zip_unreadable: the upload is a bzip2 file (.bz2), not a zip file. Export again and upload the zip file without changing it.
    tar: stop zip_unreadable: the upload is a tar file (.tar), not a zip file. Export again and upload the zip file without changing it.
    sign-in page: stop zip_unreadable: the upload is a web page, perhaps a sign-in page that was saved instead of the export. Export again and upload the zip file without changing it.
    xls: stop zip_unreadable: the upload is a spreadsheet or another Office document, not a zip file. Export again and upload the zip file without changing it.
    csv: stop zip_unreadable: the upload is a single CSV file, not a zip file with all files. Export again and upload the zip file without changing it.
    cut zip: stop zip_unreadable: the zip file was cut off: its end is missing. Export again and upload the zip file without changing it.
    json: stop zip_unreadable: the upload is not a zip file, or it is incomplete. Export again and upload the zip file without changing it.
    two bytes: stop zip_unreadable: the upload is not a zip file, or it is incomplete. Export again and upload the zip file without changing it.
    ");
}

#[test]
fn check_1_a_compression_method_that_is_not_supported_is_named() {
    // The method's number in every header of users.csv: 12 is bzip2, 14 is LZMA.
    for (method, name) in [(12_u16, "Bzip2"), (14, "Lzma")] {
        let mut bytes = Set::valid().zip();
        for (signature, at_name, at_method) in [(b"PK\x03\x04", 30, 8), (b"PK\x01\x02", 46, 10)] {
            let places: Vec<usize> = bytes
                .windows(4)
                .enumerate()
                .filter(|&(at, w)| {
                    w == signature && bytes[at + at_name..].starts_with(b"users.csv")
                })
                .map(|(at, _)| at + at_method)
                .collect();
            places
                .into_iter()
                .for_each(|at| bytes[at..at + 2].copy_from_slice(&method.to_le_bytes()));
        }
        let found = refusal(bytes, &Limits::default());
        assert!(found.starts_with("zip_compression: ") && found.contains(name), "{found}");
    }
}

#[test]
fn check_10_a_set_without_oneroster_files_says_what_it_contains() {
    let of = |files: &[(&str, &str)]| Set::of(files).import();
    let inner = String::from_utf8_lossy(b"PK\x03\x04").into_owned();
    let sets = [
        ("zip in a zip", of(&[("export.zip", &inner)])),
        ("workbook", of(&[("Roster.XLSX", &inner), ("notes.txt", "")])),
        ("workbook itself", of(&[("[Content_Types].xml", ""), ("xl/workbook.xml", "")])),
        ("archive", of(&[("files/export.tar.gz", "")])),
        ("nothing known", of(&[("README.md", "# Hello"), ("main.rs", "")])),
        (
            "clever",
            of(&[
                ("schools.csv", "School_id,School_name\n1,Oak\n"),
                ("students.csv", "Student_id,First_name\n1,Ada\n"),
                ("enrollments.csv", "School_id,Section_id,Student_id\n1,1,1\n"),
            ]),
        ),
        (
            "sds 2",
            of(&[
                ("orgs.csv", "sourcedId,name,type\n1,Oak,school\n"),
                ("users.csv", "sourcedId,username,givenName,familyName\n1,a,Ada,Hale\n"),
                ("roles.csv", "userSourcedId,orgSourcedId,role\n1,1,student\n"),
            ]),
        ),
    ];
    let found = sets.map(|(name, outcome)| {
        assert!(outcome.refused, "{name}");
        let stops: Vec<String> = outcome
            .found()
            .lines()
            .filter(|line| line.starts_with("stop"))
            .map(str::to_owned)
            .collect();
        format!("{name}: {}", stops.join("\n"))
    });
    assert_snapshot!(found.join("\n"), @r"
    zip in a zip: stop container_nested: the upload contains another zip file, `export.zip`, and no OneRoster file. Put the CSV files themselves into one zip file, as the student information system exports them.
    workbook: stop container_nested: the upload contains a workbook of a spreadsheet program, `Roster.XLSX`, and no OneRoster file. Put the CSV files themselves into one zip file, as the student information system exports them.
    workbook itself: stop container_nested: the upload is a workbook of a spreadsheet program, not a zip with OneRoster files. Put the CSV files themselves into one zip file, as the student information system exports them.
    archive: stop container_nested: the upload contains another archive, `files/export.tar.gz`, and no OneRoster file. Put the CSV files themselves into one zip file, as the student information system exports them.
    nothing known: stop no_oneroster_files: the upload contains no OneRoster file, but `README.md`, `main.rs`. Export OneRoster CSV files (manifest.csv, orgs.csv, users.csv and others) and upload them.
    clever: stop clever_files: these are CSV files for Clever, not OneRoster files. Choose OneRoster 1.1 or 1.2 as the export format, or ask an operator to connect Clever.
    sds 2: stop sds_files: these are Microsoft School Data Sync files, not OneRoster files. Choose OneRoster 1.1 or 1.2 as the export format in the student information system.
    ");
    // Another archive beside the OneRoster files is ignored.
    let outcome = Set::valid().file("photos.zip", "x").import();
    assert_eq!(outcome.codes(), ["file_unknown"]);
}
