// The verify page: takes files, sends them one after another, follows each job, shows its verdict.

import { VERDICTS, banner, el, evidence } from "./evidence.js";
import { inWords, look, missingInWords, outline, timeline } from "./timeline.js";

const PARALLEL = 2; // uploads at once
const POLL_MS = [250, 2000];
const UNREACHABLE = ["The server cannot be reached", "check that it is running, and try again"];
const RETRIES = 30; // while the server is full

const page = Object.fromEntries(["choose", "files", "limit", "list", "localise", "overlay", "status"].map((id) => [id, document.getElementById(id)]));
const waiting = [];
let running = 0;
let largest = Infinity; // bytes

// Choosing and dropping

page.choose.addEventListener("click", () => page.files.click());
page.files.addEventListener("change", () => {
  take([...page.files.files]);
  page.files.value = ""; // the same file may be chosen again
});

let depth = 0; // dragenter and dragleave come for every element that is crossed
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (carriesFiles(event)) page.overlay.hidden = ++depth === 0;
});
addEventListener("dragleave", (event) => {
  if (carriesFiles(event)) page.overlay.hidden = (depth = Math.max(0, depth - 1)) === 0;
});
addEventListener("dragover", (event) => {
  if (carriesFiles(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth = 0;
  page.overlay.hidden = true;
  take([...event.dataTransfer.files]);
});

fetch("/api/service")
  .then((answer) => answer.json())
  .then((service) => {
    largest = service.max_bytes;
    page.limit.textContent = `Up to ${size(largest)} each`;
  })
  .catch(() => {}); // the server refuses what is too large

function take(files) {
  if (!files.length) return;
  document.body.classList.add("has-results");
  document.querySelector(".results").hidden = false;
  const entries = files.map((file) => new Entry(file));
  entries.toReversed().forEach((entry) => page.list.prepend(entry.element));
  waiting.push(...entries);
  entries[0].heading.focus();
  say(files.length === 1 ? `${files[0].name} is being checked` : `${files.length} files are being checked`);
  next();
}

function next() {
  while (running < PARALLEL && waiting.length) {
    running++;
    waiting
      .shift()
      .run()
      .finally(() => (running--, next()));
  }
}

function say(text) {
  page.status.textContent = text;
}

// One file

class Entry {
  constructor(file) {
    this.file = file;
    this.localise = page.localise.checked;
    this.stopped = new AbortController();
    this.heading = el("h3", { tabindex: "-1" }, file.name);
    this.step = el("p", { class: "quiet" }, "Waiting");
    this.bar = el("progress", { max: "1", value: "0", "aria-label": `Progress of ${file.name}` });
    const cancel = el("button", { type: "button", "aria-label": `Cancel ${file.name}` }, "Cancel");
    cancel.addEventListener("click", () => this.stopped.abort());
    this.working = el("div", { class: "working" }, this.step, this.bar, cancel);
    const top = el("div", { class: "top" }, this.heading, el("span", { class: "quiet" }, size(file.size)));
    this.element = el("li", { class: "file" }, top, this.working);
  }

  async run() {
    const signal = this.stopped.signal;
    try {
      signal.throwIfAborted();
      if (this.file.size === 0) throw failure("The file is empty", "choose the complete file");
      if (this.file.size > largest) throw failure(`The file is larger than ${size(largest)}`, "cut or scale the video, or use the command line");
      const shown = look(this.file); // while the file travels
      const job = await this.follow(await this.send(signal), signal);
      this.finish();
      this.show(job, await shown);
    } catch (error) {
      this.finish();
      this.fail(signal.aborted ? failure("Cancelled", "give the file again if you want its verdict") : error);
    }
  }

  async send(signal) {
    for (let attempt = 0; ; attempt++) {
      const { status, answer } = await post(this.file, this.localise, signal, (sent) => {
        this.bar.value = sent;
        this.step.textContent = sent < 1 ? `Uploading, ${Math.round(100 * sent)} %` : "Received";
      });
      if (status === 202) return answer.id;
      if (status !== 503 || attempt >= RETRIES) throw failure(answer?.error ?? `The server answered ${status}`, answer?.what_to_do ?? "try again");
      this.step.textContent = "The server is busy; trying again";
      await pause(2000, signal);
    }
  }

  async follow(id, signal) {
    const address = `/api/jobs/${id}`;
    signal.addEventListener("abort", () => fetch(address, { method: "DELETE" }).catch(() => {}));
    for (let wait = POLL_MS[0]; ; wait = Math.min(POLL_MS[1], wait * 1.2)) {
      const answer = await fetch(address, { signal }).catch(unreachable);
      const job = await answer.json();
      if (!answer.ok) throw failure(job.error, job.what_to_do);
      if (job.state === "done") return job;
      if (job.error) throw failure(job.error.error, job.error.what_to_do);
      this.report(job);
      await pause(wait, signal);
    }
  }

  report(job) {
    const [done, total] = job.progress ?? [0, null];
    if (job.state === "queued") this.step.textContent = job.ahead ? `In the queue, ${job.ahead} before it` : "In the queue";
    else if (this.localise && total && done === total) this.step.textContent = "Looking for what lacks the mark";
    else this.step.textContent = total ? `Looking at frame ${done} of ${total}` : "Looking at it";
    if (total) this.bar.value = done / total;
    else this.bar.removeAttribute("value"); // a bar that only moves
  }

  finish() {
    const held = this.working.contains(document.activeElement);
    this.working.remove();
    if (held) this.heading.focus();
  }

  fail(error) {
    this.element.classList.add("failed");
    const message = error.message.startsWith(this.file.name) ? `${error.message}.` : sentence(error.message);
    const what = error.whatToDo ? [el("p", {}, sentence(error.whatToDo))] : [];
    const text = el("div", {}, el("strong", {}, message), ...what);
    this.element.append(el("div", { class: "verdict" }, el("span", { class: "sign", "aria-hidden": "true" }, "×"), text));
    say(message.startsWith(this.file.name) ? message : `${this.file.name}: ${message}`);
  }

  show({ verdict, explanation }, { kind, duration, canvases }) {
    this.element.classList.add(verdict.verdict);
    this.element.append(banner(verdict, explanation), evidence(verdict));
    const { segments, missing, turned } = verdict.watermark;
    const gaps = missing?.spans ?? [];
    const length = Number.isFinite(duration) && duration > 0 ? duration : Math.max(0, ...segments.map(([, end]) => end));
    if (kind === "picture") this.element.append(figure("The picture", canvases));
    else if (length && (canvases.length || segments.length)) {
      const said = [inWords(segments, length), missingInWords(missing)];
      if (!canvases.length) said.push("This browser cannot show the frames.");
      else if (missing && !turned) outline(canvases, missing.regions, length);
      this.element.append(figure(said.filter(Boolean).join(" "), canvases, timeline(segments, length, gaps)));
    }
    this.element.append(this.foot(verdict));
    say(`${this.file.name}: ${VERDICTS[verdict.verdict][0]}. ${explanation}`);
  }

  foot(verdict) {
    const blob = new Blob([JSON.stringify(verdict, null, 2), "\n"], { type: "application/json" });
    const name = `${this.file.name}.verdict.json`;
    const link = el("a", { class: "button", href: URL.createObjectURL(blob), download: name }, "Download JSON");
    link.append(el("span", { class: "unseen" }, ` of ${this.file.name}`));
    return el("div", { class: "foot" }, el("span", { class: "code" }, `sha256 ${verdict.sha256}`), link);
  }
}

function figure(caption, canvases, ...more) {
  const frames = el("div", { class: canvases.length === 1 ? "frames single" : "frames" }, ...canvases);
  return el("figure", {}, el("figcaption", {}, caption), ...(canvases.length ? [frames] : []), ...more);
}

/** XMLHttpRequest, because fetch does not tell how much has been sent. */
function post(file, localise, signal, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/verify?name=${encodeURIComponent(file.name)}&localise=${localise}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => progress(event.loaded / (event.total || file.size)));
    request.addEventListener("load", () => resolve({ status: request.status, answer: request.response }));
    request.addEventListener("error", () => reject(failure(...UNREACHABLE)));
    request.addEventListener("abort", () => reject(signal.reason));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

function unreachable(error) {
  throw error.name === "AbortError" ? error : failure(...UNREACHABLE);
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}

function failure(message, whatToDo) {
  return Object.assign(new Error(message), { whatToDo });
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1).replace(/\.?$/, ".") : "";
}

function size(bytes) {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const [unit, factor] = bytes >= 1e9 ? ["GB", 1e9] : bytes >= 1e6 ? ["MB", 1e6] : ["kB", 1e3];
  const value = bytes / factor;
  return `${value >= 100 || value % 1 === 0 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}
