//! Other engines on the same data in the same run, through small Python scripts.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use model::Metric;
use serde_json::Value;

use crate::dataset::Dataset;
use crate::sweep::{EFS, Point};

/// What a peer's script reported.
pub(crate) struct PeerResult {
    /// Name and version of the engine and its build settings.
    pub(crate) name: String,
    /// Seconds from the first row to a searchable index.
    pub(crate) build_s: f64,
    /// Resident memory that the index added, in bytes.
    pub(crate) memory_bytes: f64,
    /// The sweep.
    pub(crate) points: Vec<Point>,
}

/// The scripts of `folder` (`*_peer.py`), sorted by name.
pub(crate) fn scripts(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with("_peer.py"))
        .collect();
    scripts.sort();
    Ok(scripts)
}

/// Writes the data where the scripts read them: raw little-endian matrices in `folder`.
pub(crate) fn write_data(dataset: &Dataset, truth: &[u32], folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(
        folder.join("base.f32"),
        bytemuck::cast_slice::<f32, u8>(&dataset.base),
    )?;
    std::fs::write(
        folder.join("queries.f32"),
        bytemuck::cast_slice::<f32, u8>(&dataset.queries),
    )?;
    std::fs::write(
        folder.join("truth.u32"),
        bytemuck::cast_slice::<u32, u8>(truth),
    )
}

/// Runs one script on the data of [`write_data`].
pub(crate) fn run(
    python: &Path,
    script: &Path,
    dataset: &Dataset,
    folder: &Path,
    settings: &Settings,
) -> io::Result<PeerResult> {
    let metric = match dataset.metric {
        Metric::Dot | Metric::Cosine => "ip",
        _ => "l2",
    };
    let output = Command::new(python)
        .arg(script)
        .args(["--data".as_ref(), folder.as_os_str()])
        .args(["--dim", &dataset.dim.to_string()])
        .args(["--metric", metric])
        .args(["--k", &settings.k.to_string()])
        .args(["--runs", &settings.runs.to_string()])
        .args(["--threads", &settings.threads.to_string()])
        .args(["--efs", &EFS.map(|ef| ef.to_string()).join(",")])
        .output()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!(
            "{} failed: {reason}",
            script.display()
        )));
    }
    parse(&output.stdout)
        .ok_or_else(|| io::Error::other(format!("{} reported nothing readable", script.display())))
}

/// How peers are measured.
pub(crate) struct Settings {
    /// Neighbours per query.
    pub(crate) k: usize,
    /// Passes per point.
    pub(crate) runs: usize,
    /// Threads for building.
    pub(crate) threads: usize,
}

fn parse(stdout: &[u8]) -> Option<PeerResult> {
    let report: Value = serde_json::from_slice(stdout).ok()?;
    let points = report["points"].as_array()?.iter().map(|point| {
        Some(Point {
            ef: point["ef"].as_u64()? as usize,
            recall: point["recall"].as_f64()?,
            qps: point["qps"].as_f64()?,
        })
    });
    Some(PeerResult {
        name: report["name"].as_str()?.to_owned(),
        build_s: report["build_s"].as_f64()?,
        memory_bytes: report["memory_bytes"].as_f64()?,
        points: points.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let report = br#"{"name": "x 1", "build_s": 2.5, "memory_bytes": 10,
            "points": [{"ef": 10, "recall": 0.9, "qps": 100.5}]}"#;
        let peer = parse(report).unwrap();
        assert_eq!(
            peer.points,
            [Point {
                ef: 10,
                recall: 0.9,
                qps: 100.5
            }]
        );
        assert_eq!((peer.build_s, peer.memory_bytes), (2.5, 10.0));
        assert!(parse(b"{}").is_none());
        assert!(parse(b"Traceback").is_none());
    }
}
