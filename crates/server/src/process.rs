//! What the system knows about this process (Linux; elsewhere nothing is known).

use std::fs;

/// Memory and other resources of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStats {
    /// Bytes of physical memory, pages of mapped files included.
    pub resident_bytes: u64,
    /// Bytes of it that no file stands behind.
    pub anonymous_bytes: u64,
    /// Bytes of it that are pages of mapped files, which the system can drop at any time.
    pub file_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub open_files: u64,
}

impl ProcessStats {
    /// As the system says now; `None` where it has no `/proc`.
    pub fn read() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let open_files = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
        Self::parse(&status, open_files)
    }

    fn parse(status: &str, open_files: u64) -> Option<Self> {
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.strip_prefix(':')?
                .split_whitespace()
                .next()?
                .parse::<u64>()
                .ok()
        };
        Some(Self {
            resident_bytes: number("VmRSS")? * 1024,
            anonymous_bytes: number("RssAnon")? * 1024,
            file_bytes: number("RssFile")? * 1024,
            threads: number("Threads")?,
            open_files,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_page_is_read() {
        let status = "Name:\tskerry\nVmRSS:\t    2048 kB\nRssAnon:\t    1024 kB\n\
                      RssFile:\t    1000 kB\nThreads:\t7\n";
        let stats = ProcessStats::parse(status, 9).expect("all lines are there");
        assert_eq!(stats.resident_bytes, 2 << 20);
        assert_eq!(
            (stats.anonymous_bytes, stats.file_bytes),
            (1 << 20, 1000 << 10)
        );
        assert_eq!((stats.threads, stats.open_files), (7, 9));
        assert_eq!(ProcessStats::parse("Name:\tskerry\n", 9), None);
    }
}
