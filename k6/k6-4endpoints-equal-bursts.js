// Equal load on the four endpoints of the lab: the same arrivals, the same bursts, the same jitter for each of them.
//
//   k6 run -e TARGET_RPS=30 -e REQ_TIMEOUT=5s k6/k6-4endpoints-equal-bursts.js
//   docker run --rm -i --network host grafana/k6 run -e TARGET_RPS=30 - < k6/k6-4endpoints-equal-bursts.js
//
// The load is open: a request starts when its time has come, whether or not the ones before it were answered. A request
// that could not start on time is dropped and counted (`dropped_iterations`), never sent late. Exit code 99: an endpoint did
// not keep what it promises by design, see `thresholds`. /async-limited is judged only below the capacity of its permits.
//
// Knobs (environment or `-e NAME=value`); a wrong one stops the run before it starts.
//
//   BASE_URL       where the app listens                       default http://localhost:8080
//   DURATION       how long requests arrive                    default 2m     (5s to 24h)
//   TARGET_RPS     requests per second to EACH endpoint        default 30     (0.1 to 5000)
//   REQ_TIMEOUT    k6 gives a request up after this time       default 5s     (10ms to 5m)
//   BURST_COUNT    bursts in a run                             default 3      (0 to 50)
//   BURST_SIZE     largest burst, as a multiple of TARGET_RPS  default 3      (1 to 20)
//   BURST_LENGTH   longest burst                               default DURATION / 12, less if there are many (100ms to 1h)
//   BURST_SEED     draws when, how high and how long           default SEED
//   JITTER_MS      a request starts up to this much later      default 50     (0 to 1000)
//   SEED           draws everything that is random             default random, printed
//   MAX_VUS        cap on virtual users per endpoint           default 2000   (1 to 20000)
//   SUMMARY_JSON   also write the counts to this file          default none
//
// A run: ramp (a sixth of DURATION), then one burst at a random moment of every BURST_COUNT-th of the rest, each followed by a
// recovery of the same length; steady in between. Every request carries the phase's name in `x-inflight-phase`.
import exec from 'k6/execution';
import http from 'k6/http';
import { check, sleep } from 'k6';
import { Counter, Rate } from 'k6/metrics';
import { SharedArray } from 'k6/data';

// What the endpoints promise with the app's default settings: A takes 50 to 150 ms, B 300 to 1200 ms and fails 5 % at once.
const ENDPOINTS = [
  { path: '/sync', slowestMs: 1350, statuses: [200, 503] }, // A, then B
  { path: '/async', slowestMs: 1200, statuses: [200, 503] }, // A beside B
  { path: '/async-limited', slowestMs: 1200, statuses: [200, 503], capacity: 28 }, // 20 permits / 0.7125 s each, requests/s
  { path: '/async-timeout', slowestMs: 600, statuses: [200, 408, 503] }, // 408 is this endpoint's answer to a slow B
];
const B_FAILS = 0.05;
const SLACK_MS = 250; // what network, scheduler and app may add to the slowest answer by design
const QUIET_MS = 1000; // no arrivals: k6 counts a scenario's end from before its users were ready, and would cut the last ones off
const RATE_UNIT_S = 100; // k6 takes whole numbers only; per 100 s they resolve 0.01/s
const JITTER_STREAM = 0x6a177e12; // keeps the jitter's draws apart from the bursts'

// ---------------------------------------------------------------------------------------------------------------- knobs

const problems = [];

/** The knob's value, or its default when it is unset or empty. A wrong value is noted, all of them are told together. */
function knob(name, kind, fallback) {
  const text = (__ENV[name] || '').trim();
  if (text === '') return fallback;
  const value = kind.parse(text);
  if (value !== undefined) return value;
  problems.push(`${name}=${text}: expected ${kind.expected}`);
  return fallback;
}

const within = (value, min, max) => (value >= min && value <= max ? value : undefined);
const numeric = (digits, noun) => (min, max, what) => ({
  parse: (text) => (digits.test(text) ? within(Number(text), min, max) : undefined),
  expected: `${noun} from ${min} to ${max} (${what})`,
});
const number = numeric(/^\d+(\.\d+)?$/, 'a number');
const integer = numeric(/^\d+$/, 'a whole number');

