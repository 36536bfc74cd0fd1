//! A text with holes for runtime ids.

use crate::traffic::dice::{Dice, NanoId};

/// A hole as it stands in a text before that is escaped as JSON. A NUL occurs in no label.
pub(super) fn hole(number: usize) -> String {
    format!("\u{0}{number}\u{0}")
}

/// A JSON text cut at its holes.
#[derive(Debug, Default)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    /// Bytes of the filled text.
    len: usize,
    /// How many different holes there are beyond those of the graph's own nodes.
    strangers: usize,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Hole(usize),
}

impl Template {
    /// `own` is the number of the graph's nodes, `holes` that of all ids in `json`.
    pub(super) fn cut(json: &str, own: usize, holes: usize) -> Self {
        let pieces = json.split("\\u0000").enumerate().map(|(i, piece)| match piece.parse() {
            Ok(hole) if i % 2 == 1 => Piece::Hole(hole),
            _ => Piece::Text(piece.to_owned()),
        });
        let pieces: Vec<_> = pieces.collect();
        let len = pieces.iter().map(Piece::len).sum();
        Self { pieces, len, strangers: holes - own }
    }

    /// The text for a workflow whose nodes have these runtime ids. Nodes of nested subflows get ids
    /// that no span has: the SDK describes them with a graph that it then throws away.
    pub(crate) fn fill(&self, own: &[NanoId], dice: &mut Dice) -> String {
        let strangers: Vec<_> = (0..self.strangers).map(|_| dice.nano_id()).collect();
        let mut text = String::with_capacity(self.len);
        for piece in &self.pieces {
            text.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Hole(hole) => own.get(*hole).unwrap_or_else(|| &strangers[hole - own.len()]).as_str(),
            });
        }
        text
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Hole(_) => NanoId::LEN,
        }
    }
}
