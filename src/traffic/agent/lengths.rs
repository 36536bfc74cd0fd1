//! How long a request and the messages of a run are, by what differs between runs.
//!
//! Each length is that of a message with empty texts and numbers of one digit, and what a run has more than that.

use std::sync::LazyLock;

use serde_json::json;

use super::{
    REMARK,
    message::{Answer, input_message},
    operation::bytes_of_request,
    order_desk::{Enquiry, ORDER_DESK, look_up_order, output, quote_shipping},
};
use crate::traffic::{
    dice::{Dice, NanoId},
    junjo::payload::to_json,
    row_template::texts::escaped,
};

#[derive(Debug)]
pub(super) struct Lengths {
    /// Without messages.
    request: usize,
    input: usize,
    /// Without a remark and with one.
    look_up_and_quote: [usize; 2],
    look_up_twice: usize,
    found: usize,
    quoted: usize,
    output: usize,
}

pub(super) static LENGTHS: LazyLock<Lengths> = LazyLock::new(|| {
    let enquiry = Enquiry { order: 0, question: String::new(), items: 0, status: "", grams: 0, cents: 0 };
    let mut dice = Dice::at(0, 0);
    let look_up = [(); 2].map(|()| look_up_order(0, &mut dice));
    let [call, _] = &look_up;
    let both = [look_up_order(0, &mut dice), quote_shipping(0, &mut dice)];
    let asked = |text, calls| to_json(&Answer::ToolCalls { text, calls }.message()).len();
    Lengths {
        request: bytes_of_request(&ORDER_DESK, NanoId::LEN),
        input: to_json(&input_message(&enquiry.input())).len(),
        look_up_and_quote: [None, Some(REMARK)].map(|text| asked(text, &both)),
        look_up_twice: asked(None, &look_up),
        found: to_json(&call.result_message(&enquiry.order_found())).len(),
        quoted: to_json(&both[1].result_message(&json!({ "cents": 0 }))).len(),
        output: to_json(&Answer::Final(output("")).message()).len(),
    }
});

impl Lengths {
    pub(super) fn request(&self, messages: &[usize]) -> usize {
        self.request + messages.iter().sum::<usize>() + messages.len() - 1
    }

    pub(super) fn input(&self, enquiry: &Enquiry) -> usize {
        self.input + escaped(&enquiry.question).len()
    }

    pub(super) fn look_up_and_quote(&self, enquiry: &Enquiry, has_remark: bool) -> usize {
        self.look_up_and_quote[usize::from(has_remark)] + 2 * more_digits(enquiry.order)
    }

    pub(super) fn look_up_twice(&self, order: u64) -> usize {
        self.look_up_twice + more_digits(order) + more_digits(order + 1)
    }

    pub(super) fn found(&self, enquiry: &Enquiry) -> usize {
        self.found + more_digits(enquiry.items) + enquiry.status.len()
    }

    pub(super) fn quoted(&self, enquiry: &Enquiry) -> usize {
        self.quoted + more_digits(enquiry.cents)
    }

    pub(super) fn output(&self, answer: &str) -> usize {
        self.output + escaped(answer).len()
    }
}

/// How many digits a number has behind its first one.
fn more_digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or_default() as usize
}
