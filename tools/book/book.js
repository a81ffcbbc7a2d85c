// What a page of the book does: search, contents on a phone, the place marked, boxes that scroll by keyboard.
// Runs in the reader's browser, from a file as well as from a server; without it the pages can still be read.
(() => {
  const $ = (id) => document.getElementById(id);

  // Boxes that scroll sideways take the focus, so that arrow keys scroll them.
  const boxes = document.querySelectorAll("pre, .scroll, .output, .katex-display, #contents");
  const reachable = (box) => {
    const wide = box.scrollWidth > box.clientWidth + 1 || (box.id && box.scrollHeight > box.clientHeight + 1);
    if (!wide) {
      box.removeAttribute("tabindex");
      return;
    }
    box.tabIndex = 0;
    if (box.id) return;
    box.setAttribute("role", "group");
    const caption = box.querySelector("caption")?.textContent;
    const what = box.matches(".katex-display")
      ? "Formula"
      : box.querySelector("table")
      ? "Table"
      : box.matches("pre")
      ? "Code"
      : "Output";
    box.setAttribute("aria-label", caption ? `${what}: ${caption}` : what);
  };
  const watcher = new ResizeObserver((entries) => entries.forEach(({ target }) => reachable(target)));
  boxes.forEach((box) => watcher.observe(box));
  addEventListener("load", () => boxes.forEach(reachable));

  // The contents on a phone.
  const menu = document.querySelector(".menu"), contents = $("contents");
  menu.addEventListener("click", () => {
    menu.setAttribute("aria-expanded", String(contents.classList.toggle("open")));
  });
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a") && menu.offsetParent) {
      contents.classList.remove("open");
      menu.setAttribute("aria-expanded", "false");
    }
  });

  // The place in the page.
  const places = [...contents.querySelectorAll('a[href^="#"]')].map((link) => ({
    link,
    heading: $(decodeURIComponent(link.hash.slice(1))),
  }));
  const markPlace = () => {
    const top = document.querySelector("header").offsetHeight + 40;
    const end = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    const here = end && scrollY > 0
      ? places.findLast(({ heading }) => heading.getBoundingClientRect().top < innerHeight)
      : places.findLast(({ heading }) => heading.getBoundingClientRect().top < top);
    for (const { link } of places) {
      if (link !== here?.link) link.removeAttribute("aria-current");
    }
    if (!here || here.link.getAttribute("aria-current")) return;
    here.link.setAttribute("aria-current", "location");
    const { top: above, bottom } = here.link.getBoundingClientRect(), box = contents.getBoundingClientRect();
    if (above < box.top || bottom > box.bottom) contents.scrollTop += above - box.top - box.height / 3;
  };
  addEventListener("scroll", markPlace, { passive: true });
  markPlace();

  // The search.
  const input = $("search"), found = $("found"), list = found.querySelector("ol");
  const status = found.querySelector("[role=status]"), form = input.form;
  let index;
  const search = (words) => {
    if (!index) {
      index = new MiniSearch({ fields: ["heading", "text", "page"], storeFields: ["href"] });
      index.addAll(ualSections);
    }
    const fuzzy = (term) => term.length > 5 ? 0.2 : 0;
    const options = { prefix: true, fuzzy, boost: { heading: 4, page: 2 } };
    const all = index.search(words, { ...options, combineWith: "AND" });
    return all.length ? all : index.search(words, options);
  };
  const pattern = (terms) => {
    const safe = terms.map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(safe.sort((a, b) => b.length - a.length).join("|"), "gi");
  };
  const excerpt = (text, terms) => {
    const out = document.createElement("span"), all = pattern(terms);
    const first = Math.max(0, text.search(all));
    const start = first > 70 ? text.indexOf(" ", first - 70) + 1 : 0;
    const part = text.slice(start, start + 190);
    let done = 0;
    out.append(start ? "… " : "");
    for (const { 0: hit, index: at } of part.matchAll(all)) {
      const mark = document.createElement("mark");
      mark.textContent = hit;
      out.append(part.slice(done, at), mark);
      done = at + hit.length;
    }
    out.append(part.slice(done), start + 190 < text.length ? " …" : "");
    return out;
  };
  const item = ({ id, terms }) => {
    const { href, heading, page, text } = ualSections[id];
    const link = document.createElement("a"), title = document.createElement("strong");
    const [path, hash] = href.split("#");
    link.href = `${path}?q=${encodeURIComponent(terms.join(" "))}${hash ? `#${hash}` : ""}`;
    title.textContent = heading;
    link.append(title);
    if (page !== heading) {
      const of = document.createElement("small");
      of.textContent = page;
      link.append(" ", of);
    }
    link.append(excerpt(text, terms));
    const line = document.createElement("li");
    line.append(link);
    return line;
  };
  const show = () => {
    const words = input.value.trim();
    found.hidden = !words;
    if (!words) return;
    const results = search(words);
    list.replaceChildren(...results.slice(0, 20).map(item));
    const count = results.length === 1 ? "1 place" : `${results.length} places`;
    status.textContent = results.length
      ? `${count}${results.length > 20 ? ", the best 20 shown" : ""}`
      : `Nothing found for “${words}”`;
  };
  input.addEventListener("input", show);
  input.addEventListener("focus", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  form.addEventListener("focusout", ({ relatedTarget }) => {
    if (!form.contains(relatedTarget)) found.hidden = true;
  });
  found.addEventListener("mousedown", (event) => event.preventDefault()); // a click keeps the focus where it is
  form.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")], at = links.indexOf(document.activeElement);
    if (event.key === "Escape") {
      input.focus();
      found.hidden = true;
    } else if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)]?.focus();
    else if (event.key === "ArrowUp") (links[at - 1] ?? input).focus();
    else return;
    event.preventDefault();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(?:INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) return;
    event.preventDefault();
    input.focus();
  });

  // Words that were searched for are marked, and the first of them in the section is brought into view.
  const words = new URLSearchParams(location.search).get("q")?.split(" ").filter((word) => word);
  if (!words?.length) return;
  const all = pattern(words), ranges = [];
  const walker = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest("script, style, .katex-mathml, [data-figure]")) continue;
    for (const { 0: hit, index: at } of node.data.matchAll(all)) {
      const range = new Range();
      range.setStart(node, at);
      range.setEnd(node, at + hit.length);
      ranges.push(range);
    }
  }
  if (globalThis.CSS?.highlights) CSS.highlights.set("found", new Highlight(...ranges));
  const heading = $(decodeURIComponent(location.hash.slice(1)));
  const first = ranges.find((range) =>
    !heading || heading.compareDocumentPosition(range.startContainer) & 20
  );
  const closed = first?.startContainer.parentElement.closest("details:not([open])");
  if (closed) closed.open = true;
  addEventListener("load", () => {
    const box = first?.getBoundingClientRect();
    if (box && (box.top < 100 || box.bottom > innerHeight)) {
      scrollTo({ top: scrollY + box.top - innerHeight / 3 });
    }
  });
})();
