// Charts with a row for each campaign: `intervals` shows a difference and its interval, `arms` one bar for each group.
(function (dashboard) {
  'use strict';

  const { tables, rowsOf, shown, tick, palette, text, baseOption, valueAxis, reference, tip } = dashboard;

  function campaign(table, row) {
    const name = table.campaign[row];
    return name.charAt(0).toUpperCase() + name.slice(1) + ' ' + table.starts_at[row].slice(0, 4);
  }

  function campaignAxis(table, rows) {
    return {
      type: 'category',
      inverse: true,
      data: rows.map((row) => campaign(table, row)),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { ...text(), color: palette.ink, width: 150, overflow: 'truncate', interval: 0 },
    };
  }

  function intervals(chart) {
    const table = tables[chart.table];
    const value = table[chart.difference];
    const rows = rowsOf(table).filter((row) => value[row] !== null);
    const low = (row) => table[chart.difference + '_low'][row];
    const high = (row) => table[chart.difference + '_high'][row];
    const colour = (row) => (low(row) > 0 ? 'blue' : high(row) < 0 ? 'red' : 'grey');
    const option = {
      ...baseOption(),
      xAxis: valueAxis(chart.unit, {
        axisLabel: { ...text(), hideOverlap: true, formatter: (at) => tick(at, 'points') + ' pp' },
      }),
      yAxis: campaignAxis(table, rows),
      series: [
        {
          type: 'custom',
          name: 'interval',
          data: rows.map((row, at) => [low(row), high(row), at]),
          encode: { x: [0, 1], y: 2 },
          renderItem(params, api) {
            const from = api.coord([api.value(0), api.value(2)]);
            const to = api.coord([api.value(1), api.value(2)]);
            const stroke = { stroke: palette[colour(rows[params.dataIndex])], lineWidth: 2 };
            const line = (x1, y1, x2, y2) => ({ type: 'line', shape: { x1, y1, x2, y2 }, style: stroke });
            return {
              type: 'group',
              children: [
                line(from[0], from[1], to[0], to[1]),
                line(from[0], from[1] - 4, from[0], from[1] + 4),
                line(to[0], to[1] - 4, to[0], to[1] + 4),
              ],
            };
          },
          markLine: {
            ...reference(),
            lineStyle: { color: palette.ink, width: 1, type: 'solid' },
            data: [{ xAxis: 0 }],
          },
        },
        {
          type: 'scatter',
          name: 'difference',
          symbolSize: 10,
          data: rows.map((row, at) => ({
            value: [value[row], at],
            itemStyle: colour(row) === 'grey'
              ? { color: palette.card, borderColor: palette.grey, borderWidth: 2 }
              : { color: palette[colour(row)] },
          })),
        },
      ],
    };
    option.tooltip.trigger = 'item';
    option.tooltip.formatter = (point) => {
      const row = rows[point.dataIndex];
      return tip(campaign(table, row) + ' (' + table.code[row] + ')', [
        ['Difference', shown(value[row], 'points')],
        ['95 % interval', shown(low(row), 'points') + ' to ' + shown(high(row), 'points')],
        ['Accounts treated', shown(table[chart.treated][row], 'count')],
        ['Accounts held out', shown(table[chart.holdout][row], 'count')],
      ]);
    };
    return {
      option,
      height: 70 + rows.length * 27,
      isEmpty: !rows.length,
      legend: [
        { label: 'above the holdout', mark: 'bar', hue: palette.blue, fixed: true },
        { label: 'below it', mark: 'bar', hue: palette.red, fixed: true },
        { label: 'interval includes 0', mark: 'bar', hue: palette.grey, fixed: true },
      ],
      head: ['Campaign', 'Code', 'Treated', 'Held out', 'Difference', 'Low', 'High'],
      body: rows.map((row) => [
        campaign(table, row), table.code[row], shown(table[chart.treated][row], 'count'),
        shown(table[chart.holdout][row], 'count'), shown(value[row], 'points'),
        shown(low(row), 'points'), shown(high(row), 'points'),
      ]),
    };
  }

  function arms(chart) {
    const table = tables[chart.table];
    const rows = rowsOf(table);
    const option = {
      ...baseOption(),
      xAxis: valueAxis(chart.unit),
      yAxis: campaignAxis(table, rows),
      series: chart.series.map((series) => ({
        type: 'bar',
        name: series.label,
        barGap: '8%',
        barCategoryGap: '34%',
        data: rows.map((row) => table[series.column][row]),
        itemStyle: { color: palette[series.colour], borderRadius: [0, 2, 2, 0] },
      })),
    };
    option.tooltip.formatter = (points) => {
      const row = rows[points[0].dataIndex];
      return tip(campaign(table, row) + ' (' + table.code[row] + ')', [
        ...chart.series.map((series) => [
          series.label, shown(table[series.column][row], chart.unit), palette[series.colour],
        ]),
        ['Accounts treated', shown(table.treated_accounts[row], 'count')],
        ['Accounts held out', shown(table.holdout_accounts[row], 'count')],
      ]);
    };
    return {
      option,
      height: 50 + rows.length * 32,
      isEmpty: !rows.length,
      legend: chart.series.map((series) => ({ label: series.label, mark: 'bar', hue: palette[series.colour] })),
      head: ['Campaign', 'Code', ...chart.series.map((series) => series.label)],
      body: rows.map((row) => [
        campaign(table, row), table.code[row],
        ...chart.series.map((series) => shown(table[series.column][row], chart.unit)),
      ]),
    };
  }

  Object.assign(dashboard.kinds, { intervals, arms });
}(window.dashboard));
