//! The server itself.
//!
//! | module | what is in it |
//! |---|---|
//! | `facts` | state, devices, what `/system/{msg}` tells |
//! | `settings` | the tree of settings: which there are, what they may be, where they are kept |
//! | `config` | the requests about settings |
//! | `tasks` | load, flush, compact, release |

mod config;
mod facts;
mod settings;
mod tasks;

use gateway::Call;

use crate::envelope::Answer;
use crate::error::{Code, Failure};

pub(crate) use config::{advanced, set_advanced};
pub(crate) use facts::{devices, gpu, state};

/// Tells a fact or all settings.
pub(crate) async fn message(call: &Call<'_>) -> Answer {
    match call.param("msg") {
        "config" => config::config(call).await,
        message => facts::message(call, message).await,
    }
}

/// Changes settings, or does a task.
pub(crate) async fn put(call: &Call<'_>) -> Answer {
    let answer = match call.param("msg") {
        "config" => config::set_config(call).await,
        "task" => tasks::task(call).await,
        other => {
            let message = format!("Unknown path: /system/{other}");
            Err(Failure::new(Code::UnknownPath, message))
        }
    };
    answer.map_err(Failure::of_system)
}
