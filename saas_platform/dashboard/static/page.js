// Draws all charts, and draws them again if the reader chooses a segment, or the theme or the width changes.
(function (dashboard) {
  'use strict';

  const { charts, filter, readPalette, draw } = dashboard;

  const root = document.documentElement;

  function redraw() {
    readPalette();
    charts.forEach(draw);
  }

  document.querySelectorAll('input[name="segment"]').forEach((input) => {
    // The browser restores the reader's choice after a reload.
    if (input.checked) filter.segment = input.value;
    input.addEventListener('change', () => {
      filter.segment = input.value;
      markWhole();
      redraw();
    });
  });

  function markWhole() {
    document.querySelectorAll('.whole').forEach((badge) => { badge.hidden = !filter.segment; });
  }

  markWhole();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  addEventListener('beforeprint', () => { root.dataset.theme = 'light'; redraw(); });
  addEventListener('afterprint', () => { delete root.dataset.theme; redraw(); });

  let width = root.clientWidth;
  let timer = 0;
  addEventListener('resize', () => {
    // A phone that hides its address bar changes only the height.
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    clearTimeout(timer);
    timer = setTimeout(redraw, 120);
  });

  // Draw the first screen at once, and the rest while the browser is idle.
  const later = window.requestIdleCallback || ((work) => setTimeout(work, 0));
  const waiting = [...charts];
  function next(deadline) {
    do {
      if (waiting.length) draw(waiting.shift());
    } while (waiting.length && deadline && deadline.timeRemaining() > 20);
    if (waiting.length) later(next);
    else root.dataset.drawn = String(charts.length);
  }
  waiting.splice(0, 4).forEach(draw);
  later(next);
}(window.dashboard));
