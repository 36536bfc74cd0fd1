//! The bytes of every profile, for ever: a manifest must stand for the same traffic in all versions.

use std::fmt::Write;

use clap::ValueEnum;
use sha2::{Digest, Sha256};

use super::{
    export::{EncodedResource, Encoder},
    ids::RunId,
    mix::Mix,
    plan::{Outline, Plan},
    profile::{Profile, Telemetry},
};

/// The SHA-256 of the OTLP bytes of the first 20 workflows of three services.
fn fingerprint(profile: Profile, telemetry: Telemetry) -> String {
    let outline = Outline {
        run: RunId::from_bits(0x7f3a_0000_0001),
        seed: 42,
        services: ["alpha", "bêta", "gamma"].map(str::to_owned).to_vec(),
        workflows_per_service: 7,
        base_time: 1_795_346_058_000_000_000,
        mix: Mix::only(profile),
        telemetry,
        collectors: None,
    };
    let plan = Plan::new(outline).unwrap();
    let resources = EncodedResource::all(&plan);
    let mut bytes = Vec::new();
    for workflow in 0..20 {
        let ordinals = plan.ordinals(workflow);
        let count = (ordinals.end - ordinals.start) as u32;
        let stream = plan.stream_of(plan.service_of(workflow));
        Encoder::new(&plan, &resources).write(stream, ordinals.start, count, &mut bytes);
    }
    const_hex::encode(Sha256::digest(&bytes))
}

#[test]
fn plan_version_1_makes_these_bytes_of_each_profile_for_ever() {
    let mut lines = String::new();
    for telemetry in Telemetry::value_variants() {
        for profile in Profile::value_variants().iter().filter(|profile| profile.exists_in(*telemetry)) {
            let fingerprint = fingerprint(*profile, *telemetry);
            writeln!(lines, "{fingerprint} {telemetry:?} {}", profile.name()).unwrap();
        }
    }
    insta::assert_snapshot!(lines, @"
    ba7ef5c248d3b7cf78b6bcd93f285b5273bcae233e0c0aca742a3742c8aee4e6 Current getting-started
    516474ffb3b917f68becc61fe1c08a38de9d5e30135889b44a17bb19249e684e Current e2e
    f32573e5a12c45ac8d358a774f85fd9a2a5211b2c28314f91a25a225bf54e2d3 Current composite
    2eb5700e97233dd6945fb97e93b707fcd943ba451f6173d2ff78397107bd18d3 Current failing
    4dee204c3b4b9e5ce15546714a4c4a93cb39bdfe47b2bb5c2cf36e8d15bb34db Current cancelled
    452d60887ce1df9283806fab118ddc752206125fc76bdfe5b4ebc0fcf309e2c2 Current loop
    67f12cc07adce3b77fe67d585d7ae5fa5228eeff229da45011f4a8882a328aee Current agent
    ee9232bcaa1030348c90c47c65577e9ebf9923b1cad4f1ddfbeed44ab1d2e6f3 Current llm
    6a2c7e5157cd4ed199fe098a46daa27dd7150ddc4cc1d8b44d7cf8732c1af600 Current minimal
    499608e54d393107c597b0e1820b1015c94b399021bccfce1ce822d56ad2f95c Current adversarial
    a618ca2d0554b71726a177c774d4a7eb2ae9ac0b15c3704045496777321f5705 Current background
    591c1a4b0c3e242fcd05877951e9549f8d11c27bd566a154d0eb63958504fa5f Current fan-out
    e0a3a3c05873b1d2d7e689d921a6f66f0586fe461b2deca273a056ae6582ab15 Current evaluation
    bb0dd40c81b540eef7f95a1614fd475f232add8f8cfdfae5153f678f3a9fd034 Current openai-agents
    379fa42cdc9133e2350cbd87b4c787d6dec5ddd324906ad5668982dc00273990 Current distributed
    2fe1ee187de835a896e35e3b39c72b6717280fd67513a9d38b67a41afa36f47e Legacy getting-started
    9e022d6e9b642ecfa68fb6c20c2480cc4efe7ed0893a4efec8f03130ee44907c Legacy e2e
    88926afcdaac125614e20465fada01aab7f143f493c06becaf2db1b6d0a51dc0 Legacy composite
    8382a3cbfa90602fe56ee0dbf350586e7dac5094e037082fbefcb8b83959ff8b Legacy failing
    aedb82474b8b8b206a056209e8fef966034dd5d45c9611bf73c42c1212793787 Legacy cancelled
    6a016bcf67df80ecd1e73ec1c199f9b11e6168d7f4f597dc753c30885c4d7966 Legacy loop
    8f1431dc3bc877fbe5603eeccea89c482b54c2dad439cdc8aa38a90ba6997a81 Legacy llm
    6a2c7e5157cd4ed199fe098a46daa27dd7150ddc4cc1d8b44d7cf8732c1af600 Legacy minimal
    499608e54d393107c597b0e1820b1015c94b399021bccfce1ce822d56ad2f95c Legacy adversarial
    76ab519f0458c87833b6238dfc03f0cd9b024e9d28dc694176f9a6f72c58f472 Legacy background
    e90af5ab7cbb214a39054ec0f2aada9bcb3bf312a3c1a6a7f993098206c49101 Legacy fan-out
    3f8f06343237f4b6db6ccab83c24aa1a9c3923a18e67dbceef402997619fccca Legacy distributed
    ");
}
