//! One night of a district: the student in each seat, the open classes and their teachers. Each is
//! computed from the seed, the record's number and the night's number.

use std::sync::Arc;

use crate::layout::{Level, PERIODS};
use crate::mix::{Draw, Shuffle};
use crate::world::{Key, Kind, World};

/// What can happen to a seat in a night. An empty seat is always filled instead.
#[derive(Clone, Copy)]
enum SeatEvent {
    /// The student leaves and is replaced by a new student.
    Replaced,
    Leaves,
    NewMail,
    NewName,
    /// The student changes section in one period; in elementary schools, the homeroom group.
    MovesClass,
    MovesSchool,
    /// A guardian's contact data changes.
    NewContact,
}

const SEAT_EVENTS: [SeatEvent; 20] = {
    use SeatEvent::{Leaves, MovesClass, MovesSchool, NewContact, NewMail, NewName, Replaced};
    [
        Replaced,
        NewMail,
        MovesClass,
        Leaves,
        MovesSchool,
        NewMail,
        NewName,
        Replaced,
        NewContact,
        MovesClass,
        NewMail,
        Replaced,
        MovesClass,
        MovesSchool,
        NewMail,
        Replaced,
        MovesClass,
        NewContact,
        NewMail,
        NewName,
    ]
};

/// A seat on a night.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub(crate) present: bool,
    pub(crate) generation: u64,
    pub(crate) school: usize,
    /// Index of the grade within the school.
    pub(crate) grade: usize,
    /// The position within the grade. It determines the sections.
    pub(crate) place: u64,
    moved: [u8; PERIODS as usize],
    pub(crate) mails: u64,
    pub(crate) names: u64,
    pub(crate) contacts: u64,
    /// Number of contact changes of the first-generation family.
    pub(crate) first_contacts: u64,
}

/// A class slot on a night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) open: bool,
    pub(crate) generation: u64,
    pub(crate) rooms: u64,
    pub(crate) titles: u64,
    teachers: u64,
    co_teachers: u64,
}

/// A teacher slot on a night.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Teacher {
    pub(crate) generation: u64,
    pub(crate) names: u64,
    pub(crate) mails: u64,
}

struct Events {
    seats: Shuffle,
    classes: Shuffle,
    teachers: Shuffle,
}

/// A night of a district.
#[derive(Clone)]
pub(crate) struct Moment {
    pub(crate) world: Arc<World>,
    pub(crate) night: u32,
    vacant: Shuffle,
    events: Arc<Vec<Events>>,
    /// The students to leave out: this many seats from the start of the shuffle.
    pub(crate) left_out: Option<(Shuffle, u64)>,
}

impl Moment {
    pub(crate) fn new(world: &Arc<World>, night: u32) -> Self {
        let layout = &world.layout;
        let shuffle = |len, draw, night: u32| Shuffle::new(len, world.seed, draw, u64::from(night));
        let events = (1..=night).map(|night| Events {
            seats: shuffle(layout.seats, Draw::StudentEvent, night),
            classes: shuffle(layout.class_slots, Draw::ClassEvent, night),
            teachers: shuffle(layout.teachers, Draw::TeacherEvent, night),
        });
        Self {
            vacant: shuffle(layout.seats, Draw::SeatOrder, 0),
            events: Arc::new(events.collect()),
            world: Arc::clone(world),
            night,
            left_out: None,
        }
    }

