//! The gateway: matches, checks, calls, counts.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LENGTH};
use http::{HeaderValue, Method, Uri};
use model::{BoxFuture, Executor};

use crate::body::{Limited, Upload};
use crate::call::seconds_since;
use crate::counters::Took;
use crate::router::{Found, Router};
use crate::unwind::Guarded;
use crate::{
    Access, Body, Call, Context, Counters, Dialect, Grant, Intake, Keys, Memory, Refusal, Request,
    Response, Route, cors, path,
};

/// Settings of a gateway.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may do what.
    pub keys: Keys,
    /// Longest body in bytes, but for routes that take it as it comes.
    pub body_bytes_max: usize,
    /// Longest body of the others; `None`: whatever the store has room for.
    pub upload_bytes_max: Option<u64>,
    /// Whether pages of other origins may use it.
    pub cors: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keys: Keys::default(),
            body_bytes_max: 32 << 20,
            upload_bytes_max: None,
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

    async fn serve(&self, mount: Mount, request: http::Request<Body>) -> Response {
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
            if let Some(bytes) = response.body().len() {
                let length = HeaderValue::from(bytes);
                response.headers_mut().insert(CONTENT_LENGTH, length);
            }
            *response.body_mut() = Body::default();
        }
        response
    }

    async fn answer(
        &self,
        mounted: &Mounted,
        path: &str,
        parts: &http::request::Parts,
        body: Body,
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
        let route = &dialect.routes()[index];
        let (body, ahead) = body.apart();
        let response = match self.take_in(route.intake, body).await {
            Err(refusal) => dialect.refuse(&refusal, seconds()),
            Ok((body, upload)) => {
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
                    upload,
                    ahead,
                };
                let handler = route.handler;
                let answered = Guarded(Box::pin(async move { handler(call).await })).await;
                answered.unwrap_or_else(|| dialect.refuse(&Refusal::Panicked, seconds()))
            }
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

    /// The body as the route wants it: in memory, or to be taken by the handler.
    async fn take_in(&self, intake: Intake, body: Body) -> Result<(Bytes, Upload), Refusal> {
        let announced = body.len();
        match intake {
            Intake::Whole => {
                let bytes_max = self.config.body_bytes_max;
                match body.collect(bytes_max).await {
                    Ok(Some(bytes)) => Ok((bytes, Upload::new(None))),
                    Ok(None) => Err(self.too_large(announced)),
                    Err(_) => Err(Refusal::BrokenOff),
                }
            }
            Intake::Stream => {
                let source = body.into_source();
                let source = match self.config.upload_bytes_max {
                    Some(left) => Box::new(Limited { source, left }),
                    None => source,
                };
                Ok((Bytes::new(), Upload::new(Some(source))))
            }
        }
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
        let grant = match keys.grant(&key) {
            Some(grant) => grant,
            None => self.token_grant(dialect, &key).await?,
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
    pub fn exchange(&self, request: http::Request<Body>) -> BoxFuture<'_, Response> {
        Box::pin(self.gateway.serve(self.mount, request))
    }

    /// As [`Self::exchange`], for hosts that hold every body in memory.
    pub fn serve(&self, request: Request) -> BoxFuture<'_, http::Response<Bytes>> {
        Box::pin(async move {
            let uri = request.uri().clone();
            let response = self.exchange(request.map(Body::Whole)).await;
            let (parts, body) = response.into_parts();
            if let Ok(Some(bytes)) = body.collect(usize::MAX).await {
                return http::Response::from_parts(parts, bytes);
            }
            let (mounted, _) = self.gateway.resolve(self.mount, uri.path());
            let refused = mounted.dialect.refuse(&Refusal::Panicked, 0.0);
            let (parts, body) = refused.into_parts();
            let bytes = body.collect(usize::MAX).await.ok().flatten();
            http::Response::from_parts(parts, bytes.unwrap_or_default())
        })
    }

    /// Whether the route of a request takes the body as it comes: a host then must not read it
    /// first.
    pub fn streams(&self, method: &Method, uri: &Uri) -> bool {
        self.route(method, uri)
            .is_some_and(|route| route.intake == Intake::Stream)
    }

    /// Whether a request only reads points of a collection, so that any copy of the database can
    /// answer it.
    pub fn reads_points(&self, method: &Method, uri: &Uri) -> bool {
        self.route(method, uri)
            .is_some_and(|route| route.access == Access::Read)
    }

    fn route(&self, method: &Method, uri: &Uri) -> Option<&'static Route> {
        let normal = path::normal(uri.path());
        let (mounted, path) = self.gateway.resolve(self.mount, &normal);
        match mounted.router.find(method, path) {
            Found::Route { index, .. } => Some(&mounted.dialect.routes()[index]),
            Found::WrongMethod { .. } | Found::Nothing => None,
        }
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
