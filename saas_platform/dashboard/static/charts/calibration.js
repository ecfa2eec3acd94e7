// Charts of the churn model: `calibration` compares predicted with observed risk, and with the true hazard.
(function (dashboard) {
  'use strict';

  const { tables, rowsOf, shown, palette, text, baseOption, valueAxis, marked, tip } = dashboard;

  function calibration(chart) {
    const table = tables[chart.table];
    const rows = rowsOf(table);
    const columns = ['predicted', 'observed', 'true_hazard'];
    const end = Math.max(0.01, ...columns.flatMap((name) => rows.map((row) => table[name][row] || 0)));
    const points = (column) => rows.map((row) => [table.predicted[row], table[column][row]]);
    const option = {
      ...baseOption(),
      grid: { ...baseOption().grid, bottom: 20, right: 20 },
      xAxis: valueAxis(chart.unit, {
        name: 'predicted', nameLocation: 'middle', nameGap: 26, nameTextStyle: text(),
        min: 0, splitLine: { show: false }, axisLine: { show: true, lineStyle: { color: palette.line } },
      }),
      yAxis: valueAxis(chart.unit, { min: 0 }),
      series: [
        {
          type: 'line', name: 'Perfect', data: [[0, 0], [end, end]], symbol: 'none', silent: true,
          lineStyle: { color: palette.grey, type: [2, 3], width: 1.5 }, itemStyle: { color: palette.grey },
        },
        marked({ name: 'Observed', data: points('observed') }, 'line', 'blue', 0, rows.length),
        marked({ name: 'True hazard', data: points('true_hazard') }, 'dashed', 'orange', 2, rows.length),
      ],
    };
    option.tooltip.trigger = 'item';
    option.tooltip.formatter = (point) => {
      const row = rows[point.dataIndex];
      return tip('Bin ' + table.bin[row], [
        ['Predicted', shown(table.predicted[row], 'percent')],
        ['Observed', shown(table.observed[row], 'percent'), palette.blue],
        ['True hazard', shown(table.true_hazard[row], 'percent'), palette.orange],
        ['Account-months', shown(table.accounts[row], 'count')],
      ]);
    };
    return {
      option,
      height: 340,
      isEmpty: !rows.length,
      legend: [
        { label: 'Observed', mark: 'line', hue: palette.blue },
        { label: 'True hazard', mark: 'dashed', hue: palette.orange },
        { label: 'Perfect', mark: 'dashed', hue: palette.grey },
      ],
      head: ['Bin', 'Predicted', 'Observed', 'True hazard', 'Account-months'],
      body: rows.map((row) => [
        String(table.bin[row]), shown(table.predicted[row], 'percent'), shown(table.observed[row], 'percent'),
        shown(table.true_hazard[row], 'percent'), shown(table.accounts[row], 'count'),
      ]),
    };
  }

  Object.assign(dashboard.kinds, { calibration });
}(window.dashboard));
