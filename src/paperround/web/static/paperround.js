// Conveniences; every page works without them.
const titles = [...document.querySelectorAll('.paper h2 a, .similar h3 a')];
if (document.querySelector('.paper')) document.body.classList.add('with-keys');

function go(step) {
  const here = titles.findIndex((title) => title.closest('li').contains(document.activeElement));
  const next = titles[here < 0 ? (step > 0 ? 0 : -1) : here + step];
  if (!next) return;
  next.focus({ preventScroll: true, focusVisible: true });
  next.closest('li').scrollIntoView({ block: 'nearest' });
}

function open() {
  const abstract = document.activeElement.closest('li')?.querySelector('.abstract');
  if (abstract) abstract.open = !abstract.open;
}

const keys = { j: () => go(1), k: () => go(-1), o: open };
document.addEventListener('keydown', (event) => {
  const busy = event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea');
  if (!busy && titles.length && keys[event.key]) keys[event.key]();
});

// Selecting words of an open abstract doesn't close it.
document.addEventListener('click', (event) => {
  const abstract = event.target.closest('.abstract[open]');
  if (abstract && !getSelection().isCollapsed && abstract.contains(getSelection().anchorNode)) event.preventDefault();
});
