//! The resource of one service's exporter: who says that it sends.

use opentelemetry_proto::tonic::resource::v1::Resource as Message;

use super::{
    dice::Dice,
    ids::{self, RunId},
    recorded::pair,
};

/// One service's resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    pub(crate) message: Message,
    pub(crate) schema_url: &'static str,
}

impl Resource {
    /// What the Python SDK sends, and the run as a witness.
    pub(crate) fn new(run: RunId, seed: u64, service: usize, name: &str) -> Self {
        let mut dice = Dice::at(seed ^ run.bits(), ids::MAX_WORKFLOWS + service as u64);
        let attributes = vec![
            pair("e2e.run", run.to_string()),
            pair("service.instance.id", uuid(&mut dice)),
            pair("service.name", name),
            pair("telemetry.sdk.language", "python"),
            pair("telemetry.sdk.name", "opentelemetry"),
            pair("telemetry.sdk.version", "1.45.2"),
        ];
        Self { message: Message { attributes, ..Message::default() }, schema_url: "" }
    }
}

/// A random UUID: version 4, variant 1.
fn uuid(dice: &mut Dice) -> String {
    let (high, low) = (dice.roll(), dice.roll());
    let high = high & 0xffff_ffff_ffff_0fff | 0x4000;
    let low = low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
