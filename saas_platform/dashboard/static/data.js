// Reads the data in the page, selects the rows of the chosen segment, and sums them.
//
// The scripts share the object `dashboard`, which this one makes because it is the first. Each script takes from it
// what it uses, and adds what later scripts use. page.py declares their order. Names from the data are inserted as
// text nodes only, never as HTML.
(function () {
  'use strict';

  const payload = JSON.parse(document.getElementById('payload').textContent);
  const { labels, lastMonth, charts, tables } = payload;
  // The segment that the reader chose, or '' for all segments.
  const filter = { segment: '' };
  // The functions that draw the kinds of charts. Each returns an ECharts option, the legend and the data table.
  const kinds = {};

  function rowsOf(table) {
    const first = Object.values(table)[0];
    const rows = first.map((_, row) => row);
    return table.segment && filter.segment ? rows.filter((row) => table.segment[row] === filter.segment) : rows;
  }

  function distinct(values) {
    return [...new Set(values)];
  }

  // Returns the sum of the known values of a column, or null if none is known.
  function total(table, column, rows) {
    let sum = null;
    for (const row of rows) {
      const value = table[column][row];
      if (value !== null) sum = (sum === null ? 0 : sum) + value;
    }
    return sum;
  }

  function measure(table, rows, column, per) {
    const sum = total(table, column, rows);
    if (!per || sum === null) return sum;
    const divisor = total(table, per, rows);
    return divisor ? sum / divisor : null;
  }

  function grouped(rows, values) {
    const groups = new Map();
    for (const row of rows) {
      const key = values[row];
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(row);
    }
    return groups;
  }

  window.dashboard = {
    kinds, labels, lastMonth, charts, tables, filter, rowsOf, distinct, total, measure, grouped,
  };
}());
