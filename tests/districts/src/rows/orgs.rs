//! orgs.csv, academicSessions.csv and courses.csv.

use super::Batch;
use crate::layout::{GRADES, Level, PERIODS};
use crate::moment::Moment;
use crate::names;
use crate::world::{Key, Kind, World};

/// Course slots: one per grade and period.
pub(super) const COURSES: u64 = GRADES.len() as u64 * PERIODS;

/// The id of the district's org.
pub(crate) const DISTRICT_ID: &str = "district-1";

/// Title, subject, course code.
type Subject = (&'static str, &'static str, &'static str);

const ELEMENTARY: [Subject; 8] = [
    ("Homeroom", "", "HR"),
    ("Reading", "English Language Arts", "ELA"),
    ("Mathematics", "Mathematics", "MAT"),
    ("Science", "Science", "SCI"),
    ("Social Studies", "Social Studies", "SOC"),
    ("Art", "Visual Arts", "ART"),
    ("Music", "Music", "MUS"),
    ("Physical Education", "Physical Education", "PE"),
];
const MIDDLE: [Subject; 8] = [
    ("Advisory", "", "ADV"),
    ("English Language Arts", "English Language Arts", "ELA"),
    ("Mathematics", "Mathematics", "MAT"),
    ("Earth and Life Science", "Science", "SCI"),
    ("World Cultures", "Social Studies", "SOC"),
    ("Spanish, First Steps", "World Languages", "SPA"),
    ("Band and Choir", "Music", "MUS"),
    ("Physical Education", "Physical Education", "PE"),
];
const HIGH: [Subject; 8] = [
    ("Homeroom", "", "HR"),
    ("English", "English Language Arts", "ENG"),
    ("Algebra \"and Beyond\"", "Mathematics", "ALG"),
    ("Biology", "Science", "BIO"),
    ("History", "Social Studies", "HIS"),
    ("Français", "World Languages", "FRA"),
    ("Computer Science", "Computer Science", "CS"),
    ("Health", "Health", "HEA"),
];

/// The subject of a period in a grade.
pub(super) fn subject(grade: usize, period: u64) -> Subject {
    let list = match grade {
        0..6 => ELEMENTARY,
        6..9 => MIDDLE,
        _ => HIGH,
    };
    list[usize::try_from(period % PERIODS).unwrap_or(0)]
}

impl World {
    pub(crate) fn school_key(index: usize) -> Key {
        Key::new(Kind::School, index as u64, 0)
    }

    pub(super) fn course_key(grade: usize, period: u64) -> Key {
        Key::new(Kind::Course, grade as u64 * 16 + period, 0)
    }

    pub(super) fn year_id(&self) -> String {
        format!("SY-{}", self.school_year)
    }

    /// The id of the first or second semester.
    pub(crate) fn semester_id(&self, number: u8) -> String {
        format!("SY-{}-S{number}", self.school_year)
    }
}

impl Moment {
    pub(super) fn org(&self, slot: u64, out: &mut Batch) {
        let world = &self.world;
        let Some(index) = slot.checked_sub(1).and_then(|index| usize::try_from(index).ok()) else {
            let mut row = out.row(|id| id.push_str(DISTRICT_ID));
            row.text(&world.name).text("district").text("0600001").text("");
            return;
        };
        let school = &world.layout.schools[index];
        let name = format!("{} {}", names::school(world.seed, index as u64), school.level.title());
        let mut row = out.row(|id| world.id(id, World::school_key(index)));
        row.text(&name).text("school").text(&format!("0600001{:05}", index + 1)).text(DISTRICT_ID);
    }

    pub(super) fn sessions(&self, out: &mut Batch) {
        let world = &self.world;
        let (end, start) = (world.school_year, world.school_year - 1);
        let year = world.year_id();
        let mut session =
            |id: &str, title: &str, kind: &str, from: &str, to: &str, parent: &str| {
                out.row(|out| out.push_str(id))
                    .text(title)
                    .text(kind)
                    .text(from)
                    .text(to)
                    .text(parent)
                    .text(&end.to_string());
            };
        let (first, last, turn) =
            (format!("{start}-08-17"), format!("{end}-06-12"), format!("{end}-01-16"));
        session(&year, &format!("{start}-{:02}", end % 100), "schoolYear", &first, &last, "");
        session(&world.semester_id(1), "First Semester", "semester", &first, &turn, &year);
        session(&world.semester_id(2), "Second Semester", "semester", &turn, &last, &year);
    }

    pub(super) fn course(&self, slot: u64, out: &mut Batch) {
        let world = &self.world;
        let (grade, period) = (usize::try_from(slot / PERIODS).unwrap_or(0), slot % PERIODS);
        let (title, subject, code) = subject(grade, period);
        let mut row = out.row(|id| world.id(id, World::course_key(grade, period)));
        row.text(&world.year_id())
            .text(&format!("{title} {}", GRADES[grade]))
            .text(&format!("{code}{}", GRADES[grade]));
        row.text(GRADES[grade]).text(DISTRICT_ID).text(subject).text(if subject.is_empty() {
            ""
        } else {
            code
        });
    }

    /// The sessions of a class, as a list for its column.
    pub(super) fn terms(&self, level: Level, section: u64, period: u64) -> String {
        let world = &self.world;
        match level {
            Level::Elementary => world.year_id(),
            // In high schools every second health class lasts one semester.
            Level::High if period == 7 && section % 2 == 1 => world.semester_id(1),
            Level::Middle | Level::High => {
                format!("{},{}", world.semester_id(1), world.semester_id(2))
            }
        }
    }
}
