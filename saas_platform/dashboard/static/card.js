// Fills the card of a chart: the plot, the legend and the data table.
(function (dashboard) {
  'use strict';

  const { tick, kinds } = dashboard;

  const drawn = new Map(); // id of a chart -> its ECharts instance

  function hasValues(option) {
    const isKnown = (point) => point !== null && point !== undefined;
    return [].concat(option.series).some((series) => series.data.some(isKnown));
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

  Object.assign(dashboard, { draw });
}(window.dashboard));
