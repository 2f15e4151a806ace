// The sampling maths of playground/sampling.py over a whole vocabulary. The logits come sorted, largest first, so what
// top-k, top-p and min-p keep is always a beginning of the list. Pure functions: no page, no screen.

const OFF = { do_sample: true, temperature: 1, top_k: 0, top_p: 1, min_p: 0 };

/** Room for one distribution; made once, used by every redraw. */
function makeRoom(size) {
  return { weight: new Float64Array(size), cumulative: new Float64Array(size) };
}

/**
 * What is left of `logits` (Float32Array, descending) after all processors.
 *
 * Scaled logits and what is compared with a limit are rounded to float32, as in the model's own sampling, so that a
 * tie there is a tie here; sums are float64. `weight` is the probability before any cut, over the largest one.
 *
 * Returns { greedy, temperature, size, weight, cumulative, total, afterTopK, afterTopP, kept, mass }: tokens [0, kept)
 * are kept, [kept, afterTopP) were cut by min-p, [afterTopP, afterTopK) by top-p and the rest by top-k (by being
 * greedy, if so); `mass` is the kept weight.
 */
function distribution(logits, settings, room) {
  const size = logits.length, { weight, cumulative } = room;
  const greedy = isGreedy(settings);
  const temperature = greedy ? 1 : Math.fround(settings.temperature);
  const best = Math.fround(logits[0] / temperature);
  let total = 0;
  for (let i = 0; i < size; i++) {
    weight[i] = Math.exp(Math.fround(logits[i] / temperature) - best);
    total += weight[i];
    cumulative[i] = total;
  }
  const result = { greedy, temperature, size, logits, weight, cumulative, total };
  if (greedy) return Object.assign(result, { afterTopK: 1, afterTopP: 1, kept: 1, mass: weight[0] });
  const afterTopK = keptByTopK(logits, temperature, settings.top_k);
  const afterTopP = keptByTopP(weight, afterTopK, cumulative[afterTopK - 1], settings.top_p);
  const kept = keptByMinP(weight, afterTopP, cumulative[afterTopP - 1], settings.min_p);
  return Object.assign(result, { afterTopK, afterTopP, kept, mass: cumulative[kept - 1] });
}

const isGreedy = (settings) => !settings.do_sample || settings.temperature === 0;

/** Tokens equal to the k-th largest are kept with it. */
function keptByTopK(logits, temperature, k) {
  if (k === 0 || k >= logits.length) return logits.length;
  const least = Math.fround(logits[k - 1] / temperature);
  while (k < logits.length && Math.fround(logits[k] / temperature) >= least) k++;
  return k;
}

/** From the small end, all is cut whose sum is at most 1 − p; the largest always stays. */
function keptByTopP(weight, count, total, p) {
  if (p >= 1) return count;
  const most = Math.fround(1 - p);
  let tail = 0;
  for (let i = count - 1; i > 0; i--) {
    tail += Math.fround(weight[i] / total);
    if (Math.fround(tail) > most) return i + 1;
  }
  return 1;
}

/** What has less than the fraction p of the largest probability is cut; what equals the largest always stays. */
function keptByMinP(weight, count, total, p) {
  if (p === 0) return count;
  const most = Math.fround(1 / total), least = Math.fround(Math.fround(p) * most);
  let kept = count;
  while (kept > 1) {
    const last = Math.fround(weight[kept - 1] / total);
    if (last >= least || last >= most) break;
    kept--;
  }
  return kept;
}

const CUT_BY = ["", "top-k", "top-p", "min-p"];

/** What cut token i: 0 for nothing, else a place in CUT_BY. */
function cutBy(result, i) {
  if (i < result.kept) return 0;
  if (i < result.afterTopP) return 3;
  return i < result.afterTopK ? 2 : 1;
}

/** The probability token i is drawn with. */
const probability = (result, i) => (i < result.kept ? result.weight[i] / result.mass : 0);

/** Token i's logit over the temperature. */
const scaledLogit = (result, i) => Math.fround(result.logits[i] / result.temperature);

/** The probability that top-p sees at or above rank i: after temperature and top-k. */
const climbed = (result, i) =>
  i < result.afterTopK ? result.cumulative[i] / result.cumulative[result.afterTopK - 1] : 1;

/** What tokens [first, size) hold of the final probability. */
function massFrom(result, first) {
  if (first >= result.kept) return 0;
  return first === 0 ? 1 : (result.mass - result.cumulative[first - 1]) / result.mass;
}

/** Entropy of the final distribution in bits. */
function entropy(result) {
  const best = scaledLogit(result, 0);
  let sum = 0;
  for (let i = 0; i < result.kept; i++) {
    if (result.weight[i] > 0) sum += result.weight[i] * (scaledLogit(result, i) - best);
  }
  return Math.max(0, (Math.log(result.mass) - sum / result.mass) / Math.LN2);
}
