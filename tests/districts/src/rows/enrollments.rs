//! enrollments.csv: first students, then teachers.

use super::Batch;
use crate::moment::Moment;
use crate::world::World;

impl Moment {
    pub(super) fn enrollment(&self, slot: u64, out: &mut Batch) {
        match slot.checked_sub(self.world.layout.seats) {
            None => self.student_enrollments(slot, out),
            Some(class) => self.teacher_enrollments(class, out),
        }
    }

    fn student_enrollments(&self, seat: u64, out: &mut Batch) {
        let state = self.seat(seat);
        if !state.present {
            return;
        }
        let world = &self.world;
        let person = self.student_key(seat, &state);
        for slot in self.classes_of(seat, &state) {
            let class = Self::class_key(slot, &self.class(slot));
            let mut row = out.row(|id| world.enrollment_id(id, person, class));
            row.with(|id| world.id(id, class))
                .with(|id| world.id(id, World::school_key(state.school)));
            row.with(|id| world.id(id, person)).text("student").text("").text("").text("");
        }
    }

    fn teacher_enrollments(&self, slot: u64, out: &mut Batch) {
        let state = self.class(slot);
        if !state.open {
            return;
        }
        let world = &self.world;
        let class = Self::class_key(slot, &state);
        let school = world.layout.class_slot(slot).0;
        for (i, teacher) in self.teachers_of(slot, &state).into_iter().enumerate() {
            let person = Self::teacher_key(teacher, &self.teacher(teacher));
            let mut row = out.row(|id| world.enrollment_id(id, person, class));
            row.with(|id| world.id(id, class)).with(|id| world.id(id, World::school_key(school)));
            row.with(|id| world.id(id, person)).text("teacher").flag(i == 0).text("").text("");
        }
    }
}
