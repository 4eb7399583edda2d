//! Indexes built and removed, of the primary vector and of named ones.

use gateway::Call;
use model::schema::VectorChange;
use model::{ClusterCount, ConfigChange, HnswConfig, IndexChoice, IvfConfig, Metric, WriteOp};
use serde_json::Value as Json;

use crate::collection::count_all;
use crate::error::Failure;
use crate::mode::{Family, Mode, flat_name, metric_name};
use crate::reply::{Answer, Params, success};
use crate::request::{At, about_collection, body};
use crate::seen::{Field, PRIMARY, Seen, set_mode};

about_collection! {
    /// An index to be built.
    struct Build {
        index_mode: Option<String>,
        n_clusters: Option<u64>,
        field_name: Option<String>,
        params: Option<serde_json::Map<String, Json>>,
    }
}

about_collection! {
    /// An index to be removed.
    struct Remove {
        field_name: String,
    }
}

/// The mode of that name.
///
/// # Errors
/// When there is none.
pub(crate) fn mode_of(name: &str) -> Result<Mode, Failure> {
    let unknown = || Failure::argument(format_args!("Unknown index type: {name}"));
    Mode::parse(name).ok_or_else(unknown)
}

/// The index that a mode wants. `params` are those of the newer protocol, by their names for either
/// kind of graph; what they say that no graph can be is left aside.
fn index(
    mode: Mode,
    clusters: Option<u32>,
    params: Option<&serde_json::Map<String, Json>>,
) -> IndexChoice {
    let (m, ef_construct) = match mode.family {
        _ if !mode.is_indexed() || mode.metric.is_binary() => return IndexChoice::Exact,
        Family::Ivf => {
            let clusters = clusters.map_or(ClusterCount::PerRoot(1.0), ClusterCount::Fixed);
            return IndexChoice::Ivf(IvfConfig { clusters });
        }
        Family::Flat | Family::Hnsw => (16, 128),
        Family::DiskAnn => (32, 100),
    };
    let number = |names: [&str; 2]| {
        let params = params?;
        let mut found = names.iter().filter_map(|name| params.get(*name)?.as_u64());
        found.next()
    };
    let given = number(["m", "r"]).and_then(|m| u16::try_from(m).ok());
    let m = given.filter(|m| (2..=512).contains(m)).unwrap_or(m);
    let given = number(["ef_construction", "l"]).and_then(|ef| u32::try_from(ef).ok());
    IndexChoice::Graph(HnswConfig {
        m,
        ef_construct: given.unwrap_or(ef_construct).clamp(u32::from(m), 10_000),
        // Whoever asks for an index wants it used.
        full_scan_threshold_kb: 1_000,
    })
}

/// The settings of a field that is searched in `mode`.
pub(crate) fn settings(
    field: &Field,
    mode: Option<Mode>,
    clusters: Option<u32>,
    params: Option<&serde_json::Map<String, Json>>,
) -> WriteOp {
    // Bits that floats stand for have no index.
    let fits = mode.filter(|mode| !mode.metric.is_binary());
    let metric = fits.map(|mode| mode.metric);
    let change = VectorChange {
        name: field.name.clone(),
        index: Some(Some(
            fits.map_or(IndexChoice::Exact, |mode| index(mode, clusters, params)),
        )),
        index_metric: Some(metric.filter(|metric| *metric != field.stored)),
        quantization: Some(fits.and_then(|mode| mode.quantization(field.dim))),
        residency: None,
        modifier: None,
    };
    WriteOp::Configure(ConfigChange {
        vectors: vec![change],
        ..ConfigChange::default()
    })
}

/// The mode that is asked for and its number of clusters, if it can be built.
async fn check(
    call: &Call<'_>,
    seen: &Seen,
    field: &Field,
    asked: &Build,
) -> Result<(Mode, Option<u32>), Failure> {
    let name = asked.index_mode.as_deref().unwrap_or("FLAT");
    let mode = mode_of(name)?;
    let clusters = match asked.n_clusters {
        Some(_) if mode.family != Family::Ivf => {
            return Err(Failure::argument(
                "n_clusters is only supported for IVF indexes",
            ));
        }
        Some(0) => return Err(Failure::argument("n_clusters must be greater than 0")),
        // No more than there may be.
        Some(count) => Some(
            u32::try_from(count).map_or(ClusterCount::MAX, |count| count.min(ClusterCount::MAX)),
        ),
        None => None,
    };
    if field.stored == Metric::Cosine && mode.metric != Metric::Cosine {
        // Such a field keeps directions and no lengths.
        return Err(Failure::argument(format_args!(
            "vector field metric '{}' does not match index mode '{name}'",
            metric_name(field.stored)
        )));
    }
    if mode.family != Family::Flat && count_all(call, &seen.collection).await? == 0 {
        return Err(Failure::empty());
    }
    Ok((mode, clusters))
}

async fn build_field(call: &Call<'_>, asked: &Build, name: &str) -> Result<(), Failure> {
    let seen = Seen::open(call, &asked.at()).await?;
    let field = seen.field(name)?;
    let (mode, clusters) = check(call, &seen, &field, asked).await?;
    let shown = asked.index_mode.as_deref().unwrap_or("FLAT");
    let vector = field.name.clone();
    seen.keep(
        call,
        |_| {
            vec![settings(
                &field,
                Some(mode),
                clusters,
                asked.params.as_ref(),
            )]
        },
        |own| set_mode(own, &vector, Some(shown)),
    )
    .await?;
    Ok(())
}

fn built(asked: &Build, mut params: Params) -> Answer {
    let mode = asked.index_mode.as_deref().unwrap_or("FLAT");
    params.insert("index_mode".into(), mode.into());
    params.insert("n_clusters".into(), asked.n_clusters.into());
    if let Some(given) = &asked.params {
        params.insert("params".into(), given.clone().into());
    }
    Ok(success(params))
}

pub(crate) async fn build(call: &Call<'_>) -> Answer {
    let asked: Build = body(call)?;
    build_field(call, &asked, PRIMARY).await?;
    built(&asked, asked.at().echo())
}

pub(crate) async fn build_named(call: &Call<'_>) -> Answer {
    let asked: Build = body(call)?;
    let name = named(&asked)?;
    build_field(call, &asked, name).await?;
    built(&asked, asked.at().echo_with("field_name", name))
}

fn named(asked: &Build) -> Result<&str, Failure> {
    let missing = || Failure::line("Json deserialize error: missing field `field_name`");
    asked.field_name.as_deref().ok_or_else(missing)
}

async fn remove_field(call: &Call<'_>, at: &At, name: &str) -> Result<(), Failure> {
    let seen = Seen::open(call, at).await?;
    let field = seen.field(name)?;
    // A named field goes back to comparing every row by the metric that it has by now.
    let left = (name != PRIMARY).then(|| flat_name(field.metric()));
    let vector = field.name.clone();
    seen.keep(
        call,
        |_| vec![settings(&field, None, None, None)],
        |own| set_mode(own, &vector, left),
    )
    .await?;
    Ok(())
}

pub(crate) async fn remove(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    remove_field(call, &at, PRIMARY).await?;
    Ok(success(at.echo()))
}

pub(crate) async fn remove_named(call: &Call<'_>) -> Answer {
    let asked: Remove = body(call)?;
    let at = asked.at();
    remove_field(call, &at, &asked.field_name).await?;
    Ok(success(at.echo_with("field_name", asked.field_name)))
}
