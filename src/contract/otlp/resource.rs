//! The resource of a stored row.

use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::{Cells, Losses, RESOURCE_DROPPED_ATTRIBUTES, Unsendable, count, read, text};
use crate::contract::{
    mapping::{self, ResourceFacts},
    row::Row,
    schema::{Schema, column},
    scrub::Scrub,
};

/// A resource as it is sent, and what will be stored of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SentResource {
    /// A `Resource` message, without tag and length.
    pub(crate) message: Vec<u8>,
    pub(crate) service_name: String,
    pub(crate) attributes: String,
    pub(crate) dropped_attributes_count: u32,
    pub(crate) losses: Losses,
    /// Whether the row's own column names another service than its resource.
    pub(crate) disagrees: bool,
}

impl SentResource {
    /// The resource of a row. The name that travels is the resource's own, or what it is renamed to.
    pub(crate) fn of(
        cells: &Cells<'_>,
        scrub: &Scrub,
        rename: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Unsendable> {
        let mut sent = Self::default();
        let attributes = text(cells, column::RESOURCE_ATTRIBUTES)?;
        read(column::RESOURCE_ATTRIBUTES, attributes, &mut sent.losses, |reader| {
            reader.attributes(1, &mut sent.message)
        })?;
        let mut resource =
            Resource::decode(&*sent.message).map_err(|_| super::too_deep(column::RESOURCE_ATTRIBUTES))?;
        resource.dropped_attributes_count = count(cells, RESOURCE_DROPPED_ATTRIBUTES)?;
        let own = ResourceFacts::of(Some(&resource));
        sent.disagrees =
            cells[column::SERVICE_NAME].is_some_and(|name| name.text() != Some(own.service_name()));
        let renamed = rename(own.service_name());
        sent.losses.scrubbed = scrub.resource(&mut resource);
        if let Some(name) = renamed {
            mapping::rename_service(&mut resource, &name);
        }
        sent.message = resource.encode_to_vec();
        let mut row = Row::default();
        ResourceFacts::of(Some(&resource)).write(Schema::V2, &mut row);
        sent.service_name = row.service_name;
        sent.attributes = row.resource_attributes;
        sent.dropped_attributes_count = row.resource_dropped_attributes_count;
        Ok(sent)
    }

    /// Overwrites the resource's part of a row.
    pub(crate) fn write(&self, row: &mut Row) {
        row.service_name.clone_from(&self.service_name);
        row.resource_attributes.clone_from(&self.attributes);
        row.resource_dropped_attributes_count = self.dropped_attributes_count;
    }
}
