//! Theory's values, computed with 40 to 120 digits by other programs than this one (mpmath; where nothing else is said) and
//! rounded to six. Times in ms.

/// Mean service time of every model that does not say another.
pub(crate) const SERVICE: f64 = 100.0;

/// One row of M/M/1: ρ; mean wait and sojourn, mean number inside and waiting; sojourn p50, p95, p99; wait p95, p99.
pub(crate) type OneServer = (f64, [f64; 4], [f64; 3], [f64; 2]);

/// M/M/1.
pub(crate) const MM1: [OneServer; 5] = [
    (0.5, [100.0, 200.0, 1.0, 0.5], [138.629, 599.146, 921.034], [460.517, 782.405]),
    (0.8, [400.0, 500.0, 4.0, 3.2], [346.574, 1497.87, 2302.59], [1386.29, 2191.01]),
    (0.9, [900.0, 1000.0, 9.0, 8.1], [693.147, 2995.73, 4605.17], [2890.37, 4499.81]),
    (0.95, [1900.0, 2000.0, 19.0, 18.05], [1386.29, 5991.46, 9210.34], [5888.88, 9107.75]),
    (0.99, [9900.0, 10_000.0, 99.0, 98.01], [6931.47, 29_957.3, 46_051.7], [29_856.8, 45_951.2]),
];

/// One row of Erlang C.
pub(crate) struct ErlangC {
    pub(crate) servers: u32,
    pub(crate) utilisation: f64,
    /// P(wait), mean wait, mean sojourn, mean number waiting.
    pub(crate) means: [f64; 4],
    /// Wait p50, p90, p95, p99, p99.9.
    pub(crate) wait: [f64; 5],
    /// Sojourn p50, p95, p99.
    pub(crate) sojourn: [f64; 3],
}

const fn erlang_c(at: (u32, f64), means: [f64; 4], wait: [f64; 5], sojourn: [f64; 3]) -> ErlangC {
    ErlangC { servers: at.0, utilisation: at.1, means, wait, sojourn }
}

/// M/M/c (Erlang C).
#[rustfmt::skip]
pub(crate) const MMC: [ErlangC; 11] = [
    erlang_c((2, 0.5), [0.333333, 33.3333, 133.333, 0.333333], [0.0, 120.397, 189.712, 350.656, 580.914], [97.4412, 381.646, 566.596]),
    erlang_c((2, 0.9), [0.852632, 426.316, 526.316, 7.67368], [266.860, 1071.58, 1418.15, 2222.87, 3374.16], [376.916, 1529.72, 2334.44]),
    erlang_c((5, 0.8), [0.554113, 55.4113, 155.411, 2.21645], [10.2760, 171.220, 240.534, 401.478, 631.737], [120.439, 419.746, 607.966]),
    erlang_c((10, 0.9), [0.668732, 66.8732, 166.873, 6.01858], [29.0775, 190.021, 259.336, 420.280, 650.538], [132.909, 436.087, 624.988]),
    erlang_c((20, 0.5), [0.00373113, 0.0373113, 100.037, 0.00373113], [0.0, 0.0, 0.0, 0.0, 13.1671], [69.3561, 299.615, 460.558]),
    erlang_c((20, 0.7), [0.0935612, 1.55935, 101.559, 0.218310], [0.0, 0.0, 10.4432, 37.2672, 75.6436], [71.1162, 301.427, 462.371]),
    erlang_c((20, 0.8), [0.256078, 6.40194, 106.402, 1.02431], [0.0, 23.5078, 40.8365, 81.0724, 138.637], [76.7154, 307.764, 468.708]),
    erlang_c((20, 0.9), [0.550769, 27.5385, 127.538, 4.95692], [4.83537, 85.3073, 119.965, 200.437, 315.566], [99.0437, 342.283, 504.162]),
    erlang_c((20, 0.95), [0.755401, 75.5401, 175.540, 14.3526], [41.2641, 202.208, 271.523, 432.466, 662.725], [142.312, 447.243, 636.434]),
    erlang_c((20, 0.99), [0.947867, 473.933, 573.933, 93.8388], [319.803, 1124.52, 1471.10, 2275.81, 3427.11], [428.844, 1582.67, 2387.39]),
    erlang_c((100, 0.9), [0.216940, 2.16940, 102.169, 1.95246], [0.0, 7.74453, 14.6760, 30.7704, 53.7962], [71.6929, 301.955, 462.899]),
];

