// Formats numbers, dates and codes as the reader sees them.
(function (dashboard) {
  'use strict';

  const { labels } = dashboard;

  const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

  const formats = {
    whole: new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 }),
    short: new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 }),
    one: new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
    some: new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 }),
  };

  function money(value, format) {
    return (value < 0 ? '−$' : '$') + format.format(Math.abs(value));
  }

  function shown(value, unit) {
    if (value === null || value === undefined) return '–';
    switch (unit) {
      case 'money': return money(value, formats.whole);
      case 'percent': return formats.one.format(value * 100) + ' %';
      case 'points': return (value > 0 ? '+' : '') + formats.one.format(value * 100) + ' pp';
      case 'days': return formats.one.format(value) + ' days';
      default: return formats.some.format(value);
    }
  }

  function tick(value, unit) {
    switch (unit) {
      case 'money': return money(value, formats.short);
      case 'percent': return formats.some.format(value * 100) + ' %';
      case 'points': return formats.some.format(value * 100);
      default: return formats.short.format(value);
    }
  }

  function named(code) {
    const key = String(code);
    return Object.hasOwn(labels, key) ? labels[key] : key;
  }

  const regions = new Intl.DisplayNames(['en'], { type: 'region' });

  function country(code) {
    return /^[A-Z]{2}$/.test(code) ? regions.of(code) : named(code);
  }

  function period(day) {
    const [year, month] = day.split('-');
    return MONTHS[month - 1] + ' ' + year;
  }

  // Returns the month of a day for an axis, such as "Jan 25".
  function shortMonth(day) {
    return MONTHS[day.slice(5, 7) - 1] + ' ' + day.slice(2, 4);
  }

  function dayName(day) {
    const [year, month, date] = day.split('-');
    return Number(date) + ' ' + MONTHS[month - 1] + ' ' + year;
  }

  Object.assign(dashboard, { formats, money, shown, tick, named, country, period, shortMonth, dayName });
}(window.dashboard));
