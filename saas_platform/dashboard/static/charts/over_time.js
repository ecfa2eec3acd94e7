// Charts over months or days: `periods` has the declared series, `split` one series for each value of a column.
(function (dashboard) {
  'use strict';

  const {
    labels, tables, rowsOf, distinct, measure, grouped, shown, named, period, shortMonth, dayName, palette, text,
    baseOption, valueAxis, marked, reference, tip,
  } = dashboard;

  const PARTS = ['blue', 'orange', 'green', 'purple', 'sky', 'red', 'grey'];

  function timeAxis(days, isDaily) {
    const quarterStarts = ['01', '04', '07', '10'];
    return {
      type: 'category',
      data: days,
      axisLine: { lineStyle: { color: palette.line } },
      axisTick: { show: false },
      axisLabel: {
        ...text(),
        hideOverlap: true,
        formatter: shortMonth,
        ...(isDaily && {
          interval: (_, day) => day.slice(8) === '01' && quarterStarts.includes(day.slice(5, 7)),
        }),
      },
    };
  }

  function periods(chart) {
    const table = tables[chart.table];
    const isDaily = chart.x === 'date_day';
    const groups = grouped(rowsOf(table), table[chart.x]);
    const days = [...groups.keys()];
    const columns = chart.series.map((series) => ({
      ...series,
      unit: series.unit || chart.unit,
      values: days.map((day) => measure(table, groups.get(day), series.column, series.per)),
    }));
    const visible = columns.filter((series) => series.mark !== 'hidden');
    const right = visible.find((series) => series.unit !== chart.unit);
    const title = isDaily ? dayName : period;
    const option = {
      ...baseOption(),
      xAxis: { ...timeAxis(days, isDaily), boundaryGap: visible.some((series) => series.mark === 'bar') },
      yAxis: [valueAxis(chart.unit, chart.reference ? { scale: true } : {})],
      series: visible.map((series, position) => {
        const made = marked(
          { name: series.label, data: series.values, yAxisIndex: series === right ? 1 : 0 },
          series.mark, series.colour, position, days.length,
        );
        if (chart.reference && position === 0) made.markLine = { ...reference(), data: [{ yAxis: chart.reference }] };
        return made;
      }),
    };
    if (right) {
      const top = Math.max(...right.values);
      const isWhole = right.unit === 'percent' && top > 0.8 && top <= 1;
      option.yAxis.push(valueAxis(right.unit, {
        min: 0, splitLine: { show: false }, ...(isWhole && { max: 1, interval: 0.25 }),
      }));
    }
    option.tooltip.formatter = (points) => tip(
      title(days[points[0].dataIndex]),
      columns.map((series) => [
        series.label, shown(series.values[points[0].dataIndex], series.unit),
        series.mark === 'hidden' ? null : palette[series.colour],
      ]),
    );
    return {
      option,
      legend: visible.map((series) => ({ label: series.label, mark: series.mark, hue: palette[series.colour] })),
      head: [isDaily ? 'Day' : 'Month', ...columns.map((series) => series.label)],
      body: days.map((day, at) => [title(day), ...columns.map((series) => shown(series.values[at], series.unit))]),
    };
  }

  function split(chart) {
    const table = tables[chart.table];
    const rows = rowsOf(table);
    const days = distinct(rows.map((row) => table[chart.x][row]));
    // Each value keeps its colour and its place, whichever values the filter leaves.
    const order = Object.keys(labels);
    const rank = (code) => (order.indexOf(String(code)) + 1) || 99;
    const all = distinct(table[chart.by]).sort((a, b) => rank(a) - rank(b) || (String(a) < String(b) ? -1 : 1));
    const groups = grouped(rows, table[chart.by]);
    const parts = all.filter((code) => groups.has(code)).map((code) => {
      const byDay = grouped(groups.get(code), table[chart.x]);
      return {
        label: named(code),
        place: all.indexOf(code),
        colour: PARTS[all.indexOf(code) % PARTS.length],
        values: days.map((day) => (byDay.has(day) ? measure(table, byDay.get(day), chart.column, chart.per) : null)),
      };
    });
    const isRatio = chart.per !== null;
    const option = {
      ...baseOption(),
      xAxis: { ...timeAxis(days, false), boundaryGap: false },
      yAxis: valueAxis(chart.unit),
      series: parts.map((part) => {
        const base = { name: part.label, data: part.values };
        if (isRatio) return marked(base, 'line', part.colour, part.place, days.length);
        return {
          ...base,
          type: 'line',
          stack: 'parts',
          symbol: 'none',
          lineStyle: { width: 1, color: palette.card },
          itemStyle: { color: palette[part.colour] },
          areaStyle: { color: palette[part.colour], opacity: 0.88 },
        };
      }),
    };
    option.tooltip.formatter = (points) => {
      const at = points[0].dataIndex;
      const lines = parts.map((part) => [part.label, shown(part.values[at], chart.unit), palette[part.colour]]);
      if (!isRatio) {
        lines.reverse();
        lines.push(['Total', shown(parts.reduce((sum, part) => sum + (part.values[at] || 0), 0), chart.unit)]);
      }
      return tip(period(days[at]), lines);
    };
    return {
      option,
      legend: parts.map((part) => ({ label: part.label, mark: isRatio ? 'line' : 'bar', hue: palette[part.colour] })),
      head: ['Month', ...parts.map((part) => part.label)],
      body: days.map((day, at) => [period(day), ...parts.map((part) => shown(part.values[at], chart.unit))]),
    };
  }

  Object.assign(dashboard.kinds, { periods, split });
}(window.dashboard));
