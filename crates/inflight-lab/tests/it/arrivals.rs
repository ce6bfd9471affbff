//! Arrival processes against closed forms, over many seeds.

use inflight_lab::workload::{Arrivals, Bursts, Gaps, OnOff, Stage, When, recorded};
use inflight_strategies::units::Rate;
use std::time::Duration;

fn per_second(rate: f64) -> Rate {
    Rate::per_second(rate).expect("a rate")
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The times of a schedule in seconds.
fn times(arrivals: &Arrivals, seed: u64, duration: Duration) -> Vec<f64> {
    let all: Vec<(u64, Duration)> = arrivals.schedule(seed, duration).collect();
    assert!(all.iter().enumerate().all(|(i, (id, at))| *id == i as u64 && *at < duration));
    assert!(all.is_sorted_by(|a, b| a.1 <= b.1));
    all.iter().map(|(_, at)| at.as_secs_f64()).collect()
}

/// The Kolmogorov–Smirnov distance from uniform(0, 1), times √n; above 1.63 in 1 % of all samples.
fn distance(mut sample: Vec<f64>) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let far =
        sample.iter().enumerate().map(|(i, u)| (u - i as f64 / n).abs().max((u - (i + 1) as f64 / n).abs()));
    far.fold(0.0, f64::max) * n.sqrt()
}

/// Whether gaps, measured by a curve's area, are exponential with mean one.
fn is_rescaled_poisson(arrivals: &Arrivals, seed: u64, duration: Duration) {
    let areas: Vec<f64> = times(arrivals, seed, duration)
        .iter()
        .map(|at| arrivals.expected(Duration::from_secs_f64(*at)))
        .collect();
    let gaps = areas.windows(2).map(|w| 1.0 - libm::exp(w[0] - w[1])).collect();
    let far = distance(gaps);
    assert!(far < 1.63, "{arrivals:?}: {far}");
}

fn steps_and_ramps(random: bool) -> Arrivals {
    let stage = |seconds, rate, ramp| Stage { duration: s(seconds), rate: per_second(rate), ramp };
    let stages =
        vec![stage(10, 100.0, false), stage(20, 500.0, true), stage(10, 50.0, false), stage(30, 300.0, true)];
    Arrivals::Stages { stages, random }
}

#[test]
fn stages_are_poisson_on_the_clock_of_their_rate() {
    // 1,000 + 6,000 + 500 + 5,250, and 300/s after the plan.
    let stages = steps_and_ramps(true);
    assert_eq!(stages.expected(s(70)).round(), 12_750.0);
    assert_eq!(stages.expected(s(80)).round(), 15_750.0);
    is_rescaled_poisson(&stages, 1, s(80));
}

#[test]
fn evenly_spaced_stages_follow_the_area_exactly() {
    let stages = steps_and_ramps(false);
    let all = times(&stages, 1, s(70));
    assert_eq!(all.len(), 12_750);
    for (i, at) in all.iter().enumerate().step_by(97) {
        let area = stages.expected(Duration::from_secs_f64(*at));
        assert!((area - i as f64).abs() < 1e-5, "request {i} at {at}: {area}");
    }
}

#[test]
fn bursts_stand_where_they_were_planned() {
    let bursts = Bursts {
        base: per_second(20.0),
        burst: per_second(600.0),
        length: s(5),
        when: When::At(vec![s(30), s(60)]),
        jitter: Duration::ZERO,
    };
    is_rescaled_poisson(&Arrivals::Bursts(bursts.clone()), 3, s(120));
    let every = Arrivals::Bursts(Bursts { when: When::Every(s(30)), ..bursts });
    assert_eq!(every.rate().as_per_second().round(), 117.0);
    // Bursts at 30, 60, 90 s: 120·20 + 3·5·580 = 11,100 expected in 120 s, standard deviation 105.
    let all = times(&every, 3, s(120));
    assert!(all.len().abs_diff(11_100) < 420, "{}", all.len());
    let inside = all.iter().filter(|at| **at >= 60.0 && **at < 65.0).count();
    assert!(inside.abs_diff(3000) < 220, "{inside}");
}

#[test]
fn no_gap_is_lost_where_pieces_meet() {
    // Pieces of 10 ms at 10/s: nine in ten hold no arrival, so that nearly every gap crosses some.
    let bursts = Bursts {
        base: per_second(10.0),
        burst: per_second(10.0),
        length: Duration::from_millis(10),
        when: When::Every(Duration::from_millis(20)),
        jitter: Duration::from_millis(10),
    };
    let all = times(&Arrivals::Bursts(bursts), 5, s(1000));
    let far = distance(all.windows(2).map(|w| 1.0 - libm::exp(-10.0 * (w[1] - w[0]))).collect());
    assert!(all.len().abs_diff(10_000) < 400 && far < 1.63, "{} {far}", all.len());
}

