/** The parts of ECharts that the board uses, and one look for all charts. The description of each chart stands beside it as text. */

import { BarChart, PieChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { type EChartsCoreOption, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, PieChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

export type Option = EChartsCoreOption;
export { init };

export interface Palette {
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  readonly surface: string;
  readonly first: string;
  readonly second: string;
  readonly third: string;
  readonly quiet: string;
}

/** Three hues that also differ in lightness, so that they are told apart without colour. */
export function palette(dark: boolean): Palette {
  return dark
    ? { ink: "#e6e8ec", soft: "#aab0bb", line: "#343943", surface: "#23272e", first: "#f08a5d", second: "#6fa8dc", third: "#f2c46d", quiet: "#454b57" }
    : { ink: "#1f2329", soft: "#5a6069", line: "#e3e5e9", surface: "#ffffff", first: "#c2501c", second: "#2f6fb0", third: "#e0a030", quiet: "#d5d9e0" };
}

/** Tooltips are drawn on the canvas: HTML ones carry inline styles, which the page's policy refuses. */
export function common(colours: Palette): Option {
  return {
    textStyle: { color: colours.ink, fontFamily: "system-ui, 'PingFang SC', 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif" },
    animationDuration: 300,
    tooltip: { renderMode: "richText", backgroundColor: colours.surface, borderColor: colours.line, textStyle: { color: colours.ink } },
    legend: { bottom: 0, textStyle: { color: colours.ink }, itemWidth: 12, itemHeight: 12 },
    grid: { left: 8, right: 12, top: 16, bottom: 32, containLabel: true },
  };
}

export function axis(colours: Palette): Record<string, unknown> {
  return { axisLabel: { color: colours.soft }, axisLine: { lineStyle: { color: colours.line } }, splitLine: { lineStyle: { color: colours.line } }, axisTick: { show: false } };
}
