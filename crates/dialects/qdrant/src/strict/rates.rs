//! How many operations a minute a collection takes: a bucket of tokens that fills steadily.

use std::collections::BTreeMap;

use http::StatusCode;

use crate::error::Failure;

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It looks.
    Read,
    /// It changes.
    Write,
}

/// Collections whose buckets are kept. Names may come and go, so their number has an end.
const COLLECTIONS_MAX: usize = 1_000;

/// The buckets of all collections, by the name that requests use.
#[derive(Default)]
pub(crate) struct Rates(BTreeMap<(String, Kind), Bucket>);

struct Bucket {
    /// Tokens that it holds when full: as many as come in a minute.
    per_minute: u64,
    tokens: f64,
    /// When it was last filled, by the host's clock.
    at_micros: u64,
}

impl Rates {
    /// Takes `cost` tokens of `collection`, which gets `per_minute`.
    ///
    /// # Errors
    /// 429, with the time after which there are enough.
    pub(crate) fn spend(
        &mut self,
        collection: &str,
        kind: Kind,
        per_minute: u64,
        cost: u64,
        now_micros: u64,
    ) -> Result<(), Failure> {
        if self.0.len() >= COLLECTIONS_MAX {
            // Whoever has not asked for a minute has a full bucket anyway.
            let full = 60_000_000;
            self.0
                .retain(|_, bucket| now_micros.saturating_sub(bucket.at_micros) < full);
        }
        let new = || Bucket {
            per_minute,
            tokens: per_minute as f64,
            at_micros: now_micros,
        };
        let bucket = self
            .0
            .entry((collection.to_owned(), kind))
            .or_insert_with(new);
        if bucket.per_minute != per_minute {
            *bucket = new();
        }
        let word = match kind {
            Kind::Read => "Read",
            Kind::Write => "Write",
        };
        bucket.take(cost, now_micros).map_err(|lack| {
            let text = match lack {
                Lack::Always => {
                    "request larger than rate limiter capacity, please try to split your request"
                        .to_owned()
                }
                Lack::Until { tokens, seconds } => format!(
                    "Operation requires {cost} tokens but only {tokens:.1} were available. \
                     Retry after {seconds}s"
                ),
            };
            let separator = match lack {
                Lack::Always => ", ",
                Lack::Until { .. } => ": ",
            };
            let mut failure = Failure::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!("Rate limiting exceeded: {word} rate limit exceeded{separator}{text}"),
            );
            failure.retry_after_s = match lack {
                Lack::Always => None,
                Lack::Until { seconds, .. } => Some(seconds),
            };
            failure
        })
    }
}

/// Why there are not enough tokens.
enum Lack {
    /// The bucket never holds so many.
    Always,
    /// So many are there, and the rest comes within so many seconds.
    Until { tokens: f64, seconds: u64 },
}

impl Bucket {
    fn take(&mut self, cost: u64, now_micros: u64) -> Result<(), Lack> {
        let per_second = self.per_minute as f64 / 60.0;
        let passed = now_micros.saturating_sub(self.at_micros) as f64 / 1e6;
        self.tokens = (self.tokens + passed * per_second).min(self.per_minute as f64);
        self.at_micros = now_micros;
        if cost > self.per_minute {
            return Err(Lack::Always);
        }
        let cost = cost as f64;
        if self.tokens < cost {
            let seconds = ((cost - self.tokens) / per_second).ceil() as u64;
            let tokens = self.tokens;
            return Err(Lack::Until { tokens, seconds });
        }
        self.tokens -= cost;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend(rates: &mut Rates, cost: u64, now_s: u64) -> Result<(), (u64, String)> {
        rates
            .spend("c", Kind::Write, 10, cost, now_s * 1_000_000)
            .map_err(|failure| (failure.retry_after_s.unwrap_or(0), failure.text))
    }

    #[test]
    fn tokens_come_back_in_time() {
        let mut rates = Rates::default();
        assert_eq!(spend(&mut rates, 10, 0), Ok(()));
        let (seconds, text) = spend(&mut rates, 10, 0).expect_err("it is empty");
        assert_eq!(seconds, 60);
        assert_eq!(
            text,
            "Rate limiting exceeded: Write rate limit exceeded: Operation requires 10 tokens but \
             only 0.0 were available. Retry after 60s"
        );
        assert_eq!(spend(&mut rates, 1, 6), Ok(()));
        assert_eq!(spend(&mut rates, 1, 6).expect_err("one came").0, 6);
        assert_eq!(
            spend(&mut rates, 10, 600),
            Ok(()),
            "it never holds more than ten"
        );
        let (_, text) = spend(&mut rates, 11, 6000).expect_err("it never holds eleven");
        assert!(text.contains("exceeded, request larger"), "{text}");
        // Reads have their own bucket, and so has a new limit.
        assert!(rates.spend("c", Kind::Read, 10, 10, 0).is_ok());
        assert!(rates.spend("c", Kind::Read, 20, 20, 0).is_ok());
    }
}
