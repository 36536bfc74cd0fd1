//! Ports for a studio that is started again and again.
//!
//! A port that the system gave out may belong to somebody else by the next start, so these lie below the range that it
//! gives out from.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
};

use crate::base::problem::Problem;

const LOWEST: u16 = 20_000;

/// Below this no system gives out ports unless it was told to.
const USUAL_BOUND: u16 = 32_768;

const ATTEMPTS: usize = 1_000;

/// Two free ports of the loopback interface.
pub(crate) fn free_pair() -> Result<(u16, u16), Problem> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let bound = range.and_then(|range| range.split_whitespace().next()?.parse().ok());
    let bound: u16 = bound.filter(|bound| *bound > LOWEST + 1_000).unwrap_or(USUAL_BOUND);
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let pairs = (0..ATTEMPTS).map(|_| LOWEST + rand::random::<u16>() % (bound - LOWEST - 1));
    pairs.map(|port| (port, port + 1)).find(|(one, other)| is_free(*one) && is_free(*other)).ok_or_else(
        || {
            Problem::new(
                format!("no two ports between {LOWEST} and {bound} are free"),
                "stop what listens there, or start a studio of your own with --studio",
            )
        },
    )
}
