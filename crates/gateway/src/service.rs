//! The gateway: matches, checks, calls, counts.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LENGTH};
use http::{HeaderValue, Method, Uri};
use model::{BoxFuture, Executor};

use crate::call::seconds_since;
use crate::counters::Took;
use crate::router::{Found, Router};
use crate::unwind::Guarded;
use crate::{
    Access, Call, Context, Counters, Dialect, Grant, Keys, Memory, Refusal, Request, Response,
    cors, path,
};

/// Settings of a gateway.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may do what.
    pub keys: Keys,
    /// Longest body in bytes.
    pub body_bytes_max: usize,
    /// Whether pages of other origins may use it.
    pub cors: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keys: Keys::default(),
            body_bytes_max: 32 << 20,
            cors: true,
        }
    }
}

/// Which dialects a listener answers, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// One dialect at the root.
    Only(&'static str),
    /// Every dialect behind `/` and its name; what has no such prefix goes to this one.
    Prefixed {
        /// The dialect of the root.
        root: &'static str,
    },
}

struct Mounted {
    dialect: &'static dyn Dialect,
    router: Router,
    counters: Counters,
    memory: Memory,
}

/// Every dialect over one executor.
pub struct Gateway {
    executor: Arc<dyn Executor>,
    mounted: Vec<Mounted>,
    context: Context,
    config: Config,
}

/// A gateway as one port sees it.
#[derive(Clone)]
pub struct Listener {
    gateway: Arc<Gateway>,
    mount: Mount,
}

impl Gateway {
    /// A gateway for `dialects`, whose names are unique.
    ///
    /// # Panics
    /// When the routes of a dialect conflict.
    pub fn new(
        executor: Arc<dyn Executor>,
        dialects: &[&'static dyn Dialect],
        context: Context,
        config: Config,
    ) -> Arc<Self> {
        let mount = |&dialect: &&'static dyn Dialect| Mounted {
            dialect,
            router: Router::new(dialect.routes()),
            counters: Counters::new(dialect.routes()),
            memory: dialect.memory(),
        };
        Arc::new(Self {
            executor,
            mounted: dialects.iter().map(mount).collect(),
            context,
            config,
        })
    }

    /// The gateway as one port sees it; `None` when it has no dialect of the name in `mount`.
    pub fn listener(self: &Arc<Self>, mount: Mount) -> Option<Listener> {
        let (Mount::Only(name) | Mount::Prefixed { root: name }) = mount;
        self.counters(name)?;
        Some(Listener {
            gateway: Arc::clone(self),
            mount,
        })
    }

