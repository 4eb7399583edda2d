//! A blob store that fails where a script says so.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use storage::{
    Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, BlobStore, Body, BoxFuture, GetOptions,
    ListOptions, PutIf,
};

use crate::schedule::yield_now;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call takes effect, and its success is reported as a failure of this kind.
    LostAck(BlobErrorKind),
    /// The call does nothing and fails with this kind: `Unavailable`, `Full`, a spurious
    /// `Conflict`.
    Refused(BlobErrorKind),
    /// The call takes effect after its future was polled so many times more.
    Delayed(usize),
    /// The machine stops before the call takes effect: it and every later call fail.
    CrashBefore,
    /// The machine stops after the call took effect and before it is acknowledged.
    CrashAfter,
}

/// A method of [`BlobStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`BlobStore::put`].
    Put,
    /// [`BlobStore::get`].
    Get,
    /// [`BlobStore::size`].
    Size,
    /// [`BlobStore::list`].
    List,
    /// [`BlobStore::delete`].
    Delete,
}

/// One line of a script.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Which method.
    pub call: Call,
    /// Part of the key (or listed prefix); empty for every one.
    pub key: String,
    /// How many matching calls pass before the fault strikes.
    pub after: usize,
    /// How many it strikes, then the rule is spent.
    pub times: usize,
    /// What happens.
    pub fault: Fault,
}

impl Rule {
    /// `fault` strikes the next `call` of a key that contains `key`, once.
    pub fn once(call: Call, key: &str, fault: Fault) -> Self {
        Self {
            call,
            key: key.into(),
            after: 0,
            times: 1,
            fault,
        }
    }

    /// `fault` strikes every such call from now on.
    pub fn always(call: Call, key: &str, fault: Fault) -> Self {
        Self {
            times: usize::MAX,
            ..Self::once(call, key, fault)
        }
    }
}

/// Another store, with faults.
pub struct FaultyStore {
    inner: Arc<dyn BlobStore>,
    script: Mutex<Vec<Rule>>,
    crashed: AtomicBool,
    /// Whether every call lets others go first, before and after it takes effect.
    interleaved: bool,
    calls: AtomicUsize,
}

impl FaultyStore {
    /// A store without faults yet.
    pub fn new(inner: Arc<dyn BlobStore>) -> Self {
        Self {
            inner,
            script: Mutex::default(),
            crashed: AtomicBool::new(false),
            interleaved: false,
            calls: AtomicUsize::new(0),
        }
    }

    /// A store whose every call takes three polls: one before it takes effect, one in which it
    /// does, one after. A scheduler of polls can thus put any two calls in any order.
    pub fn interleaved(inner: Arc<dyn BlobStore>) -> Self {
        Self {
            interleaved: true,
            ..Self::new(inner)
        }
    }

    /// Adds a rule. The first rule that matches a call decides.
    pub fn script(&self, rule: Rule) {
        self.rules().push(rule);
    }

    /// Forgets all rules and, after a crash, works again: the machine was restarted.
    pub fn heal(&self) {
        self.rules().clear();
        self.crashed.store(false, Ordering::SeqCst);
    }

    /// How many calls were made.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strike(&self, call: Call, key: &str) -> Option<Fault> {
        let mut rules = self.rules();
        let at = rules
            .iter()
            .position(|rule| rule.call == call && key.contains(&rule.key))?;
        let rule = &mut rules[at];
        if rule.after > 0 {
            rule.after -= 1;
            return None;
        }
        let fault = rule.fault;
        rule.times -= 1;
        if rule.times == 0 {
            rules.remove(at);
        }
        Some(fault)
    }

    /// Runs `effect` as the script wants it.
    async fn call<T>(
        &self,
        call: Call,
        key: &str,
        effect: impl Future<Output = Result<T, BlobError>>,
    ) -> Result<T, BlobError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.interleaved {
            yield_now().await;
        }
        if self.crashed.load(Ordering::SeqCst) {
            return Err(failure(BlobErrorKind::Unavailable));
        }
        let fault = self.strike(call, key);
        match fault {
            Some(Fault::Refused(kind)) => return Err(failure(kind)),
            Some(Fault::CrashBefore) => {
                self.crashed.store(true, Ordering::SeqCst);
                return Err(failure(BlobErrorKind::Unavailable));
            }
            Some(Fault::Delayed(polls)) => {
                for _ in 0..polls {
                    yield_now().await;
                }
            }
            Some(Fault::LostAck(_) | Fault::CrashAfter) | None => {}
        }
        let result = effect.await;
        if self.interleaved {
            yield_now().await;
        }
        match (fault, result) {
            (Some(Fault::LostAck(kind)), Ok(_)) => Err(failure(kind)),
            (Some(Fault::CrashAfter), _) => {
                self.crashed.store(true, Ordering::SeqCst);
                Err(failure(BlobErrorKind::Unavailable))
            }
            (_, result) => result,
        }
    }
}

fn failure(kind: BlobErrorKind) -> BlobError {
    BlobError::new(kind, "the script says so")
}

impl BlobStore for FaultyStore {
    fn maps(&self) -> bool {
        self.inner.maps()
    }

    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(self.call(Call::Put, key.as_str(), self.inner.put(key, body, when)))
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(self.call(Call::Get, key.as_str(), self.inner.get(key, options)))
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        Box::pin(self.call(Call::Size, key.as_str(), self.inner.size(key)))
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        // Listing when it takes effect, not when it is called.
        let effect = async move { self.inner.list(options).await };
        Box::pin(self.call(Call::List, options.prefix, effect))
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(self.call(Call::Delete, key.as_str(), self.inner.delete(key)))
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), BlobError>> {
        self.inner.sync()
    }
}
