// Draws the declared charts from the data in the page. Names from the data are inserted as text nodes only,
// never as HTML.
(function () {
  'use strict';

  const payload = JSON.parse(document.getElementById('payload').textContent);
  const { labels, tables, lastMonth } = payload;
  const root = document.documentElement;
  const drawn = new Map(); // chart id -> ECharts instance
  let segment = '';

  const PARTS = ['blue', 'orange', 'green', 'purple', 'sky', 'red', 'grey'];
  const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond'];
  const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const NAMES = [
    'page', 'card', 'ink', 'soft', 'line', 'grid', 'blue', 'sky', 'green', 'orange', 'red', 'purple',
    'grey', 'heat-0', 'heat-1', 'heat-2', 'below', 'even', 'above',
  ];
  let palette = readPalette();

  function readPalette() {
    const style = getComputedStyle(root);
    return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue('--' + name).trim()]));
  }

  // ---- numbers and names

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

  function dayName(day) {
    const [year, month, date] = day.split('-');
    return Number(date) + ' ' + MONTHS[month - 1] + ' ' + year;
  }

  function campaign(table, row) {
    const name = table.campaign[row];
    return name.charAt(0).toUpperCase() + name.slice(1) + ' ' + table.starts_at[row].slice(0, 4);
  }

  // ---- rows

  function rowsOf(table) {
    const first = Object.values(table)[0];
    const rows = first.map((_, row) => row);
    return table.segment && segment ? rows.filter((row) => table.segment[row] === segment) : rows;
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

  // ---- parts of options

  const text = () => ({ color: palette.soft, fontSize: 11 });

  function baseOption() {
    return {
      animation: false,
      textStyle: { fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif' },
      legend: { show: false },
      grid: { left: 4, right: 14, top: 12, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      tooltip: {
        trigger: 'axis',
        confine: true,
        transitionDuration: 0,
        className: 'tip',
        backgroundColor: palette.card,
        borderColor: palette.line,
        padding: [8, 11],
        textStyle: { color: palette.ink, fontSize: 12.5 },
        axisPointer: { type: 'line', lineStyle: { color: palette.grey }, crossStyle: { color: palette.grey } },
      },
    };
  }

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
        formatter: (day) => MONTHS[day.slice(5, 7) - 1] + ' ' + day.slice(2, 4),
        ...(isDaily && {
          interval: (_, day) => day.slice(8) === '01' && quarterStarts.includes(day.slice(5, 7)),
        }),
      },
    };
  }

  function valueAxis(unit, extra) {
    return {
      type: 'value',
      splitNumber: 4,
      axisLabel: { ...text(), hideOverlap: true, formatter: (value) => tick(value, unit) },
      splitLine: { lineStyle: { color: palette.grid } },
      ...extra,
    };
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

  function marked(series, mark, colour, position, points) {
    const hue = palette[colour];
    if (mark === 'bar') {
      return { ...series, type: 'bar', stack: 'bars', barCategoryGap: '28%', itemStyle: { color: hue } };
    }
    return {
      ...series,
      type: 'line',
      symbol: SYMBOLS[position % SYMBOLS.length],
      symbolSize: 5,
      showSymbol: points <= 40 && mark !== 'area',
      showAllSymbol: true,
      itemStyle: { color: hue },
      lineStyle: { color: hue, width: 2, type: mark === 'dashed' ? [3, 3] : 'solid' },
      ...(mark === 'area' && { areaStyle: { color: hue, opacity: 0.14 } }),
    };
  }

  function reference(value) {
    return {
      silent: true,
      symbol: 'none',
      label: { show: false },
      lineStyle: { color: palette.grey, type: [2, 3], width: 1 },
      data: [value],
    };
  }

  function tip(title, lines) {
    const box = document.createElement('div');
    const head = box.appendChild(document.createElement('b'));
    head.textContent = title;
    for (const [label, value, hue] of lines) {
      const line = box.appendChild(document.createElement('div'));
      line.className = 'line';
      if (hue) line.appendChild(document.createElement('i')).style.background = hue;
      line.appendChild(document.createTextNode(label));
      line.appendChild(document.createElement('span')).textContent = value;
    }
    return box;
  }

  // ---- kinds of charts: each returns an ECharts option, the legend's entries and the data table

  const kinds = {
    periods(chart) {
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
    },

    split(chart) {
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
    },

    ranking(chart) {
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
    },

    cohorts(chart, box) {
      const table = tables[chart.table];
      const groups = grouped(rowsOf(table), table.cohort_month);
      const cohorts = [...groups.keys()].sort();
      const cells = [];
      const byCohort = cohorts.map((cohort) => {
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
          axisLabel: { ...text(), formatter: (day) => MONTHS[day.slice(5, 7) - 1] + ' ' + day.slice(2, 4) },
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
        height: 40 + 20 * cohorts.length,
        isEmpty: !cells.length,
        head: ['Signup month', 'Accounts', ...ages.map(String)],
        body: byCohort.map((row) => [
          period(row.cohort), shown(row.size, 'count'),
          ...ages.map((age) => (row.values.has(age) ? shown(row.values.get(age), 'percent') : '')),
        ]),
      };
    },

    intervals(chart) {
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
            markLine: { ...reference(), lineStyle: { color: palette.ink, width: 1, type: 'solid' }, data: [{ xAxis: 0 }] },
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
    },

    arms(chart) {
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
    },

    calibration(chart) {
      const table = tables[chart.table];
      const rows = rowsOf(table);
      const end = Math.max(0.01, ...['predicted', 'observed', 'true_hazard'].flatMap((name) => rows.map((row) => table[name][row] || 0)));
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
    },
  };

  // ---- drawing on the page

  function hasValues(option) {
    return [].concat(option.series).some((series) => series.data.some((point) => point !== null && point !== undefined));
  }

  function draw(chart) {
    const card = document.querySelector('[data-chart="' + chart.id + '"]');
    const box = card.querySelector('.plot');
    const made = kinds[chart.kind](chart, box);
    const details = card.querySelector('details');
    details.ontoggle = () => details.open && fillTable(details.querySelector('.scroll'), made);
    if (details.open) details.ontoggle();

    const isEmpty = made.isEmpty || !hasValues(made.option);
    box.classList.toggle('nothing', isEmpty);
    if (isEmpty) {
      if (drawn.has(chart.id)) drawn.get(chart.id).dispose();
      drawn.delete(chart.id);
      card.querySelector('.legend').replaceChildren();
      box.textContent = 'Not enough history for this chart yet.';
      return;
    }
    // Set the height instead of measuring it, because in print the box takes the height of its content.
    const height = Math.max(220, made.height || 270);
    box.style.height = height + 'px';
    if (!drawn.has(chart.id)) {
      box.textContent = '';
      // SVG prints sharply at any size.
      drawn.set(chart.id, echarts.init(box, null, { renderer: 'svg', height }));
    }
    const instance = drawn.get(chart.id);
    instance.resize({ width: 'auto', height });
    instance.setOption(made.option, true);
    const svg = box.querySelector('svg');
    svg.setAttribute('viewBox', '0 0 ' + instance.getWidth() + ' ' + instance.getHeight());
    svg.setAttribute('aria-hidden', 'true');
    fillLegend(card.querySelector('.legend'), made.legend, instance);
  }

  function fillLegend(box, entries, instance) {
    box.replaceChildren(...entries.map((entry) => {
      if (entry.ramp) {
        const scale = document.createElement('span');
        const ramp = document.createElement('i');
        ramp.className = 'ramp';
        ramp.style.background = 'linear-gradient(90deg,' + entry.ramp + ')';
        scale.append(tick(entry.ends[0], 'percent'), ramp, tick(entry.ends[1], 'percent'));
        return scale;
      }
      const item = document.createElement(entry.fixed ? 'span' : 'button');
      const swatch = item.appendChild(document.createElement('i'));
      swatch.className = entry.mark === 'line' || entry.mark === 'dashed' ? entry.mark : '';
      swatch.style.background = entry.hue;
      swatch.style.borderColor = entry.hue;
      item.append(entry.label);
      if (!entry.fixed) {
        item.type = 'button';
        item.setAttribute('aria-pressed', 'true');
        item.onclick = () => {
          const isOn = item.getAttribute('aria-pressed') === 'true';
          item.setAttribute('aria-pressed', String(!isOn));
          instance.dispatchAction({ type: isOn ? 'legendUnSelect' : 'legendSelect', name: entry.label });
        };
      }
      return item;
    }));
  }

  function fillTable(box, made) {
    const table = document.createElement('table');
    const head = table.createTHead().insertRow();
    for (const name of made.head) {
      const cell = head.appendChild(document.createElement('th'));
      cell.scope = 'col';
      cell.textContent = name;
    }
    const body = table.createTBody();
    for (const values of made.body) {
      const line = body.insertRow();
      values.forEach((value, at) => {
        const cell = line.appendChild(document.createElement(at ? 'td' : 'th'));
        if (!at) cell.scope = 'row';
        cell.textContent = value;
      });
    }
    box.replaceChildren(table);
  }

  function redraw() {
    palette = readPalette();
    payload.charts.forEach(draw);
  }

  document.querySelectorAll('input[name="segment"]').forEach((input) => {
    // The browser restores the reader's choice after a reload.
    if (input.checked) segment = input.value;
    input.addEventListener('change', () => {
      segment = input.value;
      markWhole();
      redraw();
    });
  });

  function markWhole() {
    document.querySelectorAll('.whole').forEach((badge) => { badge.hidden = !segment; });
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
  const waiting = [...payload.charts];
  function next(deadline) {
    do {
      if (waiting.length) draw(waiting.shift());
    } while (waiting.length && deadline && deadline.timeRemaining() > 20);
    if (waiting.length) later(next);
    else root.dataset.drawn = String(payload.charts.length);
  }
  waiting.splice(0, 4).forEach(draw);
  later(next);
}());