    /// Names of the dialects, in the order given.
    pub fn dialects(&self) -> impl Iterator<Item = &'static str> {
        self.mounted.iter().map(|mounted| mounted.dialect.name())
    }

    /// Responses of the dialect called `name`.
    pub fn counters(&self, name: &str) -> Option<&Counters> {
        self.find(name).map(|mounted| &mounted.counters)
    }

    fn find(&self, name: &str) -> Option<&Mounted> {
        self.mounted
            .iter()
            .find(|mounted| mounted.dialect.name() == name)
    }

    /// The dialect that `path` belongs to, and the path as that dialect knows it.
    fn resolve<'a>(&self, mount: Mount, path: &'a str) -> (&Mounted, &'a str) {
        let known = "a listener exists only for a dialect that is mounted";
        match mount {
            Mount::Only(name) => (self.find(name).expect(known), path),
            Mount::Prefixed { root } => self
                .mounted
                .iter()
                .find_map(|mounted| {
                    let rest = path::strip_prefix(path, mounted.dialect.name())?;
                    Some((mounted, rest))
                })
                .unwrap_or_else(|| (self.find(root).expect(known), path)),
        }
    }

    async fn serve(&self, mount: Mount, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        if self.config.cors && cors::is_preflight(&parts.method, &parts.headers) {
            return cors::preflight(&parts.headers);
        }
        let normal = path::normal(parts.uri.path());
        let (mounted, path) = self.resolve(mount, &normal);
        let mut response = self.answer(mounted, path, &parts, body).await;
        if self.config.cors && parts.headers.contains_key(http::header::ORIGIN) {
            cors::allow(&mut response);
        }
        if parts.method == Method::HEAD {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
            *response.body_mut() = Bytes::new();
        }
        response
    }

    async fn answer(
        &self,
        mounted: &Mounted,
        path: &str,
        parts: &http::request::Parts,
        body: Bytes,
    ) -> Response {
        let started_micros = self.context.clock.now_micros();
        let seconds = || seconds_since(&self.context, started_micros);
        let dialect = mounted.dialect;
        let found = mounted.router.find(&parts.method, path);
        let access = match &found {
            Found::Route { index, .. } => dialect.routes()[*index].access,
            // Whoever has no key does not learn which paths exist.
            Found::WrongMethod { .. } | Found::Nothing => Access::Listed,
        };
        let collection = match &found {
            Found::Route { params, .. } => {
                let name = dialect.collection_parameter();
                let found = params.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.as_str())
            }
            Found::WrongMethod { .. } | Found::Nothing => None,
        };
        let grant = match self.grant(dialect, access, collection, parts).await {
            Ok(grant) => grant,
            Err(refusal) => return dialect.refuse(&refusal, seconds()),
        };
        let collection = collection.map(str::to_owned);
        let (index, params) = match found {
            Found::Route { index, params } => (index, params),
            Found::WrongMethod { allowed } => {
                return dialect.refuse(&Refusal::WrongMethod { allowed }, seconds());
            }
            Found::Nothing => return dialect.refuse(&Refusal::NoRoute, seconds()),
        };
        let response = if body.len() > self.config.body_bytes_max {
            let bytes = Some(body.len() as u64);
            dialect.refuse(&self.too_large(bytes), seconds())
        } else {
            let call = Call {
                executor: &*self.executor,
                context: &self.context,
                counters: &mounted.counters,
                memory: &*mounted.memory,
                query: parts.uri.query().unwrap_or_default(),
                headers: &parts.headers,
                body,
                grant,
                params,
                started_micros,
            };
            let handler = dialect.routes()[index].handler;
            let answered = Guarded(Box::pin(async move { handler(call).await })).await;
            answered.unwrap_or_else(|| dialect.refuse(&Refusal::Panicked, seconds()))
        };
        let clock = &self.context.clock;
        let took = Took {
            micros: clock.now_micros().saturating_sub(started_micros),
            ended_ms: clock.unix_ms(),
        };
        let counters = &mounted.counters;
        counters.count(index, collection.as_deref(), response.status(), took);
        response
    }

    async fn grant(
        &self,
        dialect: &dyn Dialect,
        access: Access,
        collection: Option<&str>,
        parts: &http::request::Parts,
    ) -> Result<Grant, Refusal> {
        let keys = &self.config.keys;
        if access == Access::Open || !keys.is_required() {
            return Ok(Grant::Full);
        }
        let key = dialect.credential(&parts.headers).ok_or(Refusal::NoKey)?;
        let grant = match keys.grant(key) {
            Some(grant) => grant,
            None => self.token_grant(dialect, key).await?,
        };
        match grant.check(access, collection) {
            Ok(()) => Ok(grant),
            Err(denied) => Err(Refusal::Forbidden(denied)),
        }
    }

    async fn token_grant(&self, dialect: &dyn Dialect, token: &str) -> Result<Grant, Refusal> {
        let now_s = self.context.clock.unix_ms() / 1000;
        match self.config.keys.claims(token, now_s) {
            None => Err(Refusal::WrongKey),
            Some(Err(fault)) => Err(Refusal::Token(fault)),
            Some(Ok(claims)) => dialect.token_grant(&claims, &*self.executor).await,
        }
    }

    fn too_large(&self, bytes: Option<u64>) -> Refusal {
        Refusal::BodyTooLarge {
            bytes,
            bytes_max: self.config.body_bytes_max,
        }
    }
}

impl Listener {
    /// Answers one request. The future never fails and does not panic when a handler does.
    pub fn serve(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(self.gateway.serve(self.mount, request))
    }

    /// Longest body in bytes: a host need not read more, and answers [`Self::too_large`].
    pub fn body_bytes_max(&self) -> usize {
        self.gateway.config.body_bytes_max
    }

    /// The answer to a request whose body is longer than allowed, for hosts that notice before
    /// they have read it. `bytes` is the announced length, where there is one.
    pub fn too_large(&self, uri: &Uri, bytes: Option<u64>) -> Response {
        let (mounted, _) = self.gateway.resolve(self.mount, uri.path());
        let mut response = mounted.dialect.refuse(&self.gateway.too_large(bytes), 0.0);
        if self.gateway.config.cors {
            let any = HeaderValue::from_static("*");
            response
                .headers_mut()
                .insert(ACCESS_CONTROL_ALLOW_ORIGIN, any);
        }
        response
    }

    /// The gateway behind it.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }
}
