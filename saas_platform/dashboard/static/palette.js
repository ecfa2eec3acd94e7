// Reads the colours of the current theme from dashboard.css. Charts name a colour, and the theme gives its value.
(function (dashboard) {
  'use strict';

  const NAMES = [
    'page', 'card', 'ink', 'soft', 'line', 'grid', 'blue', 'sky', 'green', 'orange', 'red', 'purple',
    'grey', 'heat-0', 'heat-1', 'heat-2', 'below', 'even', 'above',
  ];

  const palette = {}; // name of a colour -> its value

  function readPalette() {
    const style = getComputedStyle(document.documentElement);
    for (const name of NAMES) palette[name] = style.getPropertyValue('--' + name).trim();
  }

  readPalette();

  Object.assign(dashboard, { palette, readPalette });
}(window.dashboard));
