// Draws every figure of the page with plotly.
"use strict";
for (const figure of document.querySelectorAll("figure.plot")) {
  const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
  Plotly.newPlot(figure.querySelector(".plotly"), data, layout, {
    responsive: true,
    displaylogo: false,
    displayModeBar: "hover",
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  });
}
