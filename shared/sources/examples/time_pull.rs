//! Times the pull of a synthetic district from a OneRoster server against a bare client that reads the same pages:
//! `cargo run --release -p sources --features client --example time_pull -- [STUDENTS] [PAGE_SIZE]`.
//!
//! The server is this program in a process of its own. What is printed at the end is the memory of the process that pulls.
#![expect(clippy::print_stdout, reason = "it is a command")]

use std::error::Error;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use district::{District, File, Size};
use jiff::civil::date;
use rules::policy::Policy;
use rules::settings::{OneRosterVersion, SourceSettings};
use rules::snapshot::{PartName, SnapshotSink};
use sources::http::{Credential, Get, Http, HttpClient, RealWait, Secret};
use sources::oneroster_rest::memory::MemoryOneRoster;
use sources::oneroster_rest::{
    Access, Api, Client, Import, Job, Pages, Progress, PullState, Pulled, Resource, Scrub, StagedPages, import,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_else(|| "100000".into());
    if first == "serve" {
        return serve(arguments.next().ok_or("how many students?")?.parse()?).await;
    }
    let page_size: u32 = arguments.next().map_or(Ok(1000), |text| text.parse())?;
    let mut server = Command::new(std::env::current_exe()?).args(["serve", &first]).stdout(Stdio::piped()).spawn()?;
    let mut url = String::new();
    BufReader::new(server.stdout.take().ok_or("the server says nothing")?).read_line(&mut url)?;
    let timed = time(url.trim(), page_size).await;
    server.kill()?;
    server.wait()?;
    timed
}

async fn time(url: &str, page_size: u32) -> Result<(), Failed> {
    let policy = Policy::from_preset("sis", &serde_json::Map::new())?;
    let settings = SourceSettings::default();
    let folder = std::env::temp_dir().join(format!("time-pull-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let kept = Folder { folder: folder.clone(), scrub: Scrub::of(&policy, &settings) };
    let token = Secret::new(MemoryOneRoster::TOKEN);
    let api = Api::at(url, OneRosterVersion::V1p1, page_size).ok_or("an address")?;
    let http = HttpClient::new()?;
    let client = Client {
        http: http.clone(),
        wait: RealWait,
        now: Arc::new(jiff::Timestamp::now),
        api,
        access: Access::bearer(token.clone()),
    };

    let begin = Instant::now();
    let mut state = PullState::default();
    let pulled = client.pull(&kept, &mut state, fastrand::Rng::new(), || false).await?;
    let pull = begin.elapsed();
    if pulled != Pulled::Whole {
        return Err("the pull is not whole".into());
    }

    let begin = Instant::now();
    let (mut pages, mut bytes) = (0_u32, 0_usize);
    for (list, progress) in &state.lists {
        for number in 0..u64::from(progress.pages) {
            let offset = number * u64::from(page_size - 1);
            let url = format!("{url}/{}?limit={page_size}&offset={offset}&sort=sourcedId&orderBy=asc", list.name());
            bytes += http.get(Get { url, credential: Credential::Bearer(token.clone()) }).await?.body.len();
            pages += 1;
        }
    }
    let bare = begin.elapsed();

    let begin = Instant::now();
    let job = Job {
        version: OneRosterVersion::V1p1,
        lists: &state.lists,
        settings: &settings,
        policy: &policy,
        today: date(2026, 10, 15),
    };
    let mut lines = Counting::default();
    let made = import(job, &mut Folder { folder: folder.clone(), scrub: kept.scrub.clone() }, &mut lines)?;
    let snapshot = begin.elapsed();
    std::fs::remove_dir_all(&folder)?;
    let Import::Staged(staged) = made else { return Err("the snapshot was refused".into()) };
    println!("{pages} pages, {} MB, {} lines, {} seats", bytes >> 20, lines.0, staged.enrollments);
    println!(
        "bare client {:.2} s, pull {:.2} s ({:.2} times), snapshot {:.2} s",
        bare.as_secs_f64(),
        pull.as_secs_f64(),
        pull.as_secs_f64() / bare.as_secs_f64(),
        snapshot.as_secs_f64()
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("the memory is not known here"));
    Ok(())
}

/// Pages in files.
struct Folder {
    folder: PathBuf,
    scrub: Scrub,
}

impl Folder {
    fn path(&self, list: Resource, number: u32) -> PathBuf {
        self.folder.join(format!("{}-{number}", list.name()))
    }
}

impl Pages for Folder {
    type Error = io::Error;

    fn wants(&self, list: Resource) -> bool {
        self.scrub.wants(list)
    }

    async fn keep(&self, list: Resource, number: u32, body: Vec<u8>, _: &Progress) -> Result<(), io::Error> {
        let body = self.scrub.page(list, body).map_err(io::Error::other)?;
        tokio::fs::write(self.path(list, number), body).await
    }
}

impl StagedPages for Folder {
    fn page(&mut self, list: Resource, number: u32) -> io::Result<Vec<u8>> {
        std::fs::read(self.path(list, number))
    }
}

/// Counts lines.
#[derive(Default)]
struct Counting(u64);

impl SnapshotSink for Counting {
    fn line(&mut self, _: PartName, _: &[u8]) -> io::Result<()> {
        self.0 += 1;
        Ok(())
    }
}

/// Serves a district on a port of its own, which it prints.
async fn serve(students: u64) -> Result<(), Failed> {
    let (server, night) = (MemoryOneRoster::default(), District::new(Size::students(students)).night(0));
    for list in Resource::ALL {
        let file = File::ALL.into_iter().find(|file| file.name() == list.name()).ok_or("a table for every list")?;
        let mut records: Vec<(String, Arc<str>)> = Vec::new();
        night.objects(file, |id, object| records.push((id.to_owned(), object.to_string().into())));
        server.put_all(list, records);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/ims/oneroster/v1p1", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer(stream, server.clone()));
    }
}

/// Answers requests of one connection, as far as this program makes any.
async fn answer(mut stream: TcpStream, server: MemoryOneRoster) -> io::Result<()> {
    let mut asked = Vec::new();
    loop {
        let end = loop {
            match asked.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None if stream.read_buf(&mut asked).await? == 0 => return Ok(()),
                None => {}
            }
        };
        let head = String::from_utf8_lossy(&asked[..end]).into_owned();
        asked.drain(..end);
        let target = head.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let page = server.answer(path.rsplit('/').next().unwrap_or_default(), query).map_err(io::Error::other)?;
        let total = page.total.unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {} OK\r\ncontent-type: application/json\r\nx-total-count: {total}\r\nlink: {}\r\ncontent-length: {}\r\n\r\n",
            page.status,
            page.link.unwrap_or_default(),
            page.body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&page.body).await?;
    }
}
