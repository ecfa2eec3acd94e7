// Heat maps: `cohorts` has a row for each month of signup, and a column for each month since the first payment.
(function (dashboard) {
  'use strict';

  const {
    tables, rowsOf, total, measure, grouped, shown, period, shortMonth, palette, text, baseOption, tip,
  } = dashboard;

  function cohorts(chart, box) {
    const table = tables[chart.table];
    const groups = grouped(rowsOf(table), table.cohort_month);
    const months = [...groups.keys()].sort();
    const cells = [];
    const byCohort = months.map((cohort) => {
      const byAge = grouped(groups.get(cohort), table.months_since_first_paid);
      const size = total(table, 'observed_accounts', byAge.get(0) || []);
      const values = new Map();
      for (const [age, rows] of byAge) {
        if (total(table, 'observed_accounts', rows) * 2 < size) continue;
        values.set(age, measure(table, rows, chart.column, chart.per));
      }
      return { cohort, size, values };
    });
    const last = Math.max(0, ...byCohort.flatMap((row) => [...row.values.keys()]));
    const ages = Array.from({ length: last + 1 }, (_, age) => age);
    byCohort.forEach((row, y) => row.values.forEach((value, age) => {
      if (value !== null) cells.push([age, y, value]);
    }));
    const spread = cells.map((cell) => cell[2]);
    const isDiverging = chart.middle !== null;
    const reach = isDiverging
      ? Math.min(0.5, Math.max(0.1, ...spread.map((value) => Math.abs(value - chart.middle))))
      : 0;
    const low = isDiverging ? chart.middle - reach : Math.floor(Math.min(1, ...spread) * 10) / 10;
    const high = isDiverging ? chart.middle + reach : 1;
    const colours = isDiverging
      ? [palette.below, palette.even, palette.above]
      : [palette['heat-0'], palette['heat-1'], palette['heat-2']];
    const hasRoom = box.clientWidth / (last + 2) > 21;
    const isStrong = (value) => (isDiverging
      ? Math.abs(value - chart.middle) > reach * 0.62
      : value > low + (high - low) * 0.74);
    const option = {
      ...baseOption(),
      xAxis: {
        type: 'category', data: ages, position: 'top',
        axisLine: { show: false }, axisTick: { show: false }, axisLabel: { ...text(), hideOverlap: true },
      },
      yAxis: {
        type: 'category', data: byCohort.map((row) => row.cohort), inverse: true,
        axisLine: { show: false }, axisTick: { show: false },
        axisLabel: { ...text(), formatter: shortMonth },
      },
      visualMap: {
        show: false, min: low, max: high, dimension: 2,
        inRange: { color: colours },
      },
      series: [{
        type: 'heatmap',
        name: chart.title,
        data: cells.map((cell) => ({
          value: cell,
          label: { color: isStrong(cell[2]) ? palette.card : palette.ink },
        })),
        label: { show: hasRoom, fontSize: 9, formatter: (point) => Math.round(point.value[2] * 100) },
        itemStyle: { borderColor: palette.card, borderWidth: 1 },
        emphasis: { itemStyle: { borderColor: palette.ink, borderWidth: 1 } },
      }],
    };
    option.tooltip.trigger = 'item';
    option.tooltip.formatter = (point) => {
      const [age, y, value] = point.value;
      const row = byCohort[y];
      return tip('Signed up ' + period(row.cohort), [
        ['Months since first payment', String(age)],
        ['Retained', shown(value, 'percent')],
        ['Accounts that ever paid', shown(row.size, 'count')],
      ]);
    };
    return {
      option,
      legend: [{ ramp: colours, ends: [low, high] }],
      height: 40 + 20 * months.length,
      isEmpty: !cells.length,
      head: ['Signup month', 'Accounts', ...ages.map(String)],
      body: byCohort.map((row) => [
        period(row.cohort), shown(row.size, 'count'),
        ...ages.map((age) => (row.values.has(age) ? shown(row.values.get(age), 'percent') : '')),
      ]),
    };
  }

  Object.assign(dashboard.kinds, { cohorts });
}(window.dashboard));