const UNIT_MS = { ms: 1, s: 1000, m: 60000, h: 3600000 };
function parseDuration(text) {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/([\d.]+)([a-z]+)/g)];
  return Math.round(parts.reduce((sum, [, value, unit]) => sum + value * UNIT_MS[unit], 0));
}

const duration = (min, max, what) => ({
  parse: (text) => within(parseDuration(text), parseDuration(min), parseDuration(max)),
  expected: `a duration with its unit from ${min} to ${max}, such as 500ms, 30s or 1m30s (${what})`,
});

const origin = {
  parse: (text) => (/^https?:\/\/[^\s/?#]+\/?$/.test(text) ? text.replace(/\/$/, '') : undefined),
  expected: 'scheme, host and port without a path, such as http://localhost:8080 (where the app listens)',
};

const seconds = (ms) => `${+(ms / 1000).toFixed(1)} s`;

function readKnobs() {
  const durationMs = knob('DURATION', duration('5s', '24h', 'how long requests arrive'), 120000);
  const rampMs = Math.round(durationMs / 6);
  const burstCount = knob('BURST_COUNT', integer(0, 50, 'bursts in a run'), 3);
  const burstFits = Math.floor(Math.min(durationMs / 12, (durationMs - rampMs) / 3 / burstCount));
  const knobs = {
    baseUrl: knob('BASE_URL', origin, 'http://localhost:8080'),
    durationMs,
    rampMs,
    rps: knob('TARGET_RPS', number(0.1, 5000, 'requests per second to EACH endpoint'), 30),
    timeoutMs: knob('REQ_TIMEOUT', duration('10ms', '5m', 'when k6 gives a request up'), 5000),
    burstCount,
    burstSize: knob('BURST_SIZE', number(1, 20, 'the largest burst as a multiple of TARGET_RPS'), 3),
    burstMs: knob('BURST_LENGTH', duration('100ms', '1h', 'the longest burst'), burstFits),
    burstSeed: knob('BURST_SEED', integer(0, 4294967295, 'draws the bursts'), null),
    jitterMs: knob('JITTER_MS', number(0, 1000, 'how much later a request may start'), 50),
    seed: knob('SEED', integer(0, 4294967295, 'draws everything random'), null),
    maxVus: knob('MAX_VUS', integer(1, 20000, 'virtual users per endpoint'), 2000),
    summaryJson: __ENV.SUMMARY_JSON || '',
  };
  const needMs = 2 * knobs.burstMs * burstCount;
  if (needMs > durationMs - rampMs) {
    const [need, room] = [needMs, durationMs - rampMs].map(seconds);
    problems.push(`BURST_LENGTH=${knobs.burstMs}ms: expected ${burstCount} bursts and recoveries (${need}) to fit behind the ramp (${room})`);
  }
  if (problems.length > 0) throw `the load cannot run as asked\n  ${problems.join('\n  ')}`;
  return knobs;
}

// ------------------------------------------------------------------------------------------------------------- schedule

/** A draw from [0, 1) that depends on nothing but its arguments. The mixing constants are MurmurHash3's 32-bit finalizer. */
function draw(seed, i) {
  let h = (seed + Math.imul(i + 1, 0x9e3779b9)) | 0;
  for (const [shift, factor] of [[16, 0x85ebca6b], [13, 0xc2b2ae35], [16, 1]]) h = Math.imul(h ^ (h >>> shift), factor);
  return (h >>> 0) / 4294967296;
}

/** All that is decided before the first request: seeds, schedule, and how many virtual users can become busy by it. */
function makeRun(knobs) {
  const seed = knobs.seed === null ? Math.floor(Math.random() * 4294967296) : knobs.seed;
  const burstSeed = knobs.burstSeed === null ? seed : knobs.burstSeed;
  const phases = makePhases(knobs, burstSeed);
  const usersNeeded = Math.ceil(mostInFlight(phases, knobs.timeoutMs + knobs.jitterMs) * 1.05) + 2;
  return {
    knobs,
    seed,
    burstSeed,
    phases,
    arrivals: Math.floor(arrivalsBefore(phases, Infinity) + 1e-9),
    peakRps: Math.max(...phases.map(({ from, to }) => Math.max(from, to))),
    usersNeeded,
    users: Math.min(usersNeeded, knobs.maxVus),
  };
}

/** What happens when, in whole milliseconds, the same for all endpoints; within a phase the rate goes straight `from` … `to`. */
function makePhases(knobs, burstSeed) {
  const phases = [];
  const end = () => (phases.length > 0 ? phases[phases.length - 1].endMs : 0);
  const add = (name, ms, from, to) => ms > 0 && phases.push({ name, startMs: end(), endMs: end() + ms, from, to });
  const rate = (multiple) => Math.round(multiple * knobs.rps * RATE_UNIT_S) / RATE_UNIT_S;

  add('ramp', knobs.rampMs, 0, rate(1));
  for (let k = 0; k < knobs.burstCount; k++) {
    const slotEnd = knobs.rampMs + Math.floor(((k + 1) * (knobs.durationMs - knobs.rampMs)) / knobs.burstCount);
    const [when, high, long] = [0, 1, 2].map((i) => draw(burstSeed, 3 * k + i));
    const burstMs = Math.round(knobs.burstMs * (0.5 + long / 2));
    const size = rate(1 + (knobs.burstSize - 1) * (0.5 + high / 2));
    add('steady', Math.floor(when * (slotEnd - end() - 2 * burstMs)), rate(1), rate(1));
    add('burst', burstMs, size, size);
    add('recovery', burstMs, rate(1), rate(1));
    add('steady', slotEnd - end(), rate(1), rate(1));
  }
  if (knobs.burstCount === 0) add('steady', knobs.durationMs - knobs.rampMs, rate(1), rate(1));
  return phases;
}

/** The area under the rate up to `ms`: how many requests have come by then. */
function arrivalsBefore(phases, ms) {
  let count = 0;
  for (const { startMs, endMs, from, to } of phases) {
    const share = Math.min(1, Math.max(0, (ms - startMs) / (endMs - startMs)));
    count += ((endMs - startMs) / 1000) * share * (from + ((to - from) * share) / 2);
  }
  return count;
}

/** The most requests that can be in flight at one endpoint: all that arrive while the first of them waits to be given up. */
function mostInFlight(phases, holdMs) {
  const edges = phases.flatMap(({ startMs, endMs }) => [startMs, endMs, startMs - holdMs, endMs - holdMs]);
  return Math.max(...edges.map((t) => arrivalsBefore(phases, t + holdMs) - arrivalsBefore(phases, t)));
}

function k6Stages(phases) {
  const stage = (rps, ms) => ({ target: Math.round(rps * RATE_UNIT_S), duration: `${ms}ms` });
  const stages = phases.flatMap(({ startMs, endMs, from, to }) => [stage(from, 0), stage(to, endMs - startMs)]);
  return [...stages, stage(0, 0), stage(0, QUIET_MS)];
}

const phaseAt = (ms) => (run.phases.find(({ endMs }) => ms < endMs) || run.phases[run.phases.length - 1]).name;

// ----------------------------------------------------------------------------------------------------------- the k6 test

// k6 runs this file once per virtual user. The run is made by the first and shared: all must see the same draws, and thousands
// of users should be cheap. `__VU` is 0 where k6 asks for options, setup and summary.
const run = new SharedArray('run', () => [makeRun(readKnobs())])[0];
const { knobs } = run;

const sent = new Counter('lab_requests'); // endpoint; counted before the request leaves
const ended = new Counter('lab_answers'); // endpoint, status: "200", "408", "503", "other", "gave_up", "no_answer"
const failedB = new Rate('lab_b_failed'); // endpoint; share of the requests sent that came back as 503
const STATUSES = ['200', '408', '503', 'other', 'gave_up', 'no_answer'];
const scenarioOf = ({ path }) => path.slice(1);

function scenario(endpoint) {
  return {
    executor: 'ramping-arrival-rate',
    exec: 'request',
    env: { ENDPOINT: endpoint.path },
    startRate: 0,
    timeUnit: `${RATE_UNIT_S}s`,
    stages: k6Stages(run.phases),
    preAllocatedVUs: run.users,
    maxVUs: run.users, // none is made during the run: that would take CPU from what is measured
    gracefulStop: `${Math.ceil(knobs.timeoutMs + knobs.jitterMs + 2000)}ms`, // nothing that was sent is cut off
  };
}

/** Promises that must hold, and (`count>=0`, `rate>=0`) counts that are only named so that the summary gets them. */
function thresholds(endpoint) {
  const { path, slowestMs, capacity } = endpoint;
  // A limit without a bound on its queue has no steady state above its capacity: what it does there is the lab's result, not a fault.
  const steady = capacity === undefined || run.peakRps < 0.8 * capacity;
  const unlucky = B_FAILS + 4 * Math.sqrt((B_FAILS * (1 - B_FAILS)) / Math.max(1, run.arrivals)); // 4 standard errors
  const judged = (expression) => [steady ? expression : expression.replace(/<.*/, '>=0')];
  const list = {
    [`http_req_duration{endpoint:${path}}`]: judged(`p(95)<${slowestMs + SLACK_MS}`),
    [`http_req_failed{endpoint:${path}}`]: judged('rate<0.01'), // no answer in time, or one that is not by design
    [`checks{endpoint:${path}}`]: ['rate==1'],
    [`lab_b_failed{endpoint:${path}}`]: [`rate<${unlucky.toFixed(4)}`],
    [`lab_requests{endpoint:${path}}`]: ['count>=0'],
    [`dropped_iterations{scenario:${scenarioOf(endpoint)}}`]: ['count==0'],
  };
  for (const status of STATUSES) list[`lab_answers{endpoint:${path},status:${status}}`] = ['count>=0'];
  return list;
}

export const options = __VU !== 0 ? {} : {
  scenarios: Object.fromEntries(ENDPOINTS.map((endpoint) => [scenarioOf(endpoint), scenario(endpoint)])),
  thresholds: Object.assign({}, ...ENDPOINTS.map(thresholds)),
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  discardResponseBodies: true,
  maxRedirects: 0, // one request is one request
  userAgent: 'inflight-k6',
};

export function setup() {
  const { status, error } = http.get(`${knobs.baseUrl}/health`, { timeout: '5s' });
  if (status !== 200) exec.test.abort(`BASE_URL=${knobs.baseUrl}: /health said ${error || status}. Is the app running?`);
  console.log(`${run.arrivals} requests to each endpoint, peak ${run.peakRps}/s; repeat with SEED=${run.seed} BURST_SEED=${run.burstSeed}`);
  if (run.users < run.usersNeeded) {
    console.warn(`MAX_VUS=${run.users}: this schedule can need ${run.usersNeeded} per endpoint; who finds none free is dropped, and counted`);
  }
}

let complained = false;
/** The answer's status, or how it stayed away. k6 would log every single one that it gives up, so it has to throw instead. */
function get(url, params) {
  try {
    const status = http.get(url, Object.assign({ throw: true }, params)).status;
    return { status, outcome: STATUSES.includes(String(status)) ? String(status) : 'other' };
  } catch (error) {
    if (error.message.endsWith('request timeout')) return { status: 0, outcome: 'gave_up' };
    if (error.message.endsWith('context canceled')) throw error; // the run was stopped
    if (!complained) console.warn(error.message); // once per virtual user
    complained = true;
    return { status: 0, outcome: 'no_answer' };
  }
}

export function request() {
  const { path, statuses } = ENDPOINTS.find((endpoint) => endpoint.path === __ENV.ENDPOINT);
  const lateMs = draw(run.seed ^ JITTER_STREAM, exec.scenario.iterationInTest) * knobs.jitterMs; // the same for request i of each endpoint
  if (lateMs > 0) sleep(lateMs / 1000);

  sent.add(1, { endpoint: path });
  const { status, outcome } = get(knobs.baseUrl + path, {
    headers: { 'x-inflight-phase': phaseAt(Date.now() - exec.scenario.startTime) },
    responseCallback: http.expectedStatuses(...statuses),
    tags: { endpoint: path, name: path },
    timeout: knobs.timeoutMs,
  });
  ended.add(1, { endpoint: path, status: outcome });
  failedB.add(status === 503, { endpoint: path });
  if (status !== 0) check(status, { 'the status is by design': (status) => statuses.includes(status) }, { endpoint: path });
}

// -------------------------------------------------------------------------------------------------------------- summary

const COLUMNS = ['endpoint', 'offered', 'sent', '200', '408', '503', 'other', 'gave up', 'dropped', 'p50 ms', 'p95 ms', 'p99 ms'];

function countsOf(endpoint, metrics) {
  const value = (metric, name) => (metrics[metric] ? metrics[metric].values[name] : 0);
  const answers = (status) => value(`lab_answers{endpoint:${endpoint.path},status:${status}}`, 'count');
  const left = value(`lab_requests{endpoint:${endpoint.path}}`, 'count');
  const dropped = value(`dropped_iterations{scenario:${scenarioOf(endpoint)}}`, 'count');
  const latency = (stat) => (left > 0 ? value(`http_req_duration{endpoint:${endpoint.path}}`, stat) : null);
  return {
    offered: left + dropped,
    sent: left,
    status_200: answers('200'),
    status_408: answers('408'),
    status_503: answers('503'),
    status_other: answers('other'),
    gave_up: answers('gave_up'), // REQ_TIMEOUT passed: the app saw its client go
    no_answer: answers('no_answer'), // refused, reset, …
    interrupted: left - STATUSES.reduce((sum, status) => sum + answers(status), 0), // in flight when the run was stopped
    dropped,
    p50_ms: latency('med'),
    p95_ms: latency('p(95)'),
    p99_ms: latency('p(99)'),
  };
}

function table(endpoints, totals) {
  // Who was given up waited at least REQ_TIMEOUT; how long it would have waited, nobody knows.
  const ms = (value) => (value === null ? '–' : value >= knobs.timeoutMs ? `≥ ${knobs.timeoutMs}` : value.toFixed(0));
  const row = (name, c, latencies) => {
    const other = c.status_other + c.no_answer + c.interrupted;
    return [name, c.offered, c.sent, c.status_200, c.status_408, c.status_503, other, c.gave_up, c.dropped, ...latencies].map(String);
  };
  const rows = Object.entries(endpoints).map(([path, c]) => row(path, c, [ms(c.p50_ms), ms(c.p95_ms), ms(c.p99_ms)]));
  const all = [COLUMNS, ...rows, row('all', totals, ['', '', ''])];
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((cells) => cells[column].length)));
  const line = ([name, ...cells]) => [name.padEnd(widths[0]), ...cells.map((cell, i) => cell.padStart(widths[i + 1]))];
  return all.map((cells) => `  ${line(cells).join('  ').trimEnd()}`).join('\n');
}

