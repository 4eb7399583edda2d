//! What the system knows about this process (Linux; elsewhere nothing is known).

use std::fs;
use std::path::Path;

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

/// Memory that this process could have: the machine's, or what its control group leaves of it.
pub fn memory_bytes() -> Option<u64> {
    let machine = meminfo_bytes(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    Some(group.map_or(machine, |group| group.min(machine)))
}

fn meminfo_bytes(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// Bytes in use and in all of the file system on which `path` lies.
pub fn disk_bytes(path: &Path) -> Option<(u64, u64)> {
    let disk = rustix::fs::statvfs(path).ok()?;
    let total = disk.f_blocks * disk.f_frsize;
    // What is kept back for the administrator counts as used: we cannot have it.
    Some((total - (disk.f_bavail * disk.f_frsize).min(total), total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_disk_are_known() {
        assert_eq!(
            meminfo_bytes("MemTotal:  2 kB\nMemFree: 1 kB\n"),
            Some(2048)
        );
        let (used, total) = disk_bytes(Path::new(".")).expect("this directory lies on a disk");
        assert!(used <= total && total > 0);
        assert_eq!(disk_bytes(Path::new("/no/such/place")), None);
    }

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
