// What the page draws with; esbuild leaves out the rest.
export { plot, dot, tickX, ruleX, ruleY, lineY, link, axisX, axisY, gridX } from "@observablehq/plot";
