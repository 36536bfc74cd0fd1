//! Stores for the library of damages, of the real services as far as they have what is damaged.

use super::{bench::Bench, junjo};
use crate::{
    audit::random_tests,
    contract::schema::Schema,
    proof::{
        damages::{Ground, Planting},
        selftest::named_run,
    },
};

/// Runs with the profile `adversarial`, which is odd by design.
const OF_EDGE_VALUES: [&str; 2] = ["1f4e592844b8", "b6e3f42ade02"];

fn name(ground: Ground, schema: Schema) -> &'static str {
    match (ground, schema) {
        (Ground::Runs, Schema::V1) => "getting-started/studio-0.80.0",
        (Ground::Runs, Schema::V2) => "getting-started/studio-0.82.1",
        (Ground::Apps, Schema::V1) => "studio-0.80.0",
        (Ground::Apps, Schema::V2) => "studio-0.82.1",
        (Ground::Executions, _) => "profiles/studio-0.82.1",
        (Ground::EdgeValues, _) => "a store of edge values",
    }
}

fn bench(ground: Ground, schema: Schema) -> Bench {
    match ground {
        Ground::Runs | Ground::Apps => Bench::of(name(ground, schema), schema),
        Ground::Executions => {
            let (bench, mut rows) = junjo::bench(name(ground, schema));
            rows.retain(|row| !OF_EDGE_VALUES.iter().any(|run| row.attributes.contains(run)));
            bench.change_cold(|cold| *cold = rows);
            bench
        }
        // What the real services wrote has no value that is lost.
        Ground::EdgeValues => Bench::copy_of(random_tests::edge_values().folder.path(), schema),
    }
}

/// A store for a damage under each schema that it is for, with its name.
pub(crate) fn of(damage: &Planting) -> impl Iterator<Item = (&'static str, Bench)> {
    let ground = damage.ground;
    damage.schemas.iter().map(move |schema| (name(ground, *schema), bench(ground, *schema)))
}

/// The run to hold against.
pub(crate) fn run(damage: &Planting, bench: &Bench) -> String {
    named_run(bench, damage.run).unwrap()
}
