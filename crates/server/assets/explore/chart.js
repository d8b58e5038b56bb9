// The chart of a range query, drawn by uPlot.

import { element } from "./dom.js";
import { formatShort, formatTicks } from "./number_format.js";
import { lineColour } from "./theme.js";
import { axisLabels, formatTime } from "./time_format.js";

/* global uPlot */

const HEIGHT = 300;

/** A chart with zoom by drag, a readout at the cursor, and arrow keys. */
export class Chart {
  #plot = null;
  #data = null;
  #settings;
  #hidden = new Set();
  #cursor = null;

  /** `settings` has `isUtc()`, `isDark()`, `onzoom(startMs, endMs)` and `oncursor(index or null)`. */
  constructor(settings) {
    this.#settings = settings;
    this.readout = element("div", { class: "chart-readout", hidden: true });
    this.canvas = element("div", { class: "chart-canvas" });
    this.spoken = element("p", { class: "visually-hidden", role: "status" });
    this.node = element(
      "div",
      {
        class: "chart",
        tabIndex: 0,
        role: "group",
        aria: { roledescription: "chart", label: "Chart" },
        onkeydown: (event) => this.#keydown(event),
      },
      this.canvas,
      this.readout,
      this.spoken,
    );
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.node);
  }

  /** Width of the plot in CSS pixels. */
  get width() {
    return this.node.clientWidth || 600;
  }

  /** Draws series that `alignMatrix` made. */
  show(data) {
    this.#data = data;
    this.#hidden.clear();
    this.draw();
  }

  /** Draws again, in the colours and the time zone of now. */
  draw() {
    this.#plot?.destroy();
    this.#plot = null;
    this.readout.hidden = true;
    const data = this.#data;
    if (data === null) return;
    const { isUtc, isDark } = this.#settings;
    this.node.setAttribute(
      "aria-label",
      `Chart of ${data.names.length} series from ${formatTime(data.times[0] * 1000, isUtc())} to ` +
        `${formatTime(data.times.at(-1) * 1000, isUtc())}. Left and right arrows read points, the table has the values.`,
    );
    this.#plot = new uPlot(this.#options(isUtc(), isDark()), [data.times, ...data.columns], this.canvas);
  }

  /** Removes the chart. */
  remove() {
    this.observer.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
  }

  /** Shows or hides a line. */
  toggle(number, isShown) {
    if (isShown) this.#hidden.delete(number);
    else this.#hidden.add(number);
    this.#plot?.setSeries(number + 1, { show: isShown });
  }

  /** Draws one line stronger than the others; `null` ends that. */
  highlight(number) {
    this.#plot?.setSeries(number === null ? null : number + 1, { focus: number !== null });
  }

  #options(isUtc, isDark) {
    const style = getComputedStyle(document.documentElement);
    const text = style.getPropertyValue("--text-soft").trim();
    const grid = { stroke: style.getPropertyValue("--grid").trim(), width: 1 };
    const axis = { stroke: text, grid, ticks: { ...grid, size: 5 }, font: "12px system-ui, sans-serif" };
    return {
      width: this.width,
      height: HEIGHT,
      legend: { show: false },
      focus: { alpha: 0.25 },
      padding: [12, 16, 0, 0],
      tzDate: (seconds) => (isUtc ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
      cursor: {
        drag: { x: true, y: false, setScale: false },
        focus: { prox: 24 },
        points: { size: 7 },
      },
      scales: { x: { range: () => this.#xRange() }, y: { range: yRange } },
      axes: [
        { ...axis, space: 80, values: (plot, marks, at, space, distance) => axisLabels(marks, distance, isUtc) },
        { ...axis, values: (plot, marks) => formatTicks(marks), size: (plot, labels) => axisWidth(labels) },
      ],
      series: [{}, ...this.#data.names.map((name, number) => this.#series(name, number, isDark))],
      hooks: {
        setSelect: [(plot) => this.#select(plot)],
        setCursor: [(plot) => this.#moveCursor(plot)],
        setSeries: [(plot, number) => this.#read(plot, number)],
      },
    };
  }

  #series(name, number, isDark) {
    const isolated = isolatedPoints(this.#data.columns[number]);
    const colour = lineColour(number, isDark);
    return {
      label: name,
      stroke: colour,
      width: 1.5,
      show: !this.#hidden.has(number),
      // A point between two gaps has no line: it is drawn as a dot.
      points: { size: 5, fill: colour, show: isolated.length > 0, filter: () => isolated },
    };
  }

  #xRange() {
    const { times } = this.#data;
    return times.length > 1 ? [times[0], times.at(-1)] : [times[0] - 60, times[0] + 60];
  }

  #select(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const start = plot.posToVal(left, "x");
    const end = plot.posToVal(left + width, "x");
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    // Whole seconds are easier to read and to share.
    const unit = end - start >= 60 ? 1000 : 1;
    const startMs = Math.round((start * 1000) / unit) * unit;
    this.#settings.onzoom(startMs, Math.max(Math.round((end * 1000) / unit) * unit, startMs + 10));
  }

  #moveCursor(plot) {
    const at = plot.cursor.idx ?? null;
    const isOutside = plot.cursor.left === undefined || plot.cursor.left < 0;
    this.#cursor = isOutside ? null : at;
    this.#settings.oncursor(this.#cursor);
    this.#read(plot, plot.cursor.focusedSeries ?? null);
  }

  /** Shows time and value of the line next to the cursor. */
  #read(plot, number) {
    const at = this.#cursor;
    if (at === null) {
      this.readout.hidden = true;
      return;
    }
    const focused = number === null || number === undefined ? nearest(plot, at, this.#data, this.#hidden) : number - 1;
    const value = focused === null ? null : (this.#data.columns[focused]?.[at] ?? null);
    const time = formatTime(this.#data.times[at] * 1000, this.#settings.isUtc());
    const name = focused === null ? "" : this.#data.names[focused];
    this.readout.replaceChildren(
      element("time", {}, time),
      value === null ? "" : element("strong", {}, formatShort(value)),
      value === null ? "" : element("span", { class: "chart-readout-name" }, name),
    );
    this.readout.style.setProperty(
      "--line-colour",
      focused === null ? "transparent" : lineColour(focused, this.#settings.isDark()),
    );
    this.readout.hidden = false;
    const isRight = plot.cursor.left > plot.over.clientWidth / 2;
    this.readout.classList.toggle("is-left", isRight);
    this.spoken.textContent =
      document.activeElement === this.node ? `${time}: ${value === null ? "no value" : `${value} ${name}`}` : "";
  }

  #keydown(event) {
    const plot = this.#plot;
    if (plot === null || event.ctrlKey || event.metaKey || event.altKey || event.target !== this.node) return;
    const last = this.#data.times.length - 1;
    const at = this.#cursor ?? last;
    const step = Math.max(1, Math.round(last / 50));
    const next = {
      ArrowLeft: this.#cursor === null ? last : at - (event.shiftKey ? step : 1),
      ArrowRight: this.#cursor === null ? 0 : at + (event.shiftKey ? step : 1),
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const index = Math.max(0, Math.min(last, next));
    plot.setCursor({ left: Math.max(0, plot.valToPos(this.#data.times[index], "x")), top: plot.over.clientHeight / 2 });
  }

  #resize() {
    if (this.#plot !== null && this.width !== this.#plot.width)
      this.#plot.setSize({ width: this.width, height: HEIGHT });
  }
}

/** Range of values, with room above and below. Without any, or with zero alone, it is 0 to 1. */
function yRange(plot, least, most) {
  if (least === null || (least === 0 && most === 0)) return [0, 1];
  return uPlot.rangeNum(least, most, 0.1, true);
}

/** Width of an axis for its longest label. */
function axisWidth(labels) {
  const longest = (labels ?? []).reduce((most, label) => Math.max(most, label.length), 0);
  return Math.max(36, 18 + longest * 7);
}

/** Returns the indices of points whose neighbours are missing. */
function isolatedPoints(column) {
  const found = [];
  for (let at = 0; at < column.length; at += 1) {
    if (column[at] !== null && (column[at - 1] ?? null) === null && (column[at + 1] ?? null) === null) found.push(at);
  }
  return found;
}

/** Returns the number of the shown line that is next to the cursor, or `null`. */
function nearest(plot, at, data, hidden) {
  let found = null;
  let least = Infinity;
  data.columns.forEach((column, number) => {
    const value = column[at];
    if (value === null || hidden.has(number)) return;
    const distance = Math.abs(plot.valToPos(value, "y") - (plot.cursor.top ?? 0));
    if (distance < least) {
      least = distance;
      found = number;
    }
  });
  return found;
}
