//! A database in memory behind the Qdrant dialect, and everything that it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use gateway::Mount;
use http::StatusCode;
use model::query::{PayloadSelect, VectorSelect};
use model::{CollectionRef, DatabaseName, Executor, Query, Reply, Select};
use skerry_app::{App, Config, gateway, model};
use testkit::{MapStore, SimHost};

/// Points by collection and id, each as all that is known of it.
pub(crate) type Points = BTreeMap<(String, String), String>;

/// A running process.
pub(crate) struct Running {
    store: Arc<MapStore>,
    host: Arc<SimHost>,
    app: Arc<App>,
    seed: u64,
}

impl Running {
    /// A process with an empty store.
    pub(crate) fn open(seed: u64) -> Self {
        Self::start(Arc::new(MapStore::default()), seed)
    }

    fn start(store: Arc<MapStore>, seed: u64) -> Self {
        let host = SimHost::new(seed);
        let opened = App::open(
            Arc::clone(&store) as _,
            Arc::clone(&host) as _,
            Config::default(),
        );
        let app = Arc::new(host.block_on(opened).unwrap());
        Self {
            store,
            host,
            app,
            seed,
        }
    }

    /// What is open.
    pub(crate) fn app(&self) -> Arc<App> {
        Arc::clone(&self.app)
    }

    /// Ends the process where it stands and starts another on the same store.
    pub(crate) fn crash(&self) -> Self {
        self.host.crash();
        Self::start(Arc::clone(&self.store), self.seed + 1)
    }

    /// One request, and everything that follows from it in the background.
    pub(crate) fn send(&self, method: &str, path: &str, body: Vec<u8>) -> (StatusCode, String) {
        let request = http::Request::builder().method(method).uri(path);
        let Ok(request) = request.body(Bytes::from(body)) else {
            // Not every text of the corpus is a path; a client could not send it either.
            return (StatusCode::NOT_FOUND, String::new());
        };
        let listener = self.app.gateway().listener(Mount::Only("qdrant")).unwrap();
        let response = self
            .host
            .block_on(async move { listener.serve(request).await });
        self.host.run_until_idle();
        let text = String::from_utf8_lossy(response.body()).into_owned();
        (response.status(), text)
    }

    fn ask(&self, query: Query) -> Reply {
        let database = self.app.database();
        self.host
            .block_on(async move { database.query(query).await })
            .unwrap()
    }

    /// Everything that is stored.
    pub(crate) fn points(&self) -> Points {
        let Reply::Collections(names) = self.ask(Query::ListCollections(DatabaseName::default()))
        else {
            panic!("a list was asked for");
        };
        let mut points = Points::new();
        for name in names {
            let scroll = Query::Scroll {
                collection: CollectionRef::in_default(name.as_str()).unwrap(),
                filter: None,
                from: None,
                limit: 100_000,
                order_by: None,
                select: Select {
                    payload: PayloadSelect::All,
                    vectors: VectorSelect::All,
                },
            };
            let Reply::Page { records, .. } = self.ask(scroll) else {
                panic!("a page was asked for");
            };
            points.extend(records.into_iter().map(|(record, _)| {
                let place = (name.as_str().to_owned(), format!("{:?}", record.id));
                (place, format!("{record:?}"))
            }));
        }
        points
    }
}