export function handleSummary({ metrics }) {
  const endpoints = Object.fromEntries(ENDPOINTS.map((endpoint) => [endpoint.path, countsOf(endpoint, metrics)]));
  const list = Object.values(endpoints);
  const keys = Object.keys(list[0]).filter((key) => !key.endsWith('_ms'));
  const totals = Object.fromEntries(keys.map((key) => [key, list.reduce((sum, counts) => sum + counts[key], 0)]));
  const thresholds = Object.entries(metrics)
    .flatMap(([metric, { thresholds }]) => Object.entries(thresholds || {}).map(([expression, { ok }]) => ({ metric, expression, holds: ok })))
    .filter(({ expression }) => !expression.endsWith('>=0'))
    .sort((a, b) => (a.metric < b.metric ? -1 : 1));
  const crossed = thresholds.filter(({ holds }) => !holds);
  const equal = list.every(({ offered }) => offered === list[0].offered);
  const text = `
  ${knobs.baseUrl}  ${knobs.rps}/s to each endpoint for ${seconds(knobs.durationMs)}, given up after ${knobs.timeoutMs} ms, seed ${run.seed}
  planned ${run.arrivals} requests per endpoint, offered ${equal ? 'equally' : 'UNEQUALLY'}

${table(endpoints, totals)}

  ${totals.sent === 0 ? 'no request was sent: nothing to judge' : `${thresholds.length - crossed.length} of ${thresholds.length} thresholds hold`}
${crossed.map(({ metric, expression }) => `  ✗ ${metric} ${expression}\n`).join('')}`;
  const phases = run.phases.map(({ name, startMs, endMs, from, to }) => ({ name, start_ms: startMs, end_ms: endMs, from_rps: from, to_rps: to }));
  const asked = { base_url: knobs.baseUrl, target_rps: knobs.rps, duration_ms: knobs.durationMs, timeout_ms: knobs.timeoutMs };
  const record = { schema: 1, ...asked, seed: run.seed, burst_seed: run.burstSeed, planned: run.arrivals, phases, endpoints, totals, thresholds };
  return { stdout: text, ...(knobs.summaryJson && { [knobs.summaryJson]: `${JSON.stringify(record, null, 2)}\n` }) };
}
