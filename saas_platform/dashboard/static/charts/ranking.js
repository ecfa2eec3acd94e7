// Charts of the last month: `ranking` has one bar for each country.
(function (dashboard) {
  'use strict';

  const {
    lastMonth, tables, rowsOf, total, grouped, formats, money, shown, country, palette, text, baseOption, valueAxis,
    tip,
  } = dashboard;

  function ranking(chart) {
    const table = tables[chart.table];
    const rows = rowsOf(table).filter((row) => table[chart.x][row] === lastMonth);
    const bars = [...grouped(rows, table[chart.by])]
      .map(([code, group]) => ({ label: country(code), value: total(table, chart.column, group) }))
      .sort((a, b) => b.value - a.value);
    const sum = bars.reduce((whole, bar) => whole + bar.value, 0);
    const share = (bar) => shown(sum ? bar.value / sum : null, 'percent');
    const option = {
      ...baseOption(),
      grid: { ...baseOption().grid, right: 96 },
      xAxis: valueAxis(chart.unit, { splitLine: { show: false }, axisLabel: { show: false } }),
      yAxis: {
        type: 'category',
        inverse: true,
        data: bars.map((bar) => bar.label),
        axisLine: { lineStyle: { color: palette.line } },
        axisTick: { show: false },
        axisLabel: { ...text(), color: palette.ink, interval: 0 },
      },
      series: [{
        type: 'bar',
        name: chart.title,
        data: bars.map((bar) => bar.value),
        barCategoryGap: '26%',
        itemStyle: { color: palette.blue, borderRadius: [0, 3, 3, 0] },
        label: {
          show: true,
          position: 'right',
          ...text(),
          formatter: (point) => money(point.value, formats.short) + '  ' + share(bars[point.dataIndex]),
        },
      }],
    };
    option.tooltip.formatter = (points) => {
      const bar = bars[points[0].dataIndex];
      return tip(bar.label, [['MRR', shown(bar.value, chart.unit)], ['Share', share(bar)]]);
    };
    return {
      option,
      legend: [],
      head: ['Country', 'MRR', 'Share'],
      body: bars.map((bar) => [bar.label, shown(bar.value, chart.unit), share(bar)]),
    };
  }

  Object.assign(dashboard.kinds, { ranking });
}(window.dashboard));
