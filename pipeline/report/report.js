// The page's players and its table of all rows. The data comes from scripts in data/, because a page that is opened
// from a disk may not fetch.
(function () {
  "use strict";

  const byId = id => document.getElementById(id);

  // An element with attributes, and with texts and elements in it. A text is never parsed as markup.
  function make(tag, attributes, ...held) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...held.filter(one => one !== null && one !== undefined));
    return element;
  }

  // --- Players. They are made on demand, and one plays at a time. The second player of a row goes on where the first
  // --- one stopped.

  function player(source, name) {
    const audio = make("audio", { controls: true, preload: "metadata", src: source, "aria-label": name });
    audio.addEventListener("error", () => audio.replaceWith(make("em", {}, "could not be played")));
    return audio;
  }

  function start(audio) {
    audio.focus();
    const playing = audio.play();
    // Without permission to play, the player waits for a click.
    if (playing) playing.catch(() => {});
  }

  document.addEventListener("play", event => {
    const playing = event.target;
    for (const other of document.querySelectorAll("audio")) {
      if (other === playing || other.paused) continue;
      other.pause();
      const sameRow = other.closest(".players") === playing.closest(".players");
      if (sameRow && other.currentTime < (playing.duration || Infinity)) playing.currentTime = other.currentTime;
    }
  }, true);

  for (const link of document.querySelectorAll("a.listen")) {
    const button = make("button", { type: "button", class: "listen", "aria-label": link.dataset.name }, link.textContent);
    button.addEventListener("click", () => {
      const label = make("span", {}, link.textContent), audio = player(link.getAttribute("href"), link.dataset.name);
      button.replaceWith(label, audio);
      start(audio);
    });
    link.replaceWith(button);
  }

  // --- The data. Each script calls elsaReport.take with its part. ---

  let columns = null;
  const parts = [], loading = new Map();

  window.elsaReport = {
    take(number, text) {
      const part = JSON.parse(text);
      if (number === null) columns = part;
      else parts[number] = part;
    },
  };

  function load(name) {
    if (!loading.has(name)) {
      loading.set(name, new Promise((resolve, reject) => {
        const script = make("script", { src: `data/${name}` });
        script.onload = () => { script.remove(); resolve(); };
        script.onerror = () => {
          script.remove();
          loading.delete(name);
          reject(new Error(`data/${name} could not be read: write the report again with elsa report`));
        };
        document.head.append(script);
      }));
    }
    return loading.get(name);
  }

  const partName = number => `rows-${String(number).padStart(5, "0")}.js`;
  const loadPart = number => parts[number] ? Promise.resolve() : load(partName(number));

  function bytes(encoded) {
    const text = atob(encoded), values = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) values[at] = text.charCodeAt(at);
    return values;
  }

  function numbers(column) {
    const raw = bytes(column.values).buffer;
    return column.bits === 16 ? new Int16Array(raw) : new Int32Array(raw);
  }

  // --- The rows that pass, and their order. ---

  const LABELS = {
    azimuth_deg: "Azimuth", elevation_deg: "Elevation", distance_m: "Distance", t30_ms: "T30",
    floor_area_m2: "Floor area", duration_s: "Length",
  };
  const NONE = { players: "file alone" };
  let facets, values, least, shardStarts, soundsAt;
  const state = { chosen: new Map(), text: "", sort: "mixed", down: false, page: 1, size: 10 };
  const orders = new Map();
  let texts = { asked: "", passes: null };

  function prepare() {
    facets = columns.facets.map(facet => ({ ...facet, codes: bytes(facet.codes) }));
    // Only a release that has scenes counts the sounds of its rows.
    soundsAt = facets.findIndex(facet => facet.name === "sounds");
    values = {};
    least = {};
    for (const [name, column] of Object.entries(columns.numbers)) {
      values[name] = numbers(column);
      least[name] = column.bits === 16 ? -32768 : -2147483648;
    }
    let at = 0;
    shardStarts = columns.shardSizes.map(size => { at += size; return at - size; });
  }

  function valueOf(name, row) {
    const value = values[name][row];
    return value === least[name] ? null : value / 10 ** columns.numbers[name].decimals;
  }

  function written(name, row, decimals, signed, scale, unit) {
    const value = valueOf(name, row) * (scale || 1);
    if (valueOf(name, row) === null) return "–";
    const text = Math.abs(value).toFixed(decimals);
    const sign = Number(text) === 0 ? "" : value < 0 ? "−" : signed ? "+" : "";
    return sign + text + (unit || "");
  }

  const grouped = count => String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");

  function shardOf(row) {
    let low = 0, high = shardStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (shardStarts[middle] <= row) low = middle;
      else high = middle - 1;
    }
    return columns.shards[low];
  }

  function wordOf(facet, row) {
    return facet.values[facet.codes[row]] || null;
  }

  // An order in which neighbours differ: steps of a golden section through the rows of a file of texts. A step that has
  // no common divisor with the number of rows visits every row once.
  function mixed(count) {
    const divisor = (a, b) => b ? divisor(b, a % b) : a;
    const order = new Uint32Array(count);
    for (let first = 0; first < count; first += columns.rowsAFile) {
      const rows = Math.min(columns.rowsAFile, count - first);
      let step = Math.max(1, Math.round(rows * 0.381966));
      while (divisor(rows, step) > 1) step++;
      for (let at = 0; at < rows; at++) order[first + at] = first + at * step % rows;
    }
    return order;
  }

  // All rows in the chosen order; rows without a value come last, whether ascending or descending.
  function ordered() {
    if (!state.sort && !state.down) return null;
    const key = `${state.sort} ${state.down}`;
    if (!orders.has(key)) {
      const of = values[state.sort], none = least[state.sort], sign = state.down ? -1 : 1;
      const rows = state.sort === "mixed" ? mixed(columns.count) : Uint32Array.from({ length: columns.count }, (_, row) => row);
      if (!of) { if (state.down) rows.reverse(); }
      else rows.sort((a, b) => {
        if (of[a] === of[b]) return a - b;
        if (of[a] === none) return 1;
        if (of[b] === none) return -1;
        return sign * (of[a] - of[b]);
      });
      orders.set(key, rows);
    }
    return orders.get(key);
  }

  // The words and “phrases” of a search, folded as the texts are.
  const folded = text => text.normalize("NFC").toLowerCase();
  function terms(text) {
    return Array.from(folded(text).matchAll(/["“„]([^"”“]+)["”“]?|[^\s"“”„]+/g), found => (found[1] || found[0]).trim());
  }

  // One text for each row of a part, made once.
  function searchable(part) {
    if (!part.search) {
      const originals = part.originals.map(folded);
      const clips = part.clips.map(clip => folded(clip[0] || ""));
      part.search = part.after.map((after, at) =>
        [clips[part.clip[at]], ...part.before[at].map(one => originals[one]), ...after.map(folded)].join("\n"));
    }
    return part.search;
  }

  async function readAll() {
    const count = Math.ceil(columns.count / columns.rowsAFile), bar = byId("read");
    let next = 0, read = 0;
    async function take() {
      while (next < count) {
        const number = next++;
        await loadPart(number);
        searchable(parts[number]);
        bar.value = ++read / count;
      }
    }
    if (parts.filter(Boolean).length < count) byId("reading").hidden = false;
    await Promise.all(Array.from({ length: 6 }, take));
    byId("reading").hidden = true;
  }

  async function search() {
    const asked = terms(state.text);
    const key = JSON.stringify(asked);
    if (texts.asked === key || (!asked.length && texts.passes === null)) return;
    if (!asked.length) { texts = { asked: "", passes: null }; return; }
    await readAll();
    const passes = new Uint8Array(columns.count);
    parts.forEach((part, number) => {
      searchable(part).forEach((text, at) => {
        if (asked.every(term => text.includes(term))) passes[number * columns.rowsAFile + at] = 1;
      });
    });
    texts = { asked: key, passes };
  }

  // The rows that pass, in order, and for every facet the number of rows that each value would leave.
  function filtered() {
    const wanted = facets.map(facet => {
      const chosen = state.chosen.get(facet.name);
      return chosen && chosen.size ? Uint8Array.from({ length: 256 }, (_, code) => chosen.has(code) ? 1 : 0) : null;
    });
    const counts = facets.map(() => new Uint32Array(256));
    const order = ordered(), found = new Uint32Array(columns.count);
    let length = 0;
    for (let place = 0; place < columns.count; place++) {
      const row = order ? order[place] : place;
      if (texts.passes && !texts.passes[row]) continue;
      let failed = -1, failures = 0;
      for (let at = 0; at < facets.length && failures < 2; at++) {
        if (wanted[at] && !wanted[at][facets[at].codes[row]]) { failed = at; failures++; }
      }
      if (failures === 0) {
        found[length++] = row;
        for (let at = 0; at < facets.length; at++) counts[at][facets[at].codes[row]]++;
      } else if (failures === 1) {
        counts[failed][facets[failed].codes[row]]++;
      }
    }
    return { rows: found.subarray(0, length), counts };
  }

  // --- What is shown. ---

  let result = { rows: new Uint32Array(0) };
  let turn = 0;

  async function update() {
    const mine = ++turn;
    state.page = 1;
    await guarded(async () => {
      await search();
      if (mine !== turn) return;
      result = filtered();
      await show(mine);
    });
  }

  // Shows what went wrong, such as a missing file of data.
  async function guarded(work) {
    try {
      await work();
    } catch (error) {
      byId("reading").hidden = true;
      byId("problem").textContent = error.message;
      byId("problem").hidden = false;
    }
  }

  async function show(mine) {
    const pages = Math.max(1, Math.ceil(result.rows.length / state.size));
    state.page = Math.min(Math.max(1, state.page), pages);
    const first = (state.page - 1) * state.size;
    const rows = Array.from(result.rows.subarray(first, first + state.size));
    await Promise.all([...new Set(rows.map(row => Math.floor(row / columns.rowsAFile)))].map(loadPart));
    if (mine !== turn) return;
    byId("problem").hidden = true;
    byId("shown").replaceChildren(...rows.map(rowElement));
    if (!rows.length) {
      byId("shown").append(make("tr", { role: "row" },
        make("td", { role: "cell", colspan: byId("heads").children.length, class: "empty" },
          "No row has all of this. Take away a word, or clear the search.")));
    }
    announce(pages, first, rows.length);
  }

  function announce(pages, first, length) {
    const many = result.rows.length, of = columns.count;
    const rows = many === of ? `All ${grouped(of)} rows` : `${grouped(many)} of ${grouped(of)} rows`;
    const text = length ? `${rows}, ${grouped(first + 1)} to ${grouped(first + length)} shown` : "No rows";
    if (byId("found").textContent !== text) byId("found").textContent = text;
    byId("pages").textContent = grouped(pages);
    const page = byId("page");
    page.max = pages;
    page.value = state.page;
    for (const button of document.querySelectorAll(".pages button")) {
      const back = button.dataset.to === "first" || button.dataset.to === "previous";
      // A disabled button would lose the focus on the last page.
      button.setAttribute("aria-disabled", String(back ? state.page === 1 : state.page === pages));
    }
    facets.forEach((facet, at) => facet.shown.forEach(({ code, count }) => {
      count.textContent = grouped(result.counts[at][code]);
    }));
    for (const head of document.querySelectorAll("#heads [data-sort]")) {
      const here = head.dataset.sort === state.sort;
      if (here) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    byId("sort").value = state.sort;
    byId("turn").setAttribute("aria-pressed", String(state.down));
    byId("clear").setAttribute("aria-disabled", String(!state.text && ![...state.chosen.values()].some(set => set.size)));
  }

  // The caption in pieces; `marks` holds the start and the end of each part that says a word of the row.
  function marked(caption, marks) {
    const pieces = [];
    let at = 0;
    for (let index = 0; index < marks.length; index += 2) {
      const [start, end] = [marks[index], marks[index + 1]];
      if (start > at) pieces.push(caption.slice(at, start));
      pieces.push(make("mark", {}, caption.slice(start, end)));
      at = end;
    }
    if (at < caption.length) pieces.push(caption.slice(at));
    return pieces;
  }

  function textsOf(row) {
    const part = parts[Math.floor(row / columns.rowsAFile)], at = row % columns.rowsAFile;
    const [source, licence, by, url] = part.clips[part.clip[at]];
    return {
      id: part.id[at], file: `${shardOf(row)}/${part.file[at]}`, version: part.version[at], drr: part.drr[at],
      source, licence, by, url, after: part.after[at], marks: part.marks[at], status: part.status[at] || [],
      before: part.before[at].map(one => part.originals[one]), sounds: part.sounds[at],
    };
  }

  const writers = {
    rewritten: "Spatial caption, by a language model", template: "Spatial caption, by the template",
  };
  const wordsOf = row => facets.slice(1, 6).map(facet => wordOf(facet, row)).filter(Boolean);

  function cell(label, attributes, ...held) {
    return make("td", { role: "cell", "data-label": label, ...attributes }, ...held);
  }

  function rowElement(row) {
    const of = textsOf(row), words = wordsOf(row), split = wordOf(facets[0], row) || "";
    const name = `${of.source}, version ${of.version}`;
    const button = make("button", {
      type: "button", class: columns.players[row] ? "open binaural" : "open", "aria-expanded": "false",
      "aria-label": `Listen to ${name}`,
    }, "Listen");
    const more = of.after.length > 1 ? make("small", {}, `and ${of.after.length - 1} more`) : null;
    const element = make("tr", { role: "row", "data-row": row },
      cell("", { class: "do" }, button),
      make("th", { role: "rowheader", scope: "row", "data-label": "Clip" },
        make("span", { class: `key ${split}` }, split), " ", make("bdi", {}, of.source || ""), " ",
        make("small", {}, `version ${of.version}`)),
      cell("Captions", { class: "said" },
        make("p", { dir: "auto" }, ...marked(of.after[0] || "", of.marks[0] || [])),
        make("p", { dir: "auto", class: "before" }, of.before[0] || ""), more),
      cell("Words", { class: "words-of" }, words.length ? words.join(" · ") : make("span", { class: "none" }, "no word")),
      ...(soundsAt < 0 ? [] : [cell("Sounds", { class: "words-of" }, wordOf(facets[soundsAt], row) || "–")]),
      cell("Azimuth", { class: "n" }, written("azimuth_deg", row, 0, true, 1, "°")),
      cell("Elevation", { class: "n" }, written("elevation_deg", row, 0, true, 1, "°")),
      cell("Distance", { class: "n" }, written("distance_m", row, 2, false, 1, " m")),
      cell("T30", { class: "n" }, written("t30_ms", row, 2, false, 0.001, " s")));
    button.addEventListener("click", () => toggle(element, button, row, name));
    return element;
  }

  function toggle(element, button, row, name) {
    const next = element.nextElementSibling;
    if (next && next.classList.contains("opened")) {
      next.remove();
      button.setAttribute("aria-expanded", "false");
      return;
    }
    const opened = make("tr", { role: "row", class: "opened" },
      make("td", { role: "cell", colspan: element.children.length }, ...detail(row, name)));
    opened.addEventListener("keydown", event => {
      if (event.key !== "Escape") return;
      toggle(element, button, row, name);
      button.focus();
    });
    element.after(opened);
    button.setAttribute("aria-expanded", "true");
    const players = opened.querySelectorAll("audio");
    if (players.length) start(players[players.length - 1]);
  }

  const source = url => make("a", { href: url, rel: "noreferrer noopener" }, "source");

  function detail(row, name) {
    const of = textsOf(row);
    const pairs = of.after.map((after, at) => make("div", { class: "pair" },
      make("p", { class: "before", dir: "auto" }, make("span", { class: "label" }, of.sounds && of.sounds.length > 1 ? "Captions of the clips" : "Caption of the clip"), of.before[at] || ""),
      make("p", { class: "after", dir: "auto" }, make("span", { class: "label" }, writers[of.status[at]] || "Spatial caption"),
        ...marked(after, of.marks[at] || []))));
    const measures = [
      ["azimuth", written("azimuth_deg", row, 0, true, 1, "°")], ["elevation", written("elevation_deg", row, 0, true, 1, "°")],
      ["distance", written("distance_m", row, 2, false, 1, " m")], ["T30", written("t30_ms", row, 2, false, 0.001, " s")],
      ["DRR", of.drr === null ? "–" : `${of.drr < 0 ? "−" : "+"}${Math.abs(of.drr).toFixed(1)} dB`],
      ["floor", `${written("floor_area_m2", row, 0)} m²`], ["length", `${written("duration_s", row, 1)} s`],
    ].filter(([label, value]) => !of.sounds || (value !== "–" && label !== "DRR"))
      .map(([label, value]) => make("div", {}, make("dt", {}, label), make("dd", {}, value)));
    const sounds = (of.sounds || []).map(([caption, where, , credit, link], at) => make("li", { class: colourOf(at) },
      make("p", {}, make("b", { class: "badge" }, String(at + 1)), " ", make("span", { dir: "auto" }, caption)),
      make("p", { class: "where" }, where),
      credit || link ? make("p", { class: "credit" }, make("span", { dir: "auto" }, credit), link ? " " : "", link ? source(link) : null) : null));
    // Each sound of a scene has its own author and licence.
    const from = of.sounds ? "" : [of.by, of.licence].filter(Boolean).join(", ");
    return [
      playersOf(row, of, name),
      make("div", { class: "body" }, of.sounds ? soundsFromAbove(of.sounds) : fromAbove(row),
        make("div", { class: "said" }, ...pairs, of.sounds ? make("ol", { class: "sounds" }, ...sounds) : null)),
      make("dl", { class: "measures" }, ...measures),
      make("footer", {}, make("code", {}, of.file), from ? ` · ${from}` : "",
        of.url && !of.sounds ? " " : "", of.url && !of.sounds ? source(of.url) : null),
    ];
  }

  function playersOf(row, of, name) {
    const files = columns.players[row];
    if (files && files[1]) {
      const one = (label, file) => make("div", {}, make("span", {}, label),
        file ? player(`audio/${file}`, `${label}: ${name}`) : make("em", {}, "not at hand (--input)"));
      return make("div", { class: "players" }, one("Original", files[0]), one("Binaural", files[1]));
    }
    const path = of.file.split("/").map(encodeURIComponent).join("/");
    const id = /^[\w./:@%+=,-]+$/.test(of.id) ? of.id : `'${of.id.replace(/'/g, "'\\''")}'`;
    const heard = document.documentElement.dataset.ears ? "The file of the row"
      : "The file of the row: the browser mixes its four channels down, so you hear what sounds, but not where";
    return make("div", { class: "players alone" },
      make("div", {}, make("span", {}, heard),
        player(`../${path}`, `The row’s file: ${name}`)),
      make("p", {}, "To get a binaural player for this row: ", make("code", {}, `elsa report RELEASE --rows=${id}`)));
  }

  const draw = (tag, attributes, ...held) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...held);
    return element;
  };
  const colourOf = at => `s${at % 6 + 1}`;

  // The receiver and the sounds of a scene from above, each with its number and the points of its path.
  function soundsFromAbove(sounds) {
    const farthest = Math.max(2, ...sounds.flatMap(([, , points]) => points.map(([right, ahead]) => Math.hypot(right, ahead))));
    const metre = 84 / farthest, at = ([right, ahead]) => [(right * metre).toFixed(1), (-ahead * metre).toFixed(1)];
    const picture = draw("svg", {
      class: "around", viewBox: "-100 -100 200 200", role: "img",
      "aria-label": "From above, front up: the sounds of the list beside, by their numbers.",
    }, draw("circle", { class: "ring", r: metre }), draw("circle", { class: "ring", r: 2 * metre }),
    draw("path", { class: "front", d: "M0 -6V-17M-3.6 -13L0 -17.6L3.6 -13" }), draw("circle", { class: "head", r: 5 }));
    sounds.forEach(([, , points], number) => {
      if (points.length > 1) {
        const [before, end] = points.slice(-2).map(at), turn = Math.atan2(end[1] - before[1], end[0] - before[0]) * 180 / Math.PI;
        picture.append(
          draw("polyline", { class: `way ${colourOf(number)}`, points: points.map(point => at(point).join()).join(" ") }),
          draw("path", { class: `arrow ${colourOf(number)}`, d: "M-4 -5L6 0L-4 5z", transform: `translate(${end.join(" ")}) rotate(${turn.toFixed(0)})` }));
      }
    });
    sounds.forEach(([, , points], number) => {
      if (points.length) picture.append(draw("g", { class: `spot ${colourOf(number)}`, transform: `translate(${at(points[0]).join(" ")})` },
        draw("circle", { r: 10 }), draw("text", { "text-anchor": "middle", dy: "0.36em" }, String(number + 1))));
    });
    return picture;
  }

  // The receiver and the source from above: front is up, left is left, rings at 1 m and 2 m.
  function fromAbove(row) {
    const azimuth = valueOf("azimuth_deg", row) || 0, distance = valueOf("distance_m", row) || 0;
    const ground = distance * Math.cos((valueOf("elevation_deg", row) || 0) * Math.PI / 180);
    const metre = 80 / Math.max(2, ground), angle = azimuth * Math.PI / 180;
    const x = -ground * metre * Math.sin(angle), y = -ground * metre * Math.cos(angle);
    const side = Math.abs(azimuth) < 0.5 ? "ahead" : `${Math.abs(azimuth).toFixed(0)}° to the ${azimuth > 0 ? "left" : "right"}`;
    const picture = draw("svg", {
      class: "around", viewBox: "-100 -100 200 200", role: "img",
      "aria-label": `From above, front up: the source is ${side}, ${distance.toFixed(2)} m away.`,
    });
    picture.append(
      draw("circle", { class: "ring", r: metre }), draw("circle", { class: "ring", r: 2 * metre }),
      draw("line", { class: "ray", x2: x.toFixed(1), y2: y.toFixed(1) }),
      draw("path", { class: "front", d: "M0 -6V-17M-3.6 -13L0 -17.6L3.6 -13" }), draw("circle", { class: "head", r: 5 }),
      draw("circle", { class: "source", cx: x.toFixed(1), cy: y.toFixed(1), r: 5.5 }),
      draw("text", { class: "side", y: -88, "text-anchor": "middle" }));
    picture.lastChild.textContent = "front";
    return picture;
  }

  // --- The controls. ---

  function controls() {
    const offered = byId("facets"), used = facets.map(() => new Uint32Array(256));
    facets.forEach((facet, at) => facet.codes.forEach(code => used[at][code]++));
    facets.forEach((facet, at) => {
      const chosen = new Set();
      state.chosen.set(facet.name, chosen);
      facet.shown = [];
      const chips = [...facet.values, NONE[facet.name] || "none"].map((value, code) => {
        if (!used[at][code] && code === facet.values.length) return null;
        const box = make("input", { type: "checkbox" }), count = make("small", {}, "");
        box.addEventListener("change", () => {
          if (box.checked) chosen.add(code);
          else chosen.delete(code);
          update();
        });
        facet.shown.push({ code, count });
        return make("label", { class: "chip" }, box, make("span", {}, value, " ", count));
      });
      offered.append(make("fieldset", {}, make("legend", {}, facet.name.replace(/_/g, " ")), ...chips.filter(Boolean)));
    });
    byId("heads").append(...["Listen", "Clip", "Captions", "Words", ...(soundsAt < 0 ? [] : ["Sounds"]), "azimuth_deg", "elevation_deg", "distance_m", "t30_ms"]
      .map(name => {
        if (!LABELS[name]) return make("th", { role: "columnheader", scope: "col" }, name);
        const button = make("button", { type: "button" }, LABELS[name]);
        button.addEventListener("click", () => {
          if (state.sort !== name) Object.assign(state, { sort: name, down: false });
          else if (!state.down) state.down = true;
          else Object.assign(state, { sort: "mixed", down: false });
          update();
        });
        return make("th", { role: "columnheader", scope: "col", class: "n", "data-sort": name }, button);
      }));
    byId("sort").append(make("option", { value: "mixed" }, "mixed"), make("option", { value: "" }, "order of the release"),
      ...Object.keys(columns.numbers).map(name => make("option", { value: name }, LABELS[name])));
    byId("sort").addEventListener("change", event => { state.sort = event.target.value; update(); });
    byId("turn").addEventListener("click", () => { state.down = !state.down; update(); });
    byId("size").addEventListener("change", event => { state.size = Number(event.target.value); update(); });

    byId("narrow").open = matchMedia("(min-width: 52rem)").matches;
    const form = byId("filter"), text = byId("text");
    let waiting = 0;
    text.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { state.text = text.value; update(); }, 120);
    });
    // Somebody who puts the cursor there is about to search, so the captions are read ahead.
    text.addEventListener("focus", () => { readAll().catch(() => { byId("reading").hidden = true; }); }, { once: true });
    form.addEventListener("submit", event => {
      event.preventDefault();
      clearTimeout(waiting);
      state.text = text.value;
      update();
    });
    form.addEventListener("reset", () => {
      state.text = "";
      for (const chosen of state.chosen.values()) chosen.clear();
      update();
    });
    const pageTo = {
      first: () => 1, previous: () => state.page - 1, next: () => state.page + 1, last: () => Infinity,
    };
    for (const button of document.querySelectorAll(".pages button")) {
      button.addEventListener("click", () => {
        if (button.getAttribute("aria-disabled") === "true") return;
        state.page = pageTo[button.dataset.to]();
        guarded(() => show(++turn)).then(() => byId("found").scrollIntoView({ block: "nearest" }));
      });
    }
    byId("page").addEventListener("change", event => {
      state.page = Math.floor(Number(event.target.value)) || 1;
      guarded(() => show(++turn));
    });
  }

  load("rows.js").then(() => {
    prepare();
    controls();
    byId("table").hidden = false;
    return update();
  }).then(() => { performance.mark("elsa-table-shown"); document.documentElement.dataset.table = "shown"; })
    .catch(error => {
      byId("table").before(make("p", { class: "note", role: "alert" }, error.message));
    });
})();
