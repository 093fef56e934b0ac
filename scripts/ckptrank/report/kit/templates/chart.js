for (const [name, columns] of Object.entries(settings.columns)) {
  const fields = Object.entries(columns), first = fields[0][1];
  const rows = values => (values.like ? columns[values.like] : values).index;
  settings.datasets[name] = (first.index || first).map((_, row) => Object.fromEntries(
    fields.map(([field, values]) => [field, values.words ? values.words[rows(values)[row]] : values[row]])));
}
settings.spec.datasets = settings.datasets;

// The same points as a table, for those who cannot hover: those that the menus choose, without the menus' columns.
const menus = settings.spec.params.map(menu => menu.name);
const fields = Object.keys(settings.columns.points);
const shown = fields.filter(field => !menus.includes(field));
const cell = (row, kind, text) => {
  const made = row.appendChild(document.createElement(kind));
  made.textContent = text ?? "–";
  if (typeof text === "number") made.className = "ck-number";
  return made;
};
const list = view => {
  const table = document.querySelector("#points");
  table.replaceChildren(document.createElement("thead"), document.createElement("tbody"));
  const [head, body] = table.children, heading = head.insertRow();
  shown.forEach(field => {
    const title = cell(heading, "th", field.replaceAll("_", " "));
    title.scope = "col";
    const values = settings.columns.points[field];
    if (typeof (values.words || values).find(value => value !== null) === "number") title.className = "ck-number";
  });
  settings.datasets.points
    .filter(point => menus.every(menu => !(menu in point) || point[menu] === view.signal(menu)))
    .forEach(point => {
      const row = body.insertRow();
      shown.forEach((field, at) => cell(row, at ? "td" : "th", point[field]));
      row.cells[0].scope = "row";
    });
};
const quoted = value => `"${String(value ?? "").replaceAll('"', '""')}"`;
const lines = [fields, ...settings.datasets.points.map(point => fields.map(field => point[field]))];
document.querySelector("#csv").href = "data:text/csv;charset=utf-8," +
  encodeURIComponent(lines.map(line => line.map(quoted).join(",")).join("\n"));

const night = window.matchMedia("(prefers-color-scheme: dark)");
const draw = async () => {
  document.querySelector("#controls").replaceChildren();
  const {view} = await vegaEmbed("#chart", settings.spec, {
    renderer: "svg", bind: "#controls", config: night.matches ? settings.dark : settings.light,
    tooltip: {theme: night.matches ? "dark" : "light"},
    actions: {export: true, source: false, compiled: false, editor: false},
  });
  menus.forEach(menu => view.addSignalListener(menu, () => list(view)));
  list(view);
};
night.addEventListener("change", draw);
draw();
