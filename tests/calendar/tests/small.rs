//! A small calendar: four districts in one school year. `cargo xtask bench calendar` runs 200
//! districts in three.

use calendar::{Calendar, Tally};

#[test]
fn a_school_year_has_no_wrong_removals_and_no_false_holds() {
    let calendar = Calendar { seed: 3, years: 1, small: true };
    let mut all = Tally::default();
    for number in 0..4 {
        all.add(calendar.district(number).expect("a calendar"));
    }
    println!("{}{all}", all.details());
    assert!(all.good_nights() > 150 && all.bad_nights() > 100, "{all}");
    assert_eq!((all.wrong(), all.false_holds()), (0, 0), "{}", all.details());
}
