// Two short tones, made here: no file is fetched. Browsers let a page sound once somebody has
// clicked or typed in it.

const TONES = [
  { hertz: 660, from: 0 },
  { hertz: 880, from: 0.14 },
];
const SECONDS = 0.22;
const LOUD = 0.12;

let context = null;

/** Make sound possible as soon as the reader does something in the page. */
export function readyToChime() {
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => open()?.resume(), { once: true });
}

/** Play; whether it could be heard. */
export async function chime() {
  const audio = open();
  if (audio === null) return false;
  // Without a click or a key this promise may never come to an end.
  await Promise.race([audio.resume(), new Promise((done) => setTimeout(done, 300))]);
  if (audio.state !== "running") return false;
  for (const { hertz, from } of TONES) tone(audio, hertz, audio.currentTime + from);
  return true;
}

function tone(audio, hertz, at) {
  const source = audio.createOscillator();
  const loudness = audio.createGain();
  source.frequency.value = hertz;
  loudness.gain.setValueAtTime(0, at);
  loudness.gain.linearRampToValueAtTime(LOUD, at + 0.02);
  loudness.gain.exponentialRampToValueAtTime(0.001, at + SECONDS);
  source.connect(loudness).connect(audio.destination);
  source.start(at);
  source.stop(at + SECONDS);
}

function open() {
  if (!("AudioContext" in window)) return null;
  context ??= new AudioContext();
  return context;
}
