// The filters of the rules' overview. Zensical may replace a page without loading it, so the form is looked up at each change.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form.filters");
  if (form) filter(form);
});

function filter(form) {
  const chosen = [...form.querySelectorAll("select")].filter((box) => box.value);
  let shown = 0;
  const rules = document.querySelectorAll(".rule");
  for (const rule of rules) {
    const fits = chosen.every((box) => {
      const values = rule.dataset[box.name].split(" ");
      return values.includes(box.value) || (box.name === "framework" && values[0] === "");
    });
    rule.hidden = !fits;
    shown += fits;
  }
  for (const group of document.querySelectorAll(".rules")) {
    group.previousElementSibling.hidden = ![...group.children].some((rule) => !rule.hidden);
  }
  form.querySelector("output").textContent = chosen.length ? `${shown} of ${rules.length} rules` : "";
}
