for (const [name, columns] of Object.entries(settings.columns)) {
  const fields = Object.entries(columns), first = fields[0][1];
  settings.datasets[name] = (first.index || first).map((_, row) => Object.fromEntries(
    fields.map(([field, values]) => [field, values.words ? values.words[values.index[row]] : values[row]])));
}
settings.spec.datasets = settings.datasets;
const night = window.matchMedia("(prefers-color-scheme: dark)");
const draw = () => {
  document.querySelector("#controls").replaceChildren();
  return vegaEmbed("#chart", settings.spec, {
    renderer: "svg", bind: "#controls", config: night.matches ? settings.dark : settings.light,
    tooltip: {theme: night.matches ? "dark" : "light"},
    actions: {export: true, source: false, compiled: false, editor: false},
  });
};
night.addEventListener("change", draw);
draw();