    pub(crate) fn leave_out(&mut self, percent: f64) {
        let seats = self.world.layout.seats;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of seats"
        )]
        let count = (seats as f64 * percent.clamp(0.0, 100.0) / 100.0).round() as u64;
        self.left_out = Some((Shuffle::new(seats, self.world.seed, Draw::Drop, 0), count));
    }

    pub(crate) fn seat(&self, seat: u64) -> Seat {
        let layout = &self.world.layout;
        let (school, grade) = layout.seat(seat);
        let home = (school, grade, seat - layout.schools[school].grades[grade].seats.0);
        let mut state = Seat {
            present: self.vacant.place(seat) >= layout.seats - layout.students,
            generation: 0,
            school,
            grade,
            place: home.2,
            moved: [0; PERIODS as usize],
            mails: 0,
            names: 0,
            contacts: 0,
            first_contacts: 0,
        };
        let touched = self.world.touched(layout.students);
        for (night, events) in self.events.iter().enumerate() {
            let rank = events.seats.place(seat);
            if rank >= touched {
                continue;
            }
            let event = SEAT_EVENTS[usize::try_from(rank % SEAT_EVENTS.len() as u64).unwrap_or(0)];
            self.happens(&mut state, event, seat, night as u64, home);
        }
        if let Some((shuffle, count)) = &self.left_out {
            state.present &= shuffle.place(seat) >= *count;
        }
        state
    }

    fn happens(
        &self,
        state: &mut Seat,
        event: SeatEvent,
        seat: u64,
        night: u64,
        home: (usize, usize, u64),
    ) {
        let layout = &self.world.layout;
        let number = self.world.draw(Draw::StudentMove, seat, night);
        if !state.present || matches!(event, SeatEvent::Replaced) {
            *state = Seat {
                present: true,
                generation: state.generation + 1,
                school: home.0,
                grade: home.1,
                place: home.2,
                moved: [0; PERIODS as usize],
                mails: 0,
                names: 0,
                contacts: 0,
                first_contacts: state.first_contacts,
            };
            return;
        }
        match event {
            SeatEvent::Leaves => state.present = false,
            SeatEvent::NewMail => state.mails += 1,
            SeatEvent::NewName => state.names += 1,
            SeatEvent::NewContact => {
                state.contacts += 1;
                state.first_contacts += u64::from(state.generation == 0);
            }
            SeatEvent::MovesClass => {
                state.moved[usize::try_from(number % PERIODS).unwrap_or(0)] += 1
            }
            SeatEvent::MovesSchool => {
                let target = layout.other_school(state.school, number);
                let target = target
                    .filter(|school| layout.schools[*school].grades[state.grade].sections > 0);
                match target {
                    Some(school) => {
                        state.school = school;
                        state.place =
                            (number >> 20) % layout.schools[school].grades[state.grade].size();
                    }
                    // No other school of this level: the student changes section instead.
                    None => state.moved[0] += 1,
                }
            }
            // Filling the seat was handled above.
            SeatEvent::Replaced => {}
        }
    }

    pub(crate) fn student_key(&self, seat: u64, state: &Seat) -> Key {
        Key::new(Kind::Student, seat, state.generation)
    }

    /// The class slots of a present student, one per period.
    pub(crate) fn classes_of(&self, seat: u64, state: &Seat) -> [u64; PERIODS as usize] {
        let layout = &self.world.layout;
        let school = &layout.schools[state.school];
        let grade = &school.grades[state.grade];
        let sections = grade.sections.max(1);
        std::array::from_fn(|period| {
            let period = period as u64;
            // Elementary groups stay together all day. Elsewhere each period has different groups.
            let (section, moved) = match school.level {
                Level::Elementary => {
                    (state.place, state.moved.iter().map(|times| u64::from(*times)).sum())
                }
                Level::Middle | Level::High => (
                    state.place + period * (state.place / sections),
                    u64::from(state.moved[usize::try_from(period).unwrap_or(0)])
                        + u64::from(state.moved[0]),
                ),
            };
            let slot = grade.slot((section + moved) % sections, period);
            if self.class(slot).open {
                return slot;
            }
            let other = grade.slot(
                self.world.draw(Draw::StudentMove, seat, 1 << 32 | period) % sections,
                period,
            );
            if self.class(other).open { other } else { grade.slot(0, period) }
        })
    }

    pub(crate) fn class(&self, slot: u64) -> Class {
        let layout = &self.world.layout;
        let mut state =
            Class { open: true, generation: 0, rooms: 0, titles: 0, teachers: 0, co_teachers: 0 };
        // The first section of a course is always open, so that every student has a class.
        let may_close = layout.class_slot(slot).2 > 0;
        if may_close && self.world.draw(Draw::ClassBody, slot, 1).is_multiple_of(50) {
            state.open = false;
        }
        let touched = self.world.touched(layout.class_slots);
        for events in self.events.iter() {
            let rank = events.classes.place(slot);
            if rank >= touched {
                continue;
            }
            match rank % 10 {
                _ if !state.open => {
                    state = Class { open: true, generation: state.generation + 1, ..state }
                }
                0 | 7 => state.teachers += 1,
                2 | 9 => state.generation += 1,
                3 => state.co_teachers += 1,
                5 if may_close => state.open = false,
                6 => state.titles += 1,
                _ => state.rooms += 1,
            }
        }
        state
    }

    pub(crate) fn class_key(slot: u64, state: &Class) -> Key {
        Key::new(Kind::Class, slot, state.generation)
    }

    /// The teacher slots of a class, the primary teacher first.
    pub(crate) fn teachers_of(&self, slot: u64, state: &Class) -> Vec<u64> {
        let layout = &self.world.layout;
        let (school, grade, section, period) = layout.class_slot(slot);
        let school = &layout.schools[school];
        let (first, end) = school.teachers;
        let count = end - first;
        let base = if school.level == Level::Elementary && period < 5 {
            // One teacher teaches the group in all subjects except the special ones.
            school.grades[..grade].iter().map(|grade| grade.sections).sum::<u64>() + section
        } else {
            self.world.draw(Draw::ClassBody, slot, 2)
        };
        let primary = (base % count + state.teachers) % count;
        let share = self.world.draw(Draw::ClassBody, slot, 3 + state.co_teachers) % 100;
        let others = match share {
            0 | 1 => 3,
            2..5 => 2,
            5..18 => 1,
            _ => 0,
        };
        let step = 1 + state.co_teachers % count.max(2).saturating_sub(1);
        let others =
            (0..others).map(|i| (primary + step + i) % count).filter(|index| *index != primary);
        let mut all = vec![first + primary];
        for other in others {
            if !all.contains(&(first + other)) {
                all.push(first + other);
            }
        }
        all
    }

    pub(crate) fn teacher(&self, teacher: u64) -> Teacher {
        let mut state = Teacher { generation: 0, names: 0, mails: 0 };
        let touched = self.world.touched(self.world.layout.teachers);
        for events in self.events.iter() {
            let rank = events.teachers.place(teacher);
            if rank >= touched {
                continue;
            }
            match rank % 10 {
                0 | 3 | 6 | 9 => {
                    state = Teacher { generation: state.generation + 1, names: 0, mails: 0 }
                }
                1 | 5 => state.names += 1,
                _ => state.mails += 1,
            }
        }
        state
    }

    pub(crate) fn teacher_key(teacher: u64, state: &Teacher) -> Key {
        Key::new(Kind::Teacher, teacher, state.generation)
    }

    /// A teacher for a coordinate; always the same one.
    pub(crate) fn first_teacher(&self) -> Key {
        Self::teacher_key(0, &self.teacher(0))
    }
}