/// M/D/1 (Erlang's series): ρ; mean wait; wait p50 (0: nobody waits), p95, p99.
pub(crate) const MD1: [(f64, f64, [f64; 3]); 4] = [
    (0.5, 50.0, [0.0, 205.064, 333.626]),
    (0.8, 200.0, [127.594, 662.032, 1035.59]),
    (0.9, 450.0, [301.305, 1412.87, 2189.82]),
    (0.95, 950.0, [648.067, 2911.62, 4493.78]),
];

/// M/D/c (the stationary number at multiples of D, solved as a linear system): c, ρ; mean wait; P(wait).
pub(crate) const MDC: [(u32, f64, f64, f64); 7] = [
    (2, 0.9, 214.692, 0.847108),
    (5, 0.8, 28.9060, 0.533615),
    (20, 0.7, 0.954448, 0.0844300),
    (20, 0.8, 3.58741, 0.234555),
    (20, 0.9, 14.4286, 0.523265),
    (20, 0.95, 38.5731, 0.735328),
    (100, 0.9, 1.23335, 0.195343),
];

/// M/G/1 with U(300, 1200) (Pollaczek–Khinchine; percentiles by inversion of its transform): ρ; mean wait, mean sojourn,
/// standard deviation of the wait, mean number waiting; wait p90, p95, p99.
pub(crate) const MU1: [(f64, [f64; 4], [f64; 3]); 4] = [
    (0.5, [420.0, 1170.0, 656.810, 0.28], [1279.48, 1764.63, 2877.86]),
    (0.7, [980.0, 1730.0, 1247.16, 0.914667], [2609.79, 3488.24, 5528.07]),
    (0.8, [1680.0, 2430.0, 1960.20, 1.792], [4236.93, 5604.82, 8780.97]),
    (0.9, [3780.0, 4530.0, 4072.27, 4.536], [9086.35, 11_913.6, 18_478.1]),
];

/// M/G/c with U(300, 1200): no formula is exact, so 160 million requests of an event loop that shares no code with this
/// program: c, ρ; mean wait ± 95 %.
pub(crate) const MUC: [(u32, f64, f64, f64); 7] = [
    (2, 0.9, 1806.1, 3.7),
    (5, 0.8, 242.93, 0.37),
    (20, 0.7, 7.825, 0.023),
    (20, 0.8, 29.939, 0.083),
    (20, 0.9, 121.47, 0.35),
    (20, 0.95, 325.3, 1.8),
    (100, 0.9, 10.281, 0.058),
];
/// P(wait) of (20, 0.9) in the same runs, ± 95 %.
pub(crate) const MU20_DELAYED: (f64, f64) = (0.53116, 0.0006);

/// Processor sharing: processors, ρ, whether work is U(300, 1200) (otherwise exponential); mean sojourn.
pub(crate) const SHARING: [(u32, f64, bool, f64); 8] = [
    (1, 0.5, false, 200.0),
    (1, 0.8, false, 500.0),
    (1, 0.9, false, 1000.0),
    (1, 0.5, true, 1500.0),
    (1, 0.8, true, 3750.0),
    (1, 0.9, true, 7500.0),
    (20, 0.9, false, 127.538),
    (20, 0.9, true, 956.538),
];

