//! Trajectories equal to the references', step by step.
//!
//! The hashes come from the references' own code, fed with the very samples made here: Netflix' concurrency-limits
//! at 78a74b98 (Java, probing switched off or out of reach), failsafe-go at 5759a5e6 and go-kratos/aegis at e0742c6a (Go, the
//! latter under `testing/synctest`), and the functions of Envoy's gradient_controller.cc at 054694f9 over libcircllhist at
//! 63a16dd6, which Envoy pins (C++, its clock and its two timers driven by hand); the functions of Vector's controller at
//! 05b56b79 (Rust, its clock driven by hand). A hash is FNV-1a over the limits after each sample, as 32 bits, little-endian.

use super::{testing::*, *};
use crate::units::Ratio;

/// Knuth's linear congruential generator: the same numbers in any language.
struct Knuth(u64);

impl Knuth {
    /// Below `n`.
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

struct Fnv(u64);

impl Fnv {
    const NEW: Fnv = Fnv(0xcbf2_9ce4_8422_2325);

    fn add(&mut self, value: u32) {
        for byte in value.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// How much slower the service is, stretch by stretch.
const SLOWER: [u64; 5] = [1, 4, 2, 8, 1];

/// 10,000 samples of a service that becomes slower and faster.
fn netflix(config: &Config) -> u64 {
    let (mut limiter, mut knuth, mut now, mut fnv) = (config.build(), Knuth(42), 0, Fnv::NEW);
    for i in 0..10_000 {
        let rtt = (1_000_000 + knuth.below(50_000_000)) * SLOWER[i / 1000 % 5];
        let in_flight = knuth.below(60) as u32;
        let dropped = knuth.below(50) == 0;
        now += knuth.below(40_000_000);
        let (now, rtt) = (Instant::from_nanos(now), Duration::from_nanos(rtt));
        let sample = Sample { now, rtt, in_flight, full: false, dropped };
        limits(&mut *limiter, &[sample]).into_iter().for_each(|limit| fnv.add(limit));
    }
    fnv.0
}

#[test]
fn netflix_aimd_trajectory() {
    let default = aimd::Config::default();
    assert_eq!(netflix(&Config::Aimd(default)), 0x7fc1_8692_3251_7b3b);
    let range = Range { min: 1, ..default.range };
    let config = aimd::Config { range, timeout: ms(150), ..default };
    assert_eq!(netflix(&Config::Aimd(config)), 0x9044_5358_487f_794d);
}

/// Vegas that never probes.
fn vegas() -> vegas::Config {
    vegas::Config { probe: 1_000_000_000, ..vegas::Config::default() }
}

#[test]
fn netflix_vegas_trajectory() {
    assert_eq!(netflix(&Config::Vegas(vegas())), 0xeebc_860e_d123_5c10);
    let range = Range { initial: 50, min: 1, max: 60 };
    let config = vegas::Config { range, smoothing: 0.3, alpha: Some(3), beta: Some(6), ..vegas() };
    assert_eq!(netflix(&Config::Vegas(config)), 0xc866_1338_ea6b_9eb8);
}

#[test]
fn netflix_gradient_trajectory() {
    let default = gradient::Config { probe: 0, ..gradient::Config::default() };
    assert_eq!(netflix(&Config::Gradient(default)), 0x5c2e_2da8_1afb_c9b5);
    let range = Range { min: 5, ..default.range };
    let config =
        gradient::Config { range, queue: Some(2), smoothing: 0.5, tolerance: 1.2, backoff: 0.7, probe: 0 };
    assert_eq!(netflix(&Config::Gradient(config)), 0x9db3_8a93_fa10_1d42);
}

/// Gradient2 that may go down to 1.
fn gradient2() -> gradient2::Config {
    let default = gradient2::Config::default();
    gradient2::Config { range: Range { min: 1, ..default.range }, ..default }
}

#[test]
fn netflix_gradient2_trajectory() {
    assert_eq!(netflix(&Config::Gradient2(gradient2::Config::default())), 0x1942_8ec2_797c_c082);
    let config = gradient2::Config { long_window: 100, tolerance: 1.1, queue: 2, ..gradient2() };
    assert_eq!(netflix(&Config::Gradient2(config)), 0x0663_13fe_90a6_aada);
}

#[test]
fn netflix_windowed_trajectory() {
    let config = windowed::Config::new(Config::Vegas(vegas()));
    assert_eq!(netflix(&Config::Windowed(Box::new(config))), 0x2c80_2ba7_aecf_55ba);
    let config = windowed::Config {
        min_window: ms(100),
        max_window: ms(400),
        percentile: Ratio::new(0.9),
        keep: 12,
        ..windowed::Config::new(Config::Gradient2(gradient2()))
    };
    assert_eq!(netflix(&Config::Windowed(Box::new(config))), 0xe895_36be_4ecb_e86e);
}

/// 50,000 samples whose concurrency goes up and down, a third of them at the limit.
fn failsafe_go(config: correlation::Config) -> u64 {
    let mut limiter = correlation::Correlation::new(config);
    let (mut knuth, mut now, mut fnv) = (Knuth(42), 0, Fnv::NEW);
    for i in 0..50_000u64 {
        let base = 1_000_000 * (10 + i / 50 % 17);
        let rtt = (base + knuth.below(50_000_000)) * SLOWER[(i / 5000 % 5) as usize];
        let in_flight = (knuth.below(20) + i / 50 * 7 % 40) as u32;
        let dropped = knuth.below(50) == 0;
        let full = knuth.below(3) == 0;
        now += knuth.below(40_000_000);
        let (now, rtt) = (Instant::from_nanos(now), Duration::from_nanos(rtt));
        limits(&mut limiter, &[Sample { now, rtt, in_flight, full, dropped }])
            .into_iter()
            .for_each(|l| fnv.add(l));
    }
    fnv.0
}

#[test]
fn failsafe_go_correlation_trajectory() {
    let second = Duration::from_secs(1);
    let default = correlation::Config { min_window: ms(1), max_window: second, ..Default::default() };
    assert_eq!(failsafe_go(default), 0x6f9e_64e4_df4e_9ac1);
    let small = correlation::Config {
        range: Range { initial: 30, min: 2, max: 60 },
        max_factor: 2.0,
        samples: 20,
        percentile: Ratio::new(0.5).expect("a share"),
        baseline: 30,
        correlation: 20,
        ..default
    };
    assert_eq!(failsafe_go(small), 0x6078_8f99_396d_eec4);
    let stable = correlation::Config {
        range: Range { initial: 150, min: 1, max: 1200 },
        max_factor: 3.0,
        stabilization: Duration::from_secs(20),
        min_window: ms(100),
        samples: 10,
        ..default
    };
    assert_eq!(failsafe_go(stable), 0x5e8d_6177_aa84_49ff);
}

/// 20,000 calls with pauses, under a load that comes and goes: twice the limit after each, one more if the next is dropped.
fn aegis(window: Duration, buckets: u32, gap: u64) -> u64 {
    let mut bbr = bbr::Bbr::new(bbr::Config { window, buckets, trigger: 0 });
    let (mut knuth, mut now, mut fnv) = (Knuth(42), Instant::ZERO, Fnv::NEW);
    bbr.on_load(false);
    for i in 0..20_000 {
        now = now + Duration::from_nanos(knuth.below(gap));
        now = if i % 997 == 996 { now + window * 2 } else { now };
        let rtt = ms(1 + knuth.below(200));
        limits(&mut bbr, &[Sample { now, rtt, in_flight: 1, full: false, dropped: false }]);
        if knuth.below(4) == 0 {
            bbr.on_load(knuth.below(2) == 0);
        }
        let dropped = bbr.drops(now, knuth.below(120) as u32);
        fnv.add(bbr.max_in_flight(now) as u32 * 2 + u32::from(dropped));
    }
    fnv.0
}

#[test]
fn aegis_bbr_trajectory() {
    assert_eq!(aegis(Duration::from_secs(10), 100, 10_000_000), 0x9c55_e00d_1a62_e259);
    assert_eq!(aegis(Duration::from_secs(1), 10, 30_000_000), 0x06a0_d6cf_f347_fc25);
}

/// 50,000 samples of a service that becomes slower and faster, while the timetable goes on.
fn envoy(config: envoy::Config) -> u64 {
    let (mut limiter, mut knuth, mut now, mut fnv) =
        (envoy::Envoy::new(config), Knuth(42), 100_000_000_000, Fnv::NEW);
    for i in 0..50_000 {
        let rtt = Duration::from_nanos((1_000_000 + knuth.below(50_000_000)) * SLOWER[i / 5000 % 5]);
        let dropped = knuth.below(50) == 0;
        now += knuth.below(20_000_000);
        let sample = Sample { now: Instant::from_nanos(now), rtt, in_flight: 1, full: false, dropped };
        limits(&mut limiter, &[sample]).into_iter().for_each(|limit| fnv.add(limit));
    }
    fnv.0
}

#[test]
fn envoy_gradient_controller_trajectory() {
    let (share, default) = (|value| Ratio::new(value).expect("a share"), envoy::Config::default());
    assert_eq!(envoy(default), 0x8d41_500b_01eb_b780);
    let often = envoy::Config {
        update: ms(500),
        interval: ms(5000),
        jitter: share(0.0),
        probe_samples: 15,
        min: 6,
        max: 80,
        percentile: share(0.9),
        buffer: share(0.1),
    };
    assert_eq!(envoy(often), 0x30ca_a1dc_5abd_7cab);
    let rarely = envoy::Config { interval: Duration::from_secs(3600), buffer: share(0.0), ..default };
    assert_eq!(envoy(rarely), 0x9d76_668e_adf0_1d3b);
}

/// 50,000 calls of a service that becomes slower and faster; one in `drops` is dropped.
fn vector(config: arc::Config, drops: u64, gap: u64) -> u64 {
    let (mut limiter, mut knuth, mut now, mut fnv) = (arc::Arc::new(config), Knuth(42), 0, Fnv::NEW);
    for i in 0..50_000 {
        let rtt = Duration::from_nanos((1_000_000 + knuth.below(50_000_000)) * SLOWER[i / 5000 % 5]);
        let in_flight = knuth.below(60) as u32;
        let dropped = knuth.below(drops) == 0;
        now += knuth.below(gap);
        let now = Instant::from_nanos(now);
        limiter.on_arrival(now, in_flight);
        let sample = Sample { now, rtt, in_flight, full: false, dropped };
        limits(&mut limiter, &[sample]).into_iter().for_each(|limit| fnv.add(limit));
    }
    fnv.0
}

#[test]
fn vector_arc_trajectory() {
    let default = arc::Config::default();
    assert_eq!(vector(default, 1000, 10_000_000), 0x6915_1c0b_5c2d_83b8);
    assert_eq!(vector(default, 1_000_000, 2_000_000), 0x07ab_e883_b9c2_4ef2);
    let range = Range { initial: 20, min: 1, max: 50 };
    let eager = arc::Config { range, backoff: 0.7, smoothing: 0.1, deviations: 1.0 };
    assert_eq!(vector(eager, 100, 40_000_000), 0x6434_1cf4_1dc2_8d9b);
}
