// The values that a slider runs over: finer where it matters.

const steps = (from, to, by) =>
  Array.from({ length: Math.round((to - from) / by) + 1 }, (_, i) => Number((from + i * by).toFixed(4)));

const TEMPERATURES = [...steps(0.05, 1, 0.01), ...steps(1.02, 2, 0.02), ...steps(2.05, 5, 0.05)];

const temperatureText = (value) => String(Number(value.toFixed(3)));

/** Put a slider's thumb at a place of its list; its track is filled up to there. */
function putSlider(input, place) {
  if (Number(input.value) !== place) input.value = place;
  input.style.setProperty("--share", place / Math.max(1, input.max));
}

/** The place of the value in an ascending list nearest to the one wanted; "off" (0) may stand at its end. */
function nearest(list, wanted) {
  if (wanted === 0 && list[list.length - 1] === 0) return list.length - 1;
  let best = 0;
  list.forEach((value, i) => {
    if (Math.abs(value - wanted) < Math.abs(list[best] - wanted)) best = i;
  });
  return best;
}
