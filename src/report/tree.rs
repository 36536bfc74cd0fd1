//! What is drawn before the lines of a tree.

/// A tree is drawn no deeper than this; further levels are numbered.
const DEEPEST: usize = 12;

/// What is drawn before a line of its own, and before what follows below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) own: String,
    pub(crate) below: String,
}

/// Of each line its depth, 0 for what nothing is above, and whether no sibling follows.
pub(crate) fn branches(lines: impl Iterator<Item = (usize, bool)>) -> Vec<Branch> {
    let mut open: Vec<bool> = Vec::new();
    lines
        .map(|(depth, is_last)| {
            open.truncate(depth.saturating_sub(1));
            let trunk = |open: &[bool]| -> String {
                let skipped = open.len().saturating_sub(DEEPEST);
                let mark = if skipped > 0 { format!("{skipped}⋯ ") } else { String::new() };
                let drawn = open[skipped..].iter().map(|open| if *open { "│  " } else { "   " });
                mark + &drawn.collect::<String>()
            };
            if depth == 0 {
                return Branch::default();
            }
            let own = format!("{}{}", trunk(&open), if is_last { "└─ " } else { "├─ " });
            open.push(!is_last);
            Branch { own, below: trunk(&open) }
        })
        .collect()
}
