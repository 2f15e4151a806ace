// Asks for the next drawing a while after the last one came.

const PATIENCE = 5000; // ms for an answer, before it is asked for again
const clocks = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const clock = clocks.get(parentElement) || {};
  clocks.set(parentElement, clock);
  clearTimeout(clock.timer);
  const tick = () => {
    clock.timer = setTimeout(tick, PATIENCE);
    setTriggerValue("tick", Date.now());
  };
  if (data.going) clock.timer = setTimeout(tick, data.every);
  return () => clearTimeout(clock.timer);
}