/// Erlang B: servers, offered load; P(lost).
pub(crate) const ERLANG_B: [(u32, f64, f64); 12] = [
    (1, 0.9, 0.473684),
    (2, 1.0, 0.200000),
    (5, 4.0, 0.199067),
    (10, 9.0, 0.167963),
    (20, 10.0, 0.00186905),
    (20, 15.0, 0.0455932),
    (20, 18.0, 0.109213),
    (20, 20.0, 0.158892),
    (20, 24.0, 0.257083),
    (50, 45.0, 0.0541045),
    (100, 90.0, 0.0269574),
    (100, 100.0, 0.0757005),
];

/// M/M/c/K: c, K, offered load; P(lost), mean wait and sojourn of the accepted, throughput per second.
pub(crate) const MMCK: [(u32, u32, f64, [f64; 4]); 5] = [
    (1, 10, 0.9, [0.0508137, 364.660, 464.660, 8.54268]),
    (20, 20, 18.0, [0.109213, 0.0, 100.000, 160.342]),
    (20, 40, 18.0, [0.00712548, 18.7499, 118.750, 178.717]),
    (20, 40, 20.0, [0.0380321, 41.5125, 141.513, 192.394]),
    (20, 40, 24.0, [0.168210, 76.4942, 176.494, 199.630]),
];

/// Patience of those who wait.
pub(crate) enum Patience {
    /// Everybody's the same, in ms.
    Fixed(f64),
    /// Exponential with this mean, in ms.
    Exponential(f64),
}

/// M/M/20 with impatience (Zeltyn, Mandelbaum: M/M/c+G): arrivals per second, patience; P(lost), mean time in the queue of
/// all, served per second.
pub(crate) const IMPATIENT: [(f64, Patience, [f64; 3]); 16] = [
    (160.0, Patience::Fixed(50.0), [0.00712892, 4.26760, 158.859]),
    (160.0, Patience::Fixed(100.0), [0.000941579, 5.93173, 159.849]),
    (160.0, Patience::Fixed(500.0), [1.05563e-10, 6.40194, 160.000]),
    (160.0, Patience::Exponential(100.0), [0.0229615, 2.29615, 156.326]),
    (180.0, Patience::Fixed(50.0), [0.0247805, 10.1387, 175.540]),
    (180.0, Patience::Fixed(100.0), [0.00798984, 18.3329, 178.562]),
    (180.0, Patience::Fixed(500.0), [2.50054e-6, 27.5266, 180.000]),
    (180.0, Patience::Exponential(100.0), [0.0498840, 4.98840, 171.021]),
    (240.0, Patience::Fixed(50.0), [0.174996, 33.5847, 198.001]),
    (240.0, Patience::Fixed(100.0), [0.167747, 80.0640, 199.741]),
    (240.0, Patience::Fixed(500.0), [0.166667, 479.167, 200.000]),
    (240.0, Patience::Exponential(100.0), [0.188605, 18.8605, 194.735]),
    (300.0, Patience::Fixed(50.0), [0.333610, 43.4142, 199.917]),
    (300.0, Patience::Fixed(100.0), [0.333335, 93.3342, 199.999]),
    (300.0, Patience::Fixed(500.0), [0.333333, 493.333, 200.000]),
    (300.0, Patience::Exponential(100.0), [0.334983, 33.4983, 199.505]),
];

/// Closed loop, thinking exponential with mean 1 s (machine repair, by its birth and death equations): servers, users;
/// throughput per second, mean response.
pub(crate) const CLOSED: [(u32, u64, f64, f64); 9] = [
    (1, 10, 7.85418, 273.208),
    (1, 20, 9.98131, 1003.75),
    (1, 50, 10.0000, 4000.00),
    (4, 20, 18.1197, 103.771),
    (4, 50, 38.8498, 287.007),
    (4, 100, 40.0000, 1500.00),
    (20, 100, 90.9087, 100.005),
    (20, 220, 192.230, 144.462),
    (20, 300, 200.000, 500.000),
];

/// A second attempt at the 95th percentile of Exp(100 ms), without any queue: after; mean, p99, p99.9, share that send it.
pub(crate) const HEDGED: (f64, [f64; 4]) = (299.573, [97.5, 380.045, 495.174, 0.05]);
