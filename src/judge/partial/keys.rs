//! What a cold file should have left in the studio's index, as bytes of a cache.

use super::bytes::{In, Out};
use crate::judge::index_keys::{IndexKeys, KeySet, ServiceKeys};

pub(crate) fn encode(keys: &IndexKeys) -> Vec<u8> {
    let mut out = Out::default();
    out.number(keys.traces.count);
    out.word(keys.traces.sum);
    let (first, last) = keys.times.unwrap_or_default();
    out.number(keys.times.is_some().into());
    out.signed(first);
    out.signed(last);
    out.number(keys.services.len() as u64);
    for service in &keys.services {
        out.bytes(service.name.as_bytes());
        for count in [service.spans, service.workflows, service.agents, service.llm_traces.len() as u64] {
            out.number(count);
        }
        service.llm_traces.iter().for_each(|trace| out.word(*trace));
    }
    out.0
}

/// None for what [`encode`] did not write.
pub(crate) fn decode(bytes: &[u8]) -> Option<IndexKeys> {
    let mut bytes = In(bytes);
    let traces = KeySet { count: bytes.number()?, sum: bytes.word()? };
    let is_timed = bytes.number()? == 1;
    let times = (bytes.signed()?, bytes.signed()?);
    let count = bytes.count()?;
    let mut service = || {
        let name = bytes.text()?.into();
        let (spans, workflows, agents) = (bytes.number()?, bytes.number()?, bytes.number()?);
        let count = bytes.count()?;
        let llm_traces = (0..count).map(|_| bytes.word()).collect::<Option<_>>()?;
        Some(ServiceKeys { name, spans, workflows, agents, llm_traces })
    };
    let services = (0..count).map(|_| service()).collect::<Option<_>>()?;
    bytes.0.is_empty().then_some(IndexKeys { traces, services, times: is_timed.then_some(times) })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            count in any::<u64>(),
            sum in any::<u64>(),
            times in any::<Option<(i64, i64)>>(),
            services in vec((".*", any::<[u64; 3]>(), vec(any::<u64>(), 0..4)), 0..4),
        ) {
            let services = services.into_iter().map(|(name, [spans, workflows, agents], llm_traces)| {
                ServiceKeys { name: name.into(), spans, workflows, agents, llm_traces }
            });
            let keys = IndexKeys { traces: KeySet { count, sum }, services: services.collect(), times };
            let bytes = encode(&keys);
            prop_assert_eq!(decode(&bytes), Some(keys));
            prop_assert!((0..bytes.len()).all(|length| decode(&bytes[..length]).is_none()));
        }
    }
}
