// Before the first paint, so that nothing flashes or moves.
const root = document.documentElement;
root.classList.add('js');

function wear(theme) {
  root.dataset.theme = theme;
  for (const meta of document.querySelectorAll('meta[name=theme-color]')) {
    const own = meta.dataset.theme;
    meta.media = theme ? (own === theme ? 'all' : 'not all') : `(prefers-color-scheme: ${own})`;
  }
}

// What this browser remembers; nothing where storage is forbidden.
const memory = {
  get(name) { try { return localStorage.getItem(name) ?? '' } catch { return '' } },
  set(name, value) { try { localStorage.setItem(name, value) } catch { /* then not */ } },
};
wear(memory.get('theme'));
root.dataset.density = memory.get('density');
root.dataset.fade = memory.get('fade');
root.dataset.forYou = memory.get('for-you');

// A visit begins when nobody looked for half an hour; new is what came after the last look of the visit before.
// Of a reader who is signed in the site knows it, whichever browser that was in.
const lastLook = Number(memory.get('looked'));
if (Date.now() - lastLook > 30 * 60_000) memory.set('since', lastLook || '');
memory.set('looked', Date.now());
const since = root.dataset.since * 1000 || Number(memory.get('since'));
if (since) root.classList.add('returning');
