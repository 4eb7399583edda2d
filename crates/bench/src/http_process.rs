//! A server process: started, watched through `/proc`, stopped.
// A benchmark measures with clocks and threads of its own.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::http_wire::{Wire, request};

/// A server gets this long to answer for the first time, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the binary `skerry` lies.
#[derive(clap::Args)]
pub(crate) struct Binary {
    /// The server's binary; without it, `skerry` beside this program.
    #[arg(long)]
    server: Option<PathBuf>,
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where its Qdrant interface listens.
    pub(crate) address: SocketAddr,
    /// From starting the process to its first answer to a search or, without one, to `/readyz`.
    pub(crate) started_s: f64,
}

/// Memory of a process in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Pages that no file stands behind.
    pub(crate) anonymous: u64,
    /// Resident pages of mapped files, whichever they are.
    pub(crate) file: u64,
}

impl Binary {
    fn path(&self) -> io::Result<PathBuf> {
        let path = match &self.server {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("skerry"),
        };
        if path.is_file() {
            return Ok(path);
        }
        let path = path.display();
        Err(io::Error::other(format!(
            "no server at {path}: build it, or give --server"
        )))
    }

    /// Starts a server on `data` and waits until it answers `first` with 200.
    pub(crate) fn start(&self, data: &Path, first: &[u8]) -> io::Result<Server> {
        // The port is free now and, in practice, still a moment later.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let started = Instant::now();
        let child = Command::new(self.path()?)
            .arg("serve")
            .args(["--data".as_ref(), data.as_os_str()])
            .args(["--qdrant-port", &address.port().to_string()])
            .env("SKERRY_LOG", "warn")
            .env("SKERRY_MILVUS_PORT", "0")
            .env("SKERRY_INFINITY_PORT", "0")
            .env("SKERRY_LYNSE_PORT", "0")
            .stdout(Stdio::null())
            .spawn()?;
        let mut server = Server {
            child,
            address,
            started_s: 0.0,
        };
        loop {
            if let Ok(200) = server.try_first(first) {
                server.started_s = started.elapsed().as_secs_f64();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(io::Error::other(format!(
                    "the server ended at once: {status}"
                )));
            }
            if started.elapsed() > PATIENCE {
                return Err(io::Error::other("the server does not answer"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// As [`Self::start`], with `/readyz` as the first question.
    pub(crate) fn start_ready(&self, data: &Path) -> io::Result<Server> {
        self.start(data, &request("GET", "/readyz", ""))
    }
}

impl Server {
    fn try_first(&self, first: &[u8]) -> io::Result<u16> {
        Ok(Wire::connect(self.address)?.exchange(first)?.status)
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> io::Result<Wire> {
        Wire::connect(self.address)
    }

    /// Processor time of all its threads so far, in seconds.
    pub(crate) fn cpu_s(&self) -> io::Result<f64> {
        cpu_s(&self.child.id().to_string())
    }

    /// Its memory now.
    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            number
                .map(|kib| kib * 1024)
                .ok_or_else(|| io::Error::other(name.to_owned()))
        };
        Ok(Memory {
            anonymous: bytes("RssAnon:")?,
            file: bytes("RssFile:")?,
        })
    }

    /// Resident bytes of mapped files below `folder`, by the name of the file.
    pub(crate) fn mapped(&self, folder: &Path) -> io::Result<Vec<(String, u64)>> {
        let maps = fs::read_to_string(format!("/proc/{}/smaps", self.child.id()))?;
        Ok(resident_by_file(&maps, &folder.to_string_lossy()))
    }

    /// Stops it in order.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(io::Error::other(format!("the server: {status}"))),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(io::Error::other("the server does not stop"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill, and that is no failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of a process (`self` or a number) so far, in seconds.
pub(crate) fn cpu_s(process: &str) -> io::Result<f64> {
    let mut seconds = 0.0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may have ended in between; its time is lost, and threads that serve stay.
        seconds += run_s(&task?.path()).unwrap_or(0.0);
    }
    Ok(seconds)
}

/// Processor time of the calling thread so far, in seconds.
pub(crate) fn thread_cpu_s() -> io::Result<f64> {
    run_s(Path::new("/proc/thread-self"))
}

/// The scheduler counts nanoseconds; `/proc/…/stat` would count hundredths of a second.
fn run_s(thread: &Path) -> io::Result<f64> {
    let line = fs::read_to_string(thread.join("schedstat"))?;
    let first = line.split_whitespace().next();
    let nanoseconds = first.and_then(|n| n.parse::<u64>().ok());
    Ok(nanoseconds.ok_or_else(|| io::Error::other("schedstat"))? as f64 / 1e9)
}

fn resident_by_file(maps: &str, folder: &str) -> Vec<(String, u64)> {
    let mut found: Vec<(String, u64)> = Vec::new();
    let mut current = None;
    for line in maps.lines() {
        if let Some((_, path)) = line.split_once(folder) {
            current = Some(path.trim_start_matches('/').to_owned());
        } else if let (Some(path), Some(rest)) = (&current, line.strip_prefix("Rss:")) {
            let kib = rest
                .split_whitespace()
                .next()
                .and_then(|n| n.parse::<u64>().ok());
            found.push((path.clone(), kib.unwrap_or(0) * 1024));
        } else if line
            .split_whitespace()
            .next()
            .is_some_and(|word| word.contains('-'))
        {
            // The first line of another mapping.
            current = None;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_mapped_files_are_found() {
        let maps = "7f00-7f10 r--s 0 08:01 1 /tmp/data/coll/1/seg/a\nSize: 99 kB\nRss: 12 kB\n\
                    7f20-7f30 rw-p 0 00:00 0 \nRss: 50 kB\n\
                    7f40-7f50 r--s 0 08:01 2 /tmp/data/b\nRss: 0 kB\n";
        let expected = [("coll/1/seg/a".to_owned(), 12 << 10), ("b".to_owned(), 0)];
        assert_eq!(resident_by_file(maps, "/tmp/data"), expected);
    }

    #[test]
    fn processor_time_of_this_process_grows() {
        let before = cpu_s("self").unwrap();
        let mut sum = 0.0_f64;
        while cpu_s("self").unwrap() < before + 0.01 {
            sum = (0..100_000).fold(sum, |sum, x| sum + f64::from(x).sqrt());
        }
        assert!(sum > 0.0);
    }
}
