//! Spans of the OpenAI Agents plugin repeat in their attributes where they come from: a second witness for their row.

use super::{difference::Difference, graph::Look, span::Kind, trace::Trace};
use crate::judge::junjo::key::Key;

pub(crate) fn look_at(trace: &Trace<'_>, index: usize, look: &mut Look<'_>) {
    let span = &trace.spans[index];
    if !span.head.has_attributes {
        return;
    }
    let Some(parent) = trace.parent(index).map(|parent| &trace.spans[parent]) else { return };
    if parent.kind != Kind::Plugin || !parent.head.has_attributes {
        return;
    }
    for (of_child, of_parent) in
        [(Key::PluginSourceParent, Key::PluginSourceSpan), (Key::PluginSourceTrace, Key::PluginSourceTrace)]
    {
        if let (Some(stated), Some(expected)) = (span.text(of_child), parent.text(of_parent))
            && stated != expected
        {
            let difference = Difference::new("plugin_source").about(of_child.name());
            look.add(span, difference.between(Some(expected), Some(stated)));
        }
    }
}
