//! Defects of the set as a whole: its members, their names, and the manifest.

use super::Defect;
use crate::layout::GRADES;
use crate::night::Night;
use crate::rows::File;

/// One file of a set.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) content: Content,
}

/// The source of a member's bytes.
pub(crate) enum Content {
    Table(File),
    Bytes(Vec<u8>),
    /// The first bytes, followed by the second, repeated until the member has this size.
    Repeated(Vec<u8>, Vec<u8>, u64),
}

/// Unpacked size of the zip bomb in bytes.
const BOMB: u64 = 256 << 20;

impl Night {
    /// Changes the manifest's properties.
    pub(crate) fn spoil_manifest(&self, properties: &mut [(String, String)]) {
        let mut change =
            |defect: Defect, property: &str, name: Option<&str>, value: Option<&str>| {
                if !self.has(defect) {
                    return;
                }
                if let Some(found) = properties.iter_mut().find(|(found, _)| found == property) {
                    if let Some(name) = name {
                        name.clone_into(&mut found.0);
                    }
                    if let Some(value) = value {
                        value.clone_into(&mut found.1);
                    }
                }
            };
        change(Defect::ManifestModeBlank, "file.users", None, Some(""));
        change(Defect::ManifestVersion, "manifest.version", None, Some("1"));
        change(Defect::PresentButAbsent, "file.demographics", None, Some("absent"));
        change(Defect::ManifestMisspelt, "file.demographics", Some("fiel.demographics"), None);
    }

    /// The files of the set in the order in which they are written, the manifest last.
    pub(crate) fn members(&self) -> Vec<Member> {
        if self.has(Defect::SdsFormat) {
            return self.sds();
        }
        let missing = [
            (File::Users, Defect::UsersMissing),
            (File::Enrollments, Defect::EnrollmentsMissing),
            (File::Demographics, Defect::ListedButMissing),
        ];
        let mut members: Vec<Member> = self
            .files()
            .into_iter()
            .filter(|file| !missing.iter().any(|(of, defect)| of == file && self.has(*defect)))
            .map(|file| Member {
                name: format!("{}.csv", file.name()),
                content: Content::Table(file),
            })
            .collect();
        let mut add = |name: &str, bytes: &[u8]| {
            members.push(Member { name: name.to_owned(), content: Content::Bytes(bytes.to_vec()) });
        };
        if self.has(Defect::UnknownFile) {
            add("read me first.txt", b"Exported by hand.\r\n");
        }
        if !self.has(Defect::ManifestMissing) {
            add("manifest.csv", &self.manifest_text());
        }
        if self.has(Defect::PathTraversal) {
            add("../../users.csv", b"sourcedId\r\nsomewhere-else\r\n");
        }
        if self.has(Defect::TooManyMembers) {
            for number in 0..2_000 {
                add(&format!("extra-{number:04}.csv"), b"sourcedId\r\n");
            }
        }
        if self.has(Defect::ZipBomb) {
            for member in members.iter_mut().filter(|member| member.name == "users.csv") {
                member.content = Content::Repeated(
                    self.columns(File::Users).join(",").into_bytes(),
                    b"\n".to_vec(),
                    BOMB,
                );
            }
        }
        self.rename(&mut members);
        if self.has(Defect::MacExtras) {
            for name in ["__MACOSX/._users.csv", ".DS_Store"] {
                members.insert(
                    0,
                    Member {
                        name: name.to_owned(),
                        content: Content::Bytes(b"\0\x05\x16\x07\0\x02\0\0Mac OS X".to_vec()),
                    },
                );
            }
        }
        members
    }

    fn rename(&self, members: &mut [Member]) {
        for (number, member) in members.iter_mut().enumerate() {
            if self.has(Defect::FileNameCase) {
                member.name = member.name.to_lowercase();
            }
            if self.has(Defect::FolderInZip) {
                member.name = format!("OneRoster Export/{}", member.name);
            }
            if self.has(Defect::TwoFolders) {
                member.name =
                    format!("{}/{}", if number % 2 == 0 { "first" } else { "second" }, member.name);
            }
        }
    }

    /// The files of Microsoft School Data Sync 2.1 with a few invented people.
    fn sds(&self) -> Vec<Member> {
        let grade = GRADES[4];
        let files = [
            (
                "orgs.csv",
                "sourcedId,name,type,parentSourcedId\r\n\
                 1,Acorn Elementary School,school,\r\n"
                    .to_owned(),
            ),
            (
                "users.csv",
                "sourcedId,username,givenName,familyName,\
                 password,activeDirectoryMatchId,email,phone,sms\r\n\
                 11,s11,Amilio,Brookfield,,,,,\r\n12,t12,Fiothea,Quillstone,,,,,\r\n"
                    .to_owned(),
            ),
            (
                "roles.csv",
                format!(
                    "userSourcedId,orgSourcedId,role,sessionSourcedId,grade,isPrimary,\
                     roleStartDate,roleEndDate\r\n\
                     11,1,student,,{grade},true,,\r\n12,1,teacher,,,true,,\r\n"
                ),
            ),
            (
                "classes.csv",
                "sourcedId,orgSourcedId,title,sessionSourcedIds,courseSourcedId\r\n\
                 21,1,Reading,,\r\n"
                    .to_owned(),
            ),
            (
                "enrollments.csv",
                "classSourcedId,userSourcedId,role\r\n21,11,student\r\n21,12,teacher\r\n"
                    .to_owned(),
            ),
        ];
        files
            .map(|(name, text)| Member {
                name: name.to_owned(),
                content: Content::Bytes(text.into_bytes()),
            })
            .into()
    }

    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defects.contains(&defect)
    }
}
