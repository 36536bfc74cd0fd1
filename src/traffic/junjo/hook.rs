//! What is left of an app's lifecycle hooks when they go wrong (`junjo-telemetry`, section 3).
//!
//! Hooks only observe: the outcome of what they observe stays. SDKs up to 0.62 had none.

use super::sdk::Sdk;
use crate::traffic::{profile::Telemetry, recorded::pair};

/// An app's callback for an event of an executable's life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hook {
    /// Such as `node_completed`.
    pub(crate) event: &'static str,
    /// Module and name.
    pub(crate) callback: &'static str,
}

impl Sdk {
    /// A hook of what the current span stands for raised an exception of a builtin class.
    pub(crate) fn hook_failed(&mut self, hook: Hook, class: &str, message: &str) {
        if self.telemetry == Telemetry::Legacy {
            return;
        }
        let function = hook.callback.rsplit('.').next().unwrap_or(hook.callback);
        let stacktrace = format!(
            "Traceback (most recent call last):\n  File \"/app/hooks.py\", line 21, in {function}\n{class}: {message}\n"
        );
        self.pass(5_000..30_000);
        let attributes = vec![
            pair("junjo.hook.event", hook.event),
            pair("junjo.hook.callback", hook.callback),
            pair("junjo.hook.error.type", class),
            pair("junjo.hook.error.message", message),
            pair("exception.type", class),
            pair("exception.message", message),
            pair("exception.stacktrace", stacktrace),
        ];
        self.event("junjo.hook_error", attributes);
    }

    /// The task was cancelled while it waited for a hook of what the current span stands for.
    pub(crate) fn hook_delivery_cancelled(&mut self, hook: Hook, reason: &str) {
        if self.telemetry == Telemetry::Legacy {
            return;
        }
        self.pass(200_000..2_000_000);
        let attributes = vec![
            pair("junjo.hook.event", hook.event),
            pair("junjo.hook.callback", hook.callback),
            pair("junjo.hook.delivery.cancelled_reason", reason),
        ];
        self.event("junjo.hook_delivery_cancelled", attributes);
    }
}
