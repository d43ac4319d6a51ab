//! Measures the same nights for districts of several sizes: growth of time, memory and capacity
//! units.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use stack::{Binaries, Stack, StackConfig};

use crate::Arguments;
use crate::ours::{Bench, Night};
use crate::plot::{Line, Plot};
use crate::tell::megabytes;

/// Cost of the nights of one district.
struct Grown {
    students: u64,
    zip: u64,
    /// The first night, an unchanged night, and a night with 1 % changes.
    nights: [Night; 3],
    import_memory: u64,
    reconcile_memory: u64,
}

/// Measures districts of these sizes, one after the other, and returns a table. Also writes a plot
/// if a file is given.
pub(crate) async fn measure(
    arguments: &Arguments,
    binaries: &Binaries,
    plot: Option<&Path>,
) -> Result<String, Box<dyn Error>> {
    let mut all = Vec::new();
    for &students in &arguments.sizes {
        eprintln!("{students} students …");
        all.push(grow(arguments, students, binaries).await?);
    }
    if let Some(file) = plot {
        std::fs::write(file, draw(&all))?;
    }
    Ok(table(&all)?)
}

async fn grow(
    arguments: &Arguments,
    students: u64,
    binaries: &Binaries,
) -> Result<Grown, Box<dyn Error>> {
    let work = tempfile::tempdir()?;
    let district = arguments.district(students);
    let zips = [work.path().join("night-0.zip"), work.path().join("night-1.zip")];
    for (night, zip) in (0..).zip(&zips) {
        district.night(night).write_zip_file(zip)?;
    }
    // Each size needs a new stack, because peak memory is measured per process.
    let stack =
        Stack::start(StackConfig { functions: Some(binaries.clone()), ..StackConfig::default() })
            .await?;
    let bench = Bench { stack: &stack, preset: &arguments.preset, today: district.first_night() };
    let nights = [
        bench.night("one", &zips[0]).await?,
        bench.night("one", &zips[0]).await?,
        bench.night("one", &zips[1]).await?,
    ];
    if nights[1].item_writes > 0 {
        return Err(format!(
            "an unchanged night of {students} students wrote {} items",
            nights[1].item_writes
        )
        .into());
    }
    let memory = |function| stack.peak_rss(function).unwrap_or_default();
    let (import_memory, reconcile_memory) = (memory(stack::IMPORT), memory(stack::RECONCILE));
    Ok(Grown {
        students,
        zip: std::fs::metadata(&zips[0])?.len(),
        nights,
        import_memory,
        reconcile_memory,
    })
}

fn table(all: &[Grown]) -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "| students | zip | import | plan, first night | plan, unchanged | plan, 1 % changed | apply, first night | item writes, 1 % changed | import, memory | reconcile, memory |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for one in all {
        let [first, still, changed] = &one.nights;
        writeln!(
            text,
            "| {} | {:.1} MB | {:.2} s | {:.2} s | {:.2} s | {:.2} s | {:.1} s | {} | {:.0} MB | {:.0} MB |",
            one.students,
            megabytes(one.zip),
            still.seconds.import,
            first.seconds.plan,
            still.seconds.plan,
            changed.seconds.plan,
            first.seconds.apply,
            changed.item_writes,
            megabytes(one.import_memory),
            megabytes(one.reconcile_memory),
        )?;
    }
    Ok(text)
}

fn draw(all: &[Grown]) -> String {
    let line = |name, of: &dyn Fn(&Grown) -> f64| Line {
        name,
        points: all.iter().map(|one| (one.students as f64, of(one))).collect(),
    };
    let time = Plot {
        title: "seconds",
        lines: vec![
            line("import", &|one| one.nights[1].seconds.import),
            line("plan, unchanged", &|one| one.nights[1].seconds.plan),
            line("plan, first night", &|one| one.nights[0].seconds.plan),
        ],
    };
    let memory = Plot {
        title: "megabytes resident",
        lines: vec![
            line("import", &|one| megabytes(one.import_memory)),
            line("reconcile", &|one| megabytes(one.reconcile_memory)),
        ],
    };
    crate::plot::svg(&[time, memory], "students")
}
