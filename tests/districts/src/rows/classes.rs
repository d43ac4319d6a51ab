//! classes.csv.

use super::{Batch, orgs};
use crate::layout::GRADES;
use crate::mix::Draw;
use crate::moment::Moment;
use crate::world::World;

impl Moment {
    pub(super) fn class_row(&self, slot: u64, out: &mut Batch) {
        let class = self.class(slot);
        if !class.open {
            return;
        }
        let world = &self.world;
        let (school_index, grade_index, section, period) = world.layout.class_slot(slot);
        let school = &world.layout.schools[school_index];
        let grade = school.grades[grade_index].grade;
        let (title, subject, code) = orgs::subject(grade, period);
        // Every eighth title is not unique: four classes of one teacher may all be called "Reading"
        // (R-M3).
        let mut name = if world.draw(Draw::ClassBody, slot, 9).is_multiple_of(8) {
            title.to_owned()
        } else {
            format!("{title} {} Section {}", GRADES[grade], section + 1)
        };
        if class.titles > 0 {
            name = format!("{name} ({})", class.titles);
        }
        let room = (world.draw(Draw::ClassBody, slot, 10) + class.rooms) % 400;
        let mut row = out.row(|id| world.id(id, Self::class_key(slot, &class)));
        row.text(&name).text(GRADES[grade]);
        row.with(|id| world.id(id, World::course_key(grade, period)));
        row.text(&format!("{code}{}-{}", GRADES[grade], section + 1)).text(if period == 0 {
            "homeroom"
        } else {
            "scheduled"
        });
        row.text(&format!("Room {}", 100 + room))
            .with(|id| world.id(id, World::school_key(school_index)));
        row.text(&self.terms(school.level, section, period))
            .text(subject)
            .text(if subject.is_empty() { "" } else { code });
        row.text(&(period + 1).to_string());
    }
}
