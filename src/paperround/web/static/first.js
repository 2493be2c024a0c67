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
