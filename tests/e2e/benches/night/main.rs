//! Measures the duration of a night and compares it with a script that a data engineer might write
//! instead, on the same zip and at the same time.
//!
//! ```text
//! cargo bench -p e2e --bench night -- --peer SCRIPT --peer-python target/peer/bin/python
//! cargo bench -p e2e --bench night -- --sizes 5000,20000,100000 --plot tests/e2e/benches/night.svg
//! ```
//!
//! The peer is a script of your own. It is called as `SCRIPT ZIP OUTDIR [PREVIOUS_OUTDIR]`, reads
//! the zip, writes its output to OUTDIR, compares with the previous output if one is given, and
//! prints a JSON object with `total`, its own time in seconds. Our side runs the real function
//! binaries on the local stack, from the upload event to the written plan, so our time includes the
//! local DynamoDB and S3. Rounds alternate. The bench compares medians and prints the spread,
//! because a shared machine adds noise.

#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod floor;
mod ours;
mod peer;
mod plot;
mod sizes;
mod tell;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use districts::{District, IdStyle, Size};
use stack::{Binaries, Profile, Stack, StackConfig};

use crate::ours::{Bench, Night};
use crate::peer::Peer;
use crate::tell::Samples;

/// Measures nights of a synthetic district through the local stack.
#[derive(Parser)]
struct Arguments {
    /// Number of students in the district.
    #[arg(long, default_value_t = 100_000)]
    students: u64,
    /// Seed of the synthetic district.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of rounds of each measurement.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Preset of the district.
    #[arg(long, default_value = "sis")]
    preset: String,
    /// Leave guardians out of the files.
    #[arg(long)]
    no_guardians: bool,
    /// Format of ids: mixed (UUIDs for people and enrollments), uuid or numbers.
    #[arg(long, default_value = "mixed")]
    ids: IdStyle,
    /// Quote every field. Needed for large districts if the peer detects quoting from the beginning
    /// of a file.
    #[arg(long)]
    quote_all: bool,
    /// Script to compare with.
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Interpreter of that script.
    #[arg(long, default_value = "python3")]
    peer_python: PathBuf,
    /// Folder with the built binaries of the functions. Without it they are built first.
    #[arg(long)]
    functions: Option<PathBuf>,
    /// Measure districts of these sizes instead, one after the other: for each a first night, an
    /// unchanged night and a night with 1 % churn.
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["students", "peer", "data"])]
    sizes: Vec<u64>,
    /// File for an SVG plot of time and memory over the sizes.
    #[arg(long, requires = "sizes")]
    plot: Option<PathBuf>,
    /// Folder for the table and the objects. Without it the table is in memory and the objects are
    /// in a temporary folder.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Cargo passes this argument to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn district(&self, students: u64) -> District {
        let district =
            District::new(Size::students(students)).seed(self.seed).guardians(!self.no_guardians);
        district.ids(self.ids).quote_all(self.quote_all)
    }
}

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("night: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(measure(&Arguments::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("night: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let binaries = match &arguments.functions {
        Some(folder) => Binaries::in_folder(folder)?,
        None => {
            stack::build_functions(Profile::Release, |count, name| {
                eprintln!("{count} compiled, {name}")
            })
            .await?
        }
    };
    if !arguments.sizes.is_empty() {
        let plot = arguments.plot.as_deref();
        println!("{}", sizes::measure(arguments, &binaries, plot).await?);
        return Ok(());
    }
    let work = tempfile::tempdir()?;
    let district = arguments.district(arguments.students);
    let nights = [work.path().join("night-0.zip"), work.path().join("night-1.zip")];
    for (night, zip) in (0..).zip(&nights) {
        district.night(night).write_zip_file(zip)?;
    }
    let size = std::fs::metadata(&nights[0])?.len();
    println!(
        "{} students, seed {}: zip of {:.1} MB",
        arguments.students,
        arguments.seed,
        tell::megabytes(size)
    );

    let floor = floor::measure(&nights[0], arguments.rounds)?;
    println!(
        "lower limit, one thread: decompress {}; decompress and scan as CSV {} ({} records)",
        floor.inflate, floor.scan, floor.records
    );

    let stack = Stack::start(StackConfig {
        data: arguments.data.clone(),
        functions: Some(binaries),
        ..StackConfig::default()
    })
    .await?;
    let bench = Bench { stack: &stack, preset: &arguments.preset, today: district.first_night() };
    let peer = arguments.peer.as_ref().map(|script| Peer {
        python: &arguments.peer_python,
        script,
        work: work.path(),
    });

    // Each round uses a new district, so that it begins with an empty mirror.
    let mut first = Compared::new("first night, empty mirror");
    for round in 0..arguments.rounds {
        let ours = bench.night(&format!("first-{round}"), &nights[0]).await?;
        println!("  ours: {ours}");
        first.add(&ours);
        if let Some(peer) = &peer {
            first.add_peer(peer.run(&nights[0], &format!("first-{round}"), None)?);
        }
    }
    first.print();

    let mut still = Compared::new("unchanged night");
    for round in 0..arguments.rounds {
        let ours = bench.night("first-0", &nights[0]).await?;
        println!("  ours: {ours}");
        if ours.item_writes > 0 {
            return Err(format!("an unchanged night wrote {} items", ours.item_writes).into());
        }
        still.add(&ours);
        if let Some(peer) = &peer {
            still.add_peer(peer.run(&nights[0], &format!("still-{round}"), Some("first-0"))?);
        }
    }
    still.print();

    let mut changed = Compared::new("a night with 1 % churn, once");
    let ours = bench.night("first-0", &nights[1]).await?;
    println!("  ours: {ours}");
    changed.add(&ours);
    if let Some(peer) = &peer {
        changed.add_peer(peer.run(&nights[1], "changed", Some("first-0"))?);
    }
    changed.print();

    for function in [stack::IMPORT, stack::RECONCILE] {
        if let Some(bytes) = stack.peak_rss(function) {
            println!("peak resident memory of {function}: {:.0} MB", tell::megabytes(bytes));
        }
    }
    Ok(())
}

/// Seconds of our functions and of the peer.
struct Compared {
    name: &'static str,
    import: Samples,
    ours: Samples,
    peer: Samples,
    peer_memory: u64,
}

impl Compared {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            import: Samples::default(),
            ours: Samples::default(),
            peer: Samples::default(),
            peer_memory: 0,
        }
    }

    fn add(&mut self, night: &Night) {
        self.import.add(night.seconds.import);
        self.ours.add(night.import_and_plan());
    }

    fn add_peer(&mut self, done: peer::Done) {
        println!("  peer: {done}");
        self.peer.add(done.seconds);
        self.peer_memory = self.peer_memory.max(done.peak_rss);
    }

    fn print(&self) {
        println!("{}: import {}; import and plan {}", self.name, self.import, self.ours);
        if let (Some(import), Some(ours), Some(peer)) =
            (self.import.median(), self.ours.median(), self.peer.median())
        {
            println!(
                "  peer {}, {:.0} MB; our import takes {:.2} of its time, import and plan {:.2}",
                self.peer,
                tell::megabytes(self.peer_memory),
                import / peer,
                ours / peer
            );
        }
    }
}
