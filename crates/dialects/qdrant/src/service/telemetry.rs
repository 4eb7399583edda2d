//! Telemetry: counts of requests, collections and resources, more of them at each level.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use gateway::{Call, Count};
use model::{CollectionInfo, CollectionRef, DatabaseName, Query, Reply};
use serde::Serialize;

use super::VERSION;
use crate::collections::{self, OptimizerStatus, ShownConfig};
use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::hints::moment;
use crate::memory::Remembered;
use crate::quotas;
use crate::request;

/// At this level collections are listed in short, at the next one in full.
const COLLECTIONS_LEVEL: u64 = 1;
const SHARDS_LEVEL: u64 = 2;

#[derive(Serialize)]
struct Telemetry {
    id: String,
    app: App,
    collections: Collections,
    cluster: Cluster,
    requests: Requests,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware: Option<Hardware>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search_pool: Option<SearchPool>,
    quota: quotas::Told,
}

#[derive(Serialize)]
struct App {
    name: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<Features>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<System>,
    startup: String,
}

#[derive(Serialize)]
struct Features {
    debug: bool,
    service_debug_feature: bool,
    recovery_mode: bool,
    gpu: bool,
    rocksdb: bool,
    staging: bool,
}

#[derive(Serialize)]
struct System {
    is_docker: bool,
    cores: Option<u64>,
    ram_size: Option<u64>,
    disk_size: Option<u64>,
    cpu_flags: &'static str,
}

