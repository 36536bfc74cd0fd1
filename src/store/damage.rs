//! Seeded damage over golden files: nothing panics, hangs or aborts.
//!
//! A few hundred rounds run with the suite. The whole experiment is the same test with
//! `E2E_STORE_DAMAGE_ROUNDS=10000` under `ulimit -v 4000000`; it prints what it saw.
