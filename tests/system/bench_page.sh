#!/usr/bin/env bash
# The page of `bothy bench report --format html` in a browser: read, sorted, drawn, without a network. Requires chromium.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
at=$work/page
mkdir "$at"

# A run as the program writes it: two subjects, with repetitions, a curve, and names that a page must escape.
python3 - "$at/bench.json" <<'PYTHON'
import json, sys
def series(metric, subject, samples, **parameters):
    return {"metric": metric, "subject": subject, "parameters": parameters, "validity": "ratio only", "reason": "a <test>", "failures": [], "first": [], "samples": samples}
subjects = [{"name": n, "kind": n, "version": "1", "command": "run", "note": "", "measured": True} for n in ("vm", "container")]
starts = lambda ms: [[[ms * 1e6 + i * 1e4] for i in range(12)]]
r = {"schema": "bothy-bench/1", "run": {"bothy": "bothy 1", "seed": 7}, "host": {"class": "bare"}, "configuration": {}, "subjects": subjects,
     "series": [series("startup.end", "vm", starts(120)), series("startup.end", "container", starts(10)),
                series("startup.cpu", "vm", starts(50)), series("startup.cpu", "container", starts(300)),
                series("memory.pss", "vm", [[[n * 12e6 for n in range(1, 8)]]])],
     "facts": [{"topic": "escape", "name": "mount", "subject": "container", "value": "refused", "note": "<i>EPERM</i>"}]}
json.dump(r, open(sys.argv[1], "w"))
PYTHON
run 0 'the page is made' -- sh -c '"$1" bench report --format html "$2" >"$2/page.html"' sh "$bothy" "$at"

# browse FILE: its document after its scripts have run, with no network to load anything from.
browse() {
  timeout 120 chromium --headless=new --no-sandbox --disable-gpu --host-resolver-rules='MAP * ~NOTFOUND' --user-data-dir="$work/browser" \
    --virtual-time-budget=5000 --dump-dom "file://$1" 2>/dev/null
}
# What a click on the second column's head does to the rows of figures, twice; errors of any script.
cat >"$work/click.html" <<'HTML'
<script>
const rows = () => [...document.querySelectorAll("#figures tbody tr")].map((row) => row.cells[0].textContent);
const head = document.querySelector("#figures thead th:nth-child(3) button");
head.click();
const up = rows();
head.click();
document.body.dataset.test = JSON.stringify({ up, down: rows(), sort: document.querySelector("#figures th:nth-child(3)").getAttribute("aria-sort") });
</script>
HTML
{ echo '<script>addEventListener("error", (e) => document.documentElement.dataset.error = e.message);</script>' &&
  cat "$at/page.html" "$work/click.html"; } >"$at/clicked.html"
browse "$at/clicked.html" >"$work/dom" || true
has() { # NAME TEXT
  if grep -qF -- "$2" "$work/dom"; then pass "$1"; else cp "$work/dom" "$work/out" && fail "$1" "no '$2'"; fi
}
has 'a table' 'start to the command'
has 'a head that sorts' 'class="sort"'
has 'sorted upwards, then downwards; what has no figure is last' \
  '{&quot;up&quot;:[&quot;start to the command'"'"'s end&quot;,&quot;processor time of a start&quot;,&quot;memory of an instance, by PSS&quot;],&quot;down&quot;:[&quot;processor time of a start&quot;,&quot;start to the command'"'"'s end&quot;,&quot;memory of an instance, by PSS&quot;],&quot;sort&quot;:&quot;descending&quot;}'
drawings=$(grep -o '<h3>' "$work/dom" | wc -l) svgs=$(grep -o '<svg' "$work/dom" | wc -l)
if [ "$drawings" -eq 3 ] && [ "$svgs" -ge 3 ]; then pass 'a drawing of each figure'; else fail 'a drawing of each figure' "$drawings, $svgs"; fi
if grep -q 'data-error' "$work/dom"; then fail 'no script fails' "$(grep -o 'data-error="[^"]*"' "$work/dom")"; else pass 'no script fails'; fi
if grep -qF '<i>EPERM' "$work/dom"; then fail 'text is no markup' '<i>'; else pass 'text is no markup'; fi

# Without scripts: the tables are there, and what a script would fill is hidden.
sed -e 's/<script/<template/g; s/<\/script/<\/template/g' "$at/page.html" >"$at/still.html"
browse "$at/still.html" >"$work/dom" || true
has 'figures without a script' '120 ms'
has 'facts without a script' 'refused'
has 'nothing empty is shown' '<section id="plots-section" hidden="">'
finish