#[derive(Serialize)]
struct Collections {
    number_of_collections: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    collections: Option<Vec<OfCollection>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum OfCollection {
    Short {
        vectors: u64,
        optimizers_status: OptimizerStatus,
        params: collections::Params,
    },
    Full {
        id: String,
        config: Box<ShownConfig>,
        shards: [Shard; 1],
        transfers: [(); 0],
        resharding: [(); 0],
    },
}

#[derive(Serialize)]
struct Shard {
    id: u32,
    local: LocalShard,
    remote: [(); 0],
    replicate_states: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
struct LocalShard {
    variant_name: &'static str,
    status: &'static str,
    total_optimized_points: u64,
    vectors_size_bytes: u64,
    payloads_size_bytes: u64,
    num_points: u64,
    num_vectors: u64,
    num_vectors_by_name: BTreeMap<String, u64>,
    optimizations: Optimizations,
    update_queue: Queue,
}

#[derive(Serialize)]
struct Optimizations {
    status: OptimizerStatus,
    optimizations: Ended,
}

#[derive(Serialize)]
struct Ended {
    count: usize,
}

#[derive(Serialize)]
struct Queue {
    length: u64,
}

#[derive(Serialize)]
struct Cluster {
    enabled: bool,
}

#[derive(Serialize)]
struct Memory {
    active_bytes: u64,
    allocated_bytes: u64,
    metadata_bytes: u64,
    resident_bytes: u64,
    retained_bytes: u64,
}

/// Work by collection; none of it is measured.
#[derive(Serialize)]
struct Hardware {
    collection_data: BTreeMap<String, ()>,
}

#[derive(Serialize)]
struct SearchPool {
    mode: &'static str,
    high_cpu_threads: u64,
    high_io_threads: u64,
}

#[derive(Serialize)]
struct Requests {
    rest: Responses,
    grpc: Responses,
}

/// By status.
type ByStatus = BTreeMap<String, Durations>;

#[derive(Serialize, Default)]
struct Responses {
    /// By method and pattern.
    responses: BTreeMap<String, ByStatus>,
    /// By collection, then as above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    per_collection_responses: BTreeMap<String, BTreeMap<String, ByStatus>>,
}

#[derive(Serialize)]
struct Durations {
    count: u64,
    avg_duration_micros: f64,
    min_duration_micros: f64,
    max_duration_micros: f64,
    total_duration_micros: u64,
    last_responded: String,
}

/// What the query string asks for.
struct Asked {
    level: u64,
    anonymize: bool,
    per_collection: bool,
}

impl Asked {
    fn of(call: &Call<'_>) -> Result<Self, Failure> {
        request::read_parameters(call)?;
        Ok(Self {
            level: request::parameter(call, "details_level")?.unwrap_or(0),
            anonymize: request::parameter(call, "anonymize")?.unwrap_or(false),
            per_collection: request::parameter(call, "per_collection")?.unwrap_or(false),
        })
    }
}

/// `text` as it may be told to strangers: the same for the same, and not to be read back.
pub(crate) fn anonymous(text: &str) -> String {
    hash(text).to_string()
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn by_route(counts: &[Count]) -> BTreeMap<String, ByStatus> {
    let mut routes: BTreeMap<String, ByStatus> = BTreeMap::new();
    for count in counts {
        let durations = Durations {
            count: count.responses,
            avg_duration_micros: count.micros as f64 / count.responses as f64,
            min_duration_micros: count.micros_min as f64,
            max_duration_micros: count.micros_max as f64,
            total_duration_micros: count.micros,
            last_responded: moment(count.last_ms),
        };
        let route = format!("{} {}", count.method, count.path);
        let by_status = routes.entry(route).or_default();
        by_status.insert(count.status.to_string(), durations);
    }
    routes
}

fn responses(call: &Call<'_>, asked: &Asked) -> Responses {
    let mut rest = Responses {
        responses: by_route(&call.counters.snapshot()),
        ..Responses::default()
    };
    if asked.per_collection {
        let named = call.counters.by_collection().into_iter();
        rest.per_collection_responses = named
            .map(|(name, counts)| match asked.anonymize {
                true => (anonymous(&name), by_route(&counts)),
                false => (name, by_route(&counts)),
            })
            .collect();
    }
    rest
}

/// The collections of the default database that the caller may read, ascending by name. One that
/// is dropped meanwhile is left out, and one that cannot be opened too.
pub(super) async fn described(call: &Call<'_>) -> Result<Vec<CollectionInfo>, Failure> {
    let database = DatabaseName::default();
    let names = match request::query(call, Query::ListCollections(database.clone())).await? {
        Reply::Collections(names) => names,
        other => return Err(other.unexpected().into()),
    };
    let mut described = Vec::with_capacity(names.len());
    for name in names
        .into_iter()
        .filter(|name| request::may_read(call, name))
    {
        let collection = CollectionRef {
            database: database.clone(),
            name,
        };
        let query = Query::DescribeCollection(collection);
        if let Ok(Reply::Collection(info)) = request::query(call, query).await {
            described.push(*info);
        }
    }
    Ok(described)
}

/// Points of optimizations that ended well, and how many ended so.
async fn optimized(call: &Call<'_>, info: &CollectionInfo) -> (u64, usize) {
    let collection = CollectionRef {
        database: DatabaseName::default(),
        name: info.name.clone(),
    };
    let Ok(Reply::Upkeep(upkeep)) = request::query(call, Query::WatchUpkeep(collection)).await
    else {
        return (0, 0);
    };
    let done = upkeep.completed.iter().filter(|task| {
        let failure = task.end.as_ref().map(|end| end.failure.is_some());
        failure == Some(false)
    });
    let points = done.clone().flat_map(|task| &task.segments);
    (points.map(|segment| segment.points).sum(), done.count())
}

async fn of_collection(
    call: &Call<'_>,
    asked: &Asked,
    info: &CollectionInfo,
) -> Result<OfCollection, Failure> {
    let (status, optimizers_status) = collections::status(&info.status);
    let config = collections::config(&info.schema)?;
    let vectors = info.vectors.iter().sum();
    if asked.level < SHARDS_LEVEL {
        return Ok(OfCollection::Short {
            vectors,
            optimizers_status,
            params: config.params,
        });
    }
    let (total_optimized_points, count) = optimized(call, info).await;
    let text = |name: &str| match asked.anonymize {
        true => anonymous(name),
        false => name.to_owned(),
    };
    let fields = info.schema.vectors.iter().zip(&info.vectors);
    let local = LocalShard {
        variant_name: "local shard",
        status,
        total_optimized_points,
        vectors_size_bytes: info.size.vector_bytes,
        payloads_size_bytes: info.size.payload_bytes,
        num_points: info.points,
        num_vectors: vectors,
        num_vectors_by_name: fields
            .map(|(field, count)| (text(field.name.as_str()), *count))
            .collect(),
        optimizations: Optimizations {
            status: optimizers_status,
            optimizations: Ended { count },
        },
        update_queue: Queue {
            length: info.queued,
        },
    };
    let shard = Shard {
        id: 0,
        local,
        remote: [],
        replicate_states: [("0", "Active")].into(),
    };
    Ok(OfCollection::Full {
        id: text(info.name.as_str()),
        config: Box::new(config),
        shards: [shard],
        transfers: [],
        resharding: [],
    })
}

async fn collections(call: &Call<'_>, asked: &Asked) -> Result<Collections, Failure> {
    let described = described(call).await?;
    let mut shown = Vec::new();
    if asked.level >= COLLECTIONS_LEVEL {
        for info in &described {
            shown.push(of_collection(call, asked, info).await?);
        }
    }
    Ok(Collections {
        number_of_collections: described.len(),
        collections: (asked.level >= COLLECTIONS_LEVEL).then_some(shown),
    })
}

fn app(call: &Call<'_>, detailed: bool) -> App {
    let resources = Remembered::resources(call);
    let features = Features {
        debug: cfg!(debug_assertions),
        service_debug_feature: false,
        recovery_mode: false,
        gpu: false,
        rocksdb: false,
        staging: false,
    };
    let system = System {
        is_docker: false,
        cores: resources.processors,
        ram_size: resources.memory_bytes.map(|bytes| bytes / 1024),
        disk_size: resources.disk_bytes.map(|bytes| bytes / 1024),
        cpu_flags: "",
    };
    let startup = call.context.metrics.started_at();
    App {
        name: "qdrant",
        version: VERSION,
        features: detailed.then_some(features),
        system: detailed.then_some(system),
        startup: startup.unwrap_or_else(|| moment(0)),
    }
}

/// `GET /telemetry`
pub(crate) async fn telemetry(call: &Call<'_>) -> Answer {
    let asked = Asked::of(call)?;
    let detailed = asked.level >= 1;
    let resources = Remembered::resources(call);
    let app = app(call, detailed);
    // The same while the process lives, and another one afterwards.
    let id = u128::from(hash(&app.startup)) << 64 | u128::from(hash(app.name));
    let memory = resources.resident_bytes.map(|resident_bytes| {
        let anonymous = resources.anonymous_bytes.unwrap_or(resident_bytes);
        Memory {
            active_bytes: anonymous,
            allocated_bytes: anonymous,
            metadata_bytes: 0,
            resident_bytes,
            retained_bytes: 0,
        }
    });
    let search_pool = resources.processors.map(|threads| SearchPool {
        mode: "shared",
        high_cpu_threads: threads,
        high_io_threads: 0,
    });
    let told = Telemetry {
        id: uuid::Builder::from_custom_bytes(id.to_be_bytes())
            .into_uuid()
            .to_string(),
        app,
        collections: collections(call, &asked).await?,
        cluster: Cluster { enabled: false },
        requests: Requests {
            rest: responses(call, &asked),
            grpc: Responses::default(),
        },
        memory: memory.filter(|_| detailed),
        hardware: detailed.then(|| Hardware {
            collection_data: BTreeMap::new(),
        }),
        search_pool: search_pool.filter(|_| detailed),
        quota: quotas::told(call).await?,
    };
    envelope::ok(call, told)
}
