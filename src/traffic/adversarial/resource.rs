//! Resources that say more than who sends, in odd ways.

use super::{
    attributes,
    cases::COUNTERS,
    texts,
    values::{pair, value},
};
use crate::traffic::{recorded, resource::Resource};

/// The second value of `service.name`, by which the check `polluted_resource` knows that it was sent twice.
pub(crate) const SECOND_NAME: &str = "the last is not the name";

/// Makes a service's resource odd. The run's witnesses in it stay as they are, but for one case: on every
/// third service a later `service.name` has another text, which the stored JSON keeps and the stored name
/// does not.
pub(crate) fn make_odd(resource: &mut Resource, service: usize) {
    let Resource { message, schema_url } = resource;
    let attributes = match service % 5 {
        0 => attributes::list(1),
        1 => attributes::list(2),
        2 => vec![pair("", value(texts::CONTROLS, 0))],
        3 => vec![recorded::pair("telemetry.sdk.name", 1_i64), recorded::pair("NaN", f64::NAN)],
        _ => Vec::new(),
    };
    message.attributes.extend(attributes);
    if service % 3 == 2 {
        message.attributes.push(recorded::pair("service.name", SECOND_NAME));
    }
    message.dropped_attributes_count = COUNTERS[service % COUNTERS.len()];
    if service.is_multiple_of(2) {
        *schema_url = "https://opentelemetry.io/schemas/1.37.0";
    }
}
