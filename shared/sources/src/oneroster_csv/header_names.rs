//! Names that other exports have for OneRoster's columns: spreadsheets, OneRoster REST, Clever and
//! Microsoft School Data Sync. They are only suggested, never read.

/// Standard column names with other names for them, in lower case and without blanks and
/// punctuation.
const OTHER_NAMES: [(&str, &[&str]); 33] = [
    ("sourcedId", &["id", "sisid", "sourceid", "guid", "recordid"]),
    ("dateLastModified", &["modified", "lastmodified", "datemodified", "updatedat"]),
    ("name", &["schoolname", "orgname", "organizationname", "title"]),
    ("title", &["name", "classname", "sectionname", "coursename", "termname", "coursetitle"]),
    ("type", &["orgtype", "sessiontype", "termtype", "kind"]),
    ("identifier", &["studentnumber", "studentid", "localid", "staffid", "employeeid", "number"]),
    ("parentSourcedId", &["parent", "parentid", "parentorg", "parentorgid"]),
    ("startDate", &["start", "begindate", "termstart", "termstartdate"]),
    ("endDate", &["end", "termend", "termenddate", "enddate", "roleenddate"]),
    ("beginDate", &["start", "begin", "startdate", "rolestartdate"]),
    ("schoolYear", &["year", "academicyear"]),
    ("schoolYearSourcedId", &["schoolyear", "schoolyearid", "sessionsourcedid"]),
    ("courseCode", &["coursenumber", "code"]),
    ("classCode", &["sectionnumber", "classnumber", "code"]),
    ("classType", &["type", "sectiontype"]),
    ("grades", &["grade", "gradelevel", "gradelevels"]),
    ("orgSourcedId", &["org", "orgid", "school", "schoolid", "schoolsourcedid"]),
    ("orgSourcedIds", &["org", "orgs", "orgid", "orgsourcedid", "school", "schools", "schoolid"]),
    ("schoolSourcedId", &["school", "schoolid", "org", "orgid", "orgsourcedid"]),
    ("primaryOrgSourcedId", &["primaryorg", "primaryschool", "primaryschoolid"]),
    ("courseSourcedId", &["course", "courseid"]),
    ("termSourcedIds", &["term", "terms", "termid", "termids", "sessionsourcedids", "sessions"]),
    ("classSourcedId", &["class", "classid", "section", "sectionid", "sectionsourcedid"]),
    ("userSourcedId", &["user", "userid", "student", "studentid", "person", "personid"]),
    ("enabledUser", &["enabled", "active", "isactive"]),
    ("role", &["userrole", "usertype", "persontype", "position"]),
    ("username", &["login", "loginid", "loginname", "userlogin"]),
    ("givenName", &["firstname", "first", "forename", "studentfirstname"]),
    ("familyName", &["lastname", "last", "surname", "studentlastname"]),
    ("middleName", &["middle", "middleinitial", "initials"]),
    ("email", &["emailaddress", "mail", "useremail", "studentemail", "teacheremail"]),
    ("agentSourcedIds", &["agents", "agent", "guardians", "parents", "contacts"]),
    ("birthDate", &["dob", "dateofbirth", "birthday"]),
];

/// Whether a name in a file may stand for a standard column: another export's name for it, or at
/// most two letters different.
pub(super) fn may_mean(name: &str, standard: &str) -> Option<usize> {
    if name.is_empty() || name.len() > 64 {
        return None;
    }
    let plain = plain(name);
    let is_known = OTHER_NAMES
        .iter()
        .any(|(column, others)| *column == standard && others.contains(&plain.as_str()));
    if is_known || plain == standard.to_ascii_lowercase() {
        return Some(0);
    }
    let letters = distance(&standard.to_ascii_lowercase(), &name.to_ascii_lowercase());
    (letters <= 2).then_some(letters)
}

/// A name in lower case, without blanks and punctuation.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Number of letters to insert, delete or replace to turn one word into the other.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, c) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, d) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *d);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Separators of cells that are not OneRoster's, with their names.
const SEPARATORS: [(char, &str); 3] = [(';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars")];

/// Recognizes a header whose cells have another separator than commas, and returns the
/// separator's name. `cells` are the cells between commas, `known` the standard names.
pub(super) fn other_separator<'k>(
    cells: &[&str],
    known: impl Iterator<Item = &'k str> + Clone,
) -> Option<&'static str> {
    let [only] = cells else { return None };
    SEPARATORS.into_iter().find_map(|(separator, name)| {
        let mut names = only.split(separator).map(|name| name.trim_matches(['"', ' ', '\u{feff}']));
        let is_one = |name: &str| known.clone().any(|known| known.eq_ignore_ascii_case(name));
        (only.contains(separator) && names.any(is_one)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_exports_are_recognized() {
        for (name, standard) in [
            ("Email Address", "email"),
            ("E-Mail", "email"),
            ("First_name", "givenName"),
            ("Student ID", "userSourcedId"),
            ("orgs", "orgSourcedIds"),
            ("familyNmae", "familyName"),
            ("given name", "givenName"),
        ] {
            assert!(may_mean(name, standard).is_some(), "{name}");
        }
        for (name, standard) in [("homeLanguage", "email"), ("", "sms"), ("bus", "identifier")] {
            assert!(may_mean(name, standard).is_none(), "{name}");
        }
    }
}
