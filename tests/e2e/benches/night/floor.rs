//! Lower limit: the time to read the zip in one thread with the same libraries.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::Instant;

use zip::ZipArchive;

use crate::tell::Samples;

/// Measured lower limits.
pub(crate) struct Floor {
    /// Seconds to decompress every member and discard the bytes.
    pub(crate) inflate: Samples,
    /// Seconds to decompress every member and split it into fields.
    pub(crate) scan: Samples,
    /// Number of records in all members, headers included.
    pub(crate) records: u64,
}

pub(crate) fn measure(zip: &Path, rounds: u32) -> Result<Floor, Box<dyn std::error::Error>> {
    let mut floor = Floor { inflate: Samples::default(), scan: Samples::default(), records: 0 };
    for _ in 0..rounds {
        let mut archive = ZipArchive::new(BufReader::new(File::open(zip)?))?;
        let start = Instant::now();
        for index in 0..archive.len() {
            io::copy(&mut archive.by_index(index)?, &mut io::sink())?;
        }
        floor.inflate.add(start.elapsed().as_secs_f64());
        let start = Instant::now();
        floor.records = 0;
        for index in 0..archive.len() {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(archive.by_index(index)?);
            let mut record = csv::ByteRecord::new();
            while reader.read_byte_record(&mut record)? {
                floor.records += 1;
            }
        }
        floor.scan.add(start.elapsed().as_secs_f64());
    }
    Ok(floor)
}
