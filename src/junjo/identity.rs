//! Identity: who ran whom, and what all members of an execution share.

use super::{
    difference::Difference,
    graph::Look,
    span::{Era, Kind, Span},
    trace::{Ancestor, Trace},
};
use crate::judge::junjo::key::Key;

pub(crate) fn look_at(trace: &Trace<'_>, index: usize, look: &mut Look<'_>) {
    let span = &trace.spans[index];
    if !span.head.has_attributes {
        return;
    }
    if span.era == Era::Unknown {
        look.add(span, Difference::new("contract").about("contract_version").because("no known version"));
        return;
    }
    if span.kind == Kind::Operation {
        operation(trace, index, look);
    }
    if !span.kind.is_executable() {
        return;
    }
    own_ids(trace, index, look);
    match trace.ancestors[index] {
        Ancestor::Executable(above) => below(trace, index, above, look),
        Ancestor::None => without_ancestor(trace, span, look),
        Ancestor::Remote | Ancestor::Unknown => {}
    }
}

fn own_ids(trace: &Trace<'_>, index: usize, look: &mut Look<'_>) {
    let span = &trace.spans[index];
    if matches!(span.era, Era::Contract1 | Era::Contract2) {
        for key in [Key::DefinitionId, Key::RuntimeId, Key::StructuralId] {
            if span.text(key).is_none_or(str::is_empty) {
                look.add(span, Difference::new("identity").about(key.name()).because("absent"));
            }
        }
        let is_one = matches!(span.kind, Kind::Node | Kind::RunConcurrent);
        if is_one && span.text(Key::DefinitionId) != span.text(Key::RuntimeId) {
            let difference = Difference::new("identity").about("runtime id");
            look.add(span, difference.between(span.text(Key::DefinitionId), span.text(Key::RuntimeId)));
        }
    }
    // A legacy workflow has the id of its object, and a node may run again.
    let is_unique =
        matches!(span.kind, Kind::Workflow | Kind::Subflow | Kind::Agent) && span.era != Era::Legacy;
    if let Some(id) = span.runtime_id().filter(|_| is_unique)
        && trace.executions(id).first() != Some(&index)
    {
        look.add(
            span,
            Difference::new("duplicate_execution").about(span.label()).between(None::<&str>, Some(id)),
        );
    }
    if span.text(Key::CorrelationType).is_some() != span.text(Key::CorrelationId).is_some() {
        look.add(
            span,
            Difference::new("correlation").about("correlation").because("one of type and id is absent"),
        );
    }
}

/// A span with an executable above it, no process in between.
fn below(trace: &Trace<'_>, index: usize, above: usize, look: &mut Look<'_>) {
    let (span, owner) = (&trace.spans[index], &trace.spans[above]);
    if !owner.head.has_attributes {
        return;
    }
    let named = span.parent_runtime_id();
    if named != owner.runtime_id() {
        // What is started by other means than the SDK's has a parent and no executable that it knows of.
        let may_differ = !span.kind.is_in_graph() && named.is_none_or(|id| trace.executions(id).is_empty());
        if !may_differ {
            let difference = Difference::new("semantic_parent").about(owner.label());
            look.add(span, difference.between(owner.runtime_id(), named));
        }
        return;
    }
    if span.era != owner.era {
        let difference = Difference::new("contract").about(owner.label());
        look.add(span, difference.between(Some(owner.era.name()), Some(span.era.name())));
        return;
    }
    if span.era != Era::Legacy {
        let ids =
            [(Key::ParentDefinitionId, Key::DefinitionId), (Key::ParentStructuralId, Key::StructuralId)];
        for (of_parent, own) in ids {
            if span.text(of_parent) != owner.text(own) {
                let difference = Difference::new("semantic_parent").about(of_parent.name());
                look.add(span, difference.between(owner.text(own), span.text(of_parent)));
            }
        }
        let stated = span.text(Key::ParentType);
        if stated.is_some_and(|stated| stated != owner.kind.name()) {
            let difference = Difference::new("semantic_parent").about(Key::ParentType.name());
            look.add(span, difference.between(Some(owner.kind.name()), stated));
        }
    }
    for key in [Key::CorrelationType, Key::CorrelationId] {
        if span.text(key) != owner.text(key) {
            let difference = Difference::new("correlation").about(key.name());
            look.add(span, difference.between(owner.text(key), span.text(key)));
        }
    }
    let are_known = span.head.resource != 0 && owner.head.resource != 0;
    if are_known && span.head.service == owner.head.service && span.head.resource != owner.head.resource {
        look.add(span, Difference::new("resource").about(owner.label()).because("the resources differ"));
    }
    if span.kind == Kind::Subflow
        && let Some(flow) = flow_above(trace, above)
        && let Some(stated) = span.text(Key::ParentStoreId)
        && let Some(store) = flow.store_id()
        && stated != store
    {
        let difference = Difference::new("parent_store").about(flow.label());
        look.add(span, difference.between(Some(store), Some(stated)));
    }
}

fn flow_above<'a, 'b>(trace: &'a Trace<'b>, mut index: usize) -> Option<&'a Span<'b>> {
    for _ in 0..trace.spans.len() {
        if trace.spans[index].kind.is_flow() {
            return Some(&trace.spans[index]);
        }
        let Ancestor::Executable(above) = trace.ancestors[index] else { return None };
        index = above;
    }
    None
}

/// A span with nothing above that runs it.
fn without_ancestor(trace: &Trace<'_>, span: &Span<'_>, look: &mut Look<'_>) {
    let named = span.parent_runtime_id();
    let is_here = named.is_some_and(|id| !trace.executions(id).is_empty());
    // A root of its own opened within a node has that node in another trace.
    if is_here || span.kind.is_in_graph() && named.is_some() {
        let difference =
            Difference::new("semantic_parent").about("no executable above").between(named, None::<&str>);
        look.add(span, difference);
    }
}

fn operation(trace: &Trace<'_>, index: usize, look: &mut Look<'_>) {
    let span = &trace.spans[index];
    let (Ancestor::Executable(above), Some(named)) = (trace.ancestors[index], span.text(Key::AgentRuntimeId))
    else {
        return;
    };
    let owner = &trace.spans[above];
    if owner.head.has_attributes && owner.runtime_id() != Some(named) {
        let difference = Difference::new("semantic_parent").about(owner.label());
        look.add(span, difference.between(owner.runtime_id(), Some(named)));
    }
}
