"""The style sheet of the page: light, dark, narrow and printed. The switch that hides what is well needs no script."""

STYLE = """
:root { color-scheme: light dark; --back: #fcfcfd; --card: #fff; --text: #1c2024; --faint: #60646c; --line: #dfe3e8;
  --one: #2563eb; --two: #b45309; --three: #15803d; --bad: #b91c1c; --badback: #fef2f2; --good: #15803d; --warn: #a16207; }
@media (prefers-color-scheme: dark) { :root { --back: #111316; --card: #1a1d21; --text: #edeef0; --faint: #a0a6ae; --line: #33383f;
  --one: #7aa7ff; --two: #f5b14c; --three: #6fd38f; --bad: #ff8f8f; --badback: #3a1d1f; --good: #6fd38f; --warn: #e8c254; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: break-word; }
p, li, pre, code { overflow-wrap: anywhere; } td:has(> code) { min-width: 7rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; } .faint { color: var(--faint); } code { font: .9em ui-monospace, Menlo, Consolas, monospace; }
.verdict { font-size: 1.1rem; font-weight: 600; margin: .6rem 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem; align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; min-width: 0; break-inside: avoid; }
.card h3 { margin: 0 0 .4rem; font-size: .95rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid var(--line); vertical-align: middle; }
th { color: var(--faint); font-weight: 600; white-space: nowrap; } td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.bad td { background: var(--badback); } .fail { color: var(--bad); font-weight: 600; } .pass { color: var(--good); }
.finding { border-left: 4px solid var(--warn); margin: .6rem 0; } .finding.error { border-left-color: var(--bad); }
.finding.hint { border-left-color: var(--one); } .finding ul { margin: .3rem 0; padding-left: 1.2rem; }
pre { margin: .4rem 0 0; padding: .5rem .7rem; background: var(--back); border: 1px solid var(--line); border-radius: .3rem;
  white-space: pre-wrap; font: .85rem/1.45 ui-monospace, Menlo, Consolas, monospace; }
svg { display: block; max-width: 100%; height: auto; } svg text { fill: var(--faint); font: 11px system-ui, sans-serif; }
.one { fill: var(--one); } .two { fill: var(--two); } .three { fill: var(--three); } .line-one { stroke: var(--one); fill: none; stroke-width: 1.6; }
.line-two { stroke: var(--two); fill: none; stroke-width: 1.6; } .axis { stroke: var(--line); } .mark { stroke: var(--three); stroke-width: 2.5; }
.band-one { fill: var(--one); opacity: .18; } .band-three { fill: var(--three); opacity: .18; }
.line-three { stroke: var(--three); fill: none; stroke-width: 1.6; } .named { display: inline-block; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 .5em; vertical-align: -1px; }
.switch { display: inline-block; margin: 1.5rem 0 0; cursor: pointer; }
body:has(#failing:checked) .ok { display: none; }
@media (max-width: 40rem) { body { padding: 1rem; } table, tbody, tr, td { display: block; width: 100%; } tr.head { display: none; }
  tr { border: 1px solid var(--line); border-radius: .4rem; padding: .3rem .5rem; margin: .5rem 0; }
  td, td:has(> code) { min-width: 0; border: 0; padding: .1rem 0; } td:empty { display: none; } td.number { text-align: left; }
  td[data-name]::before { content: attr(data-name) ": "; color: var(--faint); } }
@media print { :root { --back: #fff; --card: #fff; --text: #000; --faint: #444; --line: #bbb; --one: #2563eb; --two: #b45309; --three: #15803d;
  --bad: #b91c1c; --badback: #fff; } body { max-width: none; padding: 0; font-size: 11pt; } .switch { display: none; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""