#[test]
fn on_off_has_the_mean_and_the_dispersion_of_its_formula() {
    // Counts in a long window t of an interrupted Poisson process: E = λ·p·t, and the index of dispersion tends to
    // 1 + 2λ·p(1 − p)·τ/p with 1/τ = 1/on + 1/off (Heffes and Lucantoni 1986 with one rate zero). Here λ = 100/s,
    // on 1 s, off 3 s: p = 1/4, τ = 3/4 s, E = 25/s, index = 1 + 2·100·(3/4)·(3/4) = 113.5.
    let process = OnOff { rate: per_second(100.0), off_rate: None, on: s(1), off: s(3) };
    let arrivals = Arrivals::OnOff(process);
    assert_eq!(arrivals.rate().as_per_second(), 25.0);
    let (window, windows) = (200.0, 2000u64);
    let counts: Vec<f64> =
        (0..windows).map(|seed| arrivals.schedule(seed, s(window as u64)).count() as f64).collect();
    let n = windows as f64;
    let mean = counts.iter().sum::<f64>() / n;
    let variance = counts.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / (n - 1.0);
    // Four standard errors: of the mean √(113.5/(200·25·2000))·5000 = 16.8, of the variance 3.2 %. At t = 200 s the index
    // is below its limit by τ/t = 0.4 %.
    assert!((mean - 5000.0).abs() < 4.0 * 16.8, "{mean}");
    assert!((variance / mean / 113.5 - 1.0).abs() < 0.13, "{}", variance / mean);
}

#[test]
fn heavy_tailed_gaps_have_their_distribution_and_their_mean_rate() {
    let rate = per_second(50.0);
    let pareto = times(&Arrivals::Renewal(rate, Gaps::Pareto(2.5)), 1, s(400));
    // min = (α − 1)/α · mean gap = 12 ms; the distribution function is 1 − (min/x)^α.
    let gaps = pareto.windows(2).map(|w| 1.0 - libm::pow(0.012 / (w[1] - w[0]).max(0.012), 2.5));
    assert!(distance(gaps.collect()) < 1.63);
    let lognormal = times(&Arrivals::Renewal(rate, Gaps::Lognormal(1.0)), 1, s(400));
    // ln(gap/mean) is normal with mean −σ²/2.
    let phi = |z: f64| 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
    let gaps = lognormal.windows(2).map(|w| phi(libm::log((w[1] - w[0]) * 50.0) + 0.5));
    assert!(distance(gaps.collect()) < 1.63);
    // 20,000 expected; the standard deviation is √20000 times the gaps' coefficient of variation, 1.31 at σ = 1.
    assert!(lognormal.len().abs_diff(20_000) < 4 * 186, "{}", lognormal.len());
}

#[test]
fn recorded_arrivals_come_back_as_they_were() {
    let record = recorded("# offsets\n0.5\n1.25 # seconds\n\n1250ms\n2s\n").expect("a record");
    assert_eq!(times(&record, 1, s(100)), [0.5, 1.25, 1.25, 2.0]);
    assert_eq!(times(&record, 1, s(2)).len(), 3);
    assert_eq!(times(&record.scaled(0.1).expect("in bounds"), 1, s(1)), [0.05, 0.125, 0.125, 0.2]);
    for (text, line) in [("1\nx\n", 2), ("2\n1\n", 2), ("-1\n", 1), ("NaN\n", 1), ("inf\n", 1)] {
        let why = recorded(text).expect_err(text);
        assert!(why.starts_with(&format!("line {line} ")), "{why}");
    }
}

#[test]
fn a_wind_tunnel_changes_nothing_but_the_clock() {
    let process = OnOff { rate: per_second(100.0), off_rate: Some(per_second(5.0)), on: s(1), off: s(3) };
    for arrivals in [
        steps_and_ramps(true),
        Arrivals::OnOff(process),
        Arrivals::Renewal(per_second(9.0), Gaps::Pareto(1.5)),
    ] {
        let slow = times(&arrivals, 4, s(60));
        let fast = times(&arrivals.scaled(0.1).expect("in bounds"), 4, s(6));
        assert_eq!(slow.len(), fast.len());
        assert!(slow.iter().zip(&fast).all(|(a, b)| (a / 10.0 - b).abs() < 2e-9), "{arrivals:?}");
    }
}
