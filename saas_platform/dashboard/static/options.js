// Makes the parts of ECharts options that charts of several kinds have in common, and the content of tooltips.
(function (dashboard) {
  'use strict';

  const { tick, palette } = dashboard;

  const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond'];

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

  function valueAxis(unit, extra) {
    return {
      type: 'value',
      splitNumber: 4,
      axisLabel: { ...text(), hideOverlap: true, formatter: (value) => tick(value, unit) },
      splitLine: { lineStyle: { color: palette.grid } },
      ...extra,
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

  Object.assign(dashboard, { text, baseOption, valueAxis, marked, reference, tip });
}(window.dashboard));
